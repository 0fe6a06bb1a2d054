"""What comes next in real visits: hit rate and reciprocal rank at 20, among all products.

    python benchmarks/recommend_session.py [--train FILE --test FILE]

Without files, both sets of `../shared/data` that have a split by time. Parameters are chosen on the
last visits of the training file alone. All peers answer the same questions in the same run.
"""

import sys
import time
from pathlib import Path

import numpy as np

from figure import show
from frozen import SHARED, files, measured
from patron.recommend.measure import ranks
from patron.recommend.session.fit import fit
from patron.recommend.session.index import Params
from patron.recommend.session.query import next_items
from patron.recommend.session.sessions import visits
from patron.recommend.session.tuning import chosen
from session_peers import Ask, K, cosine_of_last, implicit_peers, vmis
from sessions_of import Asked, asked, history, shortest

SECONDS = 900.0
SETS = (
    (SHARED / "retailrocket/train_sessions.parquet", SHARED / "retailrocket/test_prefixes.parquet"),
    (
        SHARED / "yoochoose_100k_ts/train_full.tsv.gz",
        SHARED / "yoochoose_100k_ts/test.tsv.gz",
    ),
)


def freeze(train: Path) -> Params:
    past, _ = history(train)
    return chosen(past, SECONDS, shortest(train)).params


def score(params: Params, train: Path, test: Path) -> None:
    past, names = history(train)
    name = train.parent.name
    began = time.perf_counter()
    index = fit(past, params)
    fitted = time.perf_counter() - began
    every = asked(test, names)
    kept = visits(past)
    peers: dict[str, Ask] = {
        "vmis_knn": vmis(kept, past.items),
        "item_cosine": cosine_of_last(kept, past.items),
        **implicit_peers(kept, past.items),
    }
    measures = {peer: _quality(every, ask) for peer, ask in peers.items()}
    began = time.perf_counter()
    ranked = [next_items(index, one.items, one.ages_s, K).items for one in every]
    seconds = time.perf_counter() - began
    hr, mrr = _measures(every, ranked)
    note = (
        f"{len(every)} questions, fit {fitted:.1f} s, {seconds / len(every) * 1e3:.2f} ms each"
        f"; reference: plain VMIS-kNN; chosen from {train.name}: {params}"
    )
    show(f"{name}_hr{K}", hr, "%", reference=measures["vmis_knn"][0], note=note)
    show(f"{name}_mrr{K}", mrr, "%", reference=measures["vmis_knn"][1], note=note)
    for peer, (its_hr, its_mrr) in measures.items():
        show(f"{name}_hr{K}_{peer}", its_hr, "%")
        show(f"{name}_mrr{K}_{peer}", its_mrr, "%")


def _quality(every: list[Asked], ask: Ask) -> tuple[float, float]:
    return _measures(every, [ask(one.items) for one in every])


def _measures(every: list[Asked], ranked: list[np.ndarray]) -> tuple[float, float]:
    """Hit rate and mean reciprocal rank in percent."""
    table = np.full((len(every), K), -1, np.int32)
    for row, found in zip(table, ranked, strict=True):
        row[: len(found)] = found
    wanted = np.array([one.wanted if one.wanted >= 0 else -2 for one in every], np.int32)
    place = ranks(table, wanted)
    hits = place >= 0
    return float(hits.mean() * 100), float((hits / (np.maximum(place, 0) + 1)).mean() * 100)


def main() -> None:
    for train, test in SETS if len(sys.argv) == 1 else [files(*SETS[0])]:
        if not train.exists():
            raise SystemExit(f"there is no {train}; give --train and --test")
        measured(train, test, freeze, score)


if __name__ == "__main__":
    main()
