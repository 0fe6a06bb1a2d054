"""What customers turn to next: recall and NDCG at 10, all products competing, none sampled.

    python benchmarks/recommend_sequence.py [--train FILE --test FILE]

Without files, the histories of `../shared/data/amazon_5core`, the last product of each held out.
Parameters are chosen by the last product of the training file. `strict` was then fitted without
that product, as research code is measured; `refit` with it, as a shop would do. What customers had
is asked with in whole both times, and not offered.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from figure import show
from frozen import SHARED, files, measured
from patron.recommend.sequence.fit import fit
from patron.recommend.sequence.model import Index, Params
from patron.recommend.sequence.query import for_many
from patron.recommend.sequence.tuning import chosen
from patron.recommend.types import Interactions
from people_peers import implicit_peers
from sequences_of import cut, history, wanted

SECONDS = 900.0
K = 10
SETS = {
    "beauty": SHARED / "amazon_5core/Beauty.txt.gz",
    "toys": SHARED / "amazon_5core/Toys_and_Games.txt.gz",
}


def freeze(train: Path) -> Params:
    return chosen(history(train)[0], SECONDS).params


def score(params: Params, train: Path, test: Path) -> None:
    past, people, items = history(train)
    who, sought = wanted(test, people, items)
    name = next((key for key, path in SETS.items() if path.name in train.name), train.stem)
    last = np.append(past.person[1:] != past.person[:-1], True)
    began = time.perf_counter()
    indexes = {"strict": fit(past.where(~last), params), "refit": fit(past, params)}
    seconds = (time.perf_counter() - began) / 2
    peers = implicit_peers(past, past, who, K, exclude_had=True)
    measures = {peer: _measures(rows, sought) for peer, (rows, _) in peers.items()}
    best = max(measures, key=lambda peer: measures[peer][1])
    note = (
        f"{len(who)} customers, {past.items} products, fit {seconds:.2f} s; reference: {best}, the"
        f" best of implicit, fitted as refit; chosen from the training file: {params}"
    )
    for how, index in indexes.items():
        recall, ndcg = _measures(_lists(index, past, who), sought)
        show(f"{name}_recall{K}_{how}", recall, "", reference=measures[best][0], note=note)
        show(f"{name}_ndcg{K}_{how}", ndcg, "", reference=measures[best][1], note=note)
    for peer, (recall, ndcg) in measures.items():
        fitted = f"fitted in {peers[peer][1]:.1f} s"
        show(f"{name}_recall{K}_{peer}", recall, "", note=fitted)
        show(f"{name}_ndcg{K}_{peer}", ndcg, "", note=fitted)


def _lists(index: Index, past: Interactions, who: NDArray[np.int64]) -> NDArray[np.int32]:
    starts = np.searchsorted(past.person, np.arange(past.people + 1)).astype(np.int64)
    return for_many(index, starts, past.item, K)[0][who]


def _measures(ranked: NDArray[np.int32], sought: NDArray[np.int32]) -> tuple[float, float]:
    """Recall and NDCG of lists that seek one product each."""
    hits = ranked == sought[:, None]
    gain = hits / np.log2(np.arange(2, K + 2))
    return float(hits.any(axis=1).mean()), float(gain.sum(axis=1).mean())


def main() -> None:
    if len(sys.argv) > 1:
        whole = SETS["beauty"]
        measured(*files(whole, whole), freeze, score)
        return
    for whole in SETS.values():
        if not whole.exists():
            raise SystemExit(f"there is no {whole}; give --train and --test")
        with tempfile.TemporaryDirectory() as folder:
            measured(*cut(whole, Path(folder)), freeze, score)


if __name__ == "__main__":
    main()
