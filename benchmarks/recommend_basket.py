"""What the next order holds: recall and NDCG at 10, all products competing, new ones among them.

    python benchmarks/recommend_basket.py [--train FILE --test FILE]

Without files, tafeng as its authors split it, and completejourney (simulated-based) and
online_retail_ii with the last order of customers with three and more held out. Parameters are
chosen by the last orders of the training file. What everybody buys most (G-TopFreq), what she
did (P-TopFreq) and the one filled up with the other are the yardsticks of the literature.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from baskets_of import history, last_held, simulated_journeys, wanted
from figure import show
from frozen import SHARED, files, measured
from patron.recommend.again.basket import baskets
from patron.recommend.again.fit import fit
from patron.recommend.again.model import Params
from patron.recommend.again.purchases import purchases
from patron.recommend.again.tuning import chosen
from patron.recommend.measure import measure
from patron.recommend.types import Interactions
from people_peers import implicit_peers, matrix

SECONDS = 900.0
K = 10
TAFENG = SHARED / "tafeng_nbr/tafeng_history.json.gz", SHARED / "tafeng_nbr/tafeng_future.json.gz"
INVOICES = SHARED / "online_retail_ii/online_retail_ii_merged.parquet"


def freeze(train: Path) -> Params:
    return chosen(history(train)[0], SECONDS).params


def score(params: Params, train: Path, test: Path) -> None:
    past, people, items = history(train)
    who, sought = wanted(test, people, items)
    name = train.name.removeprefix("train-").split("_history")[0].split("_merged")[0]
    name = name.split(".")[0]
    began = time.perf_counter()
    index = fit(past, params)
    fitted = time.perf_counter() - began
    lines = purchases(past)
    baskets(index, lines, K)  # compiled at the first call
    began = time.perf_counter()
    found, _ = baskets(index, lines, K)
    seconds = time.perf_counter() - began
    lists = {"patron": found[np.searchsorted(np.unique(lines.person), who)]}
    lists |= frequency(past, who)
    peers = implicit_peers(past, past, who, K, exclude_had=False)
    lists |= {peer: rows for peer, (rows, _) in peers.items()}
    bought = np.bincount(past.item, minlength=past.items)
    measures = {peer: measure(rows, sought, bought) for peer, rows in lists.items()}
    note = (
        f"{len(who)} customers, {past.items} products, fit {fitted:.1f} s,"
        f" {seconds / len(found) * 1e3:.2f} ms a customer; reference: GP-TopFreq;"
        f" chosen from the training file: {params}"
    )
    its, yard = measures.pop("patron"), measures["gp_topfreq"]
    show(f"{name}_recall{K}", its.recall, "", reference=yard.recall, note=note)
    show(f"{name}_ndcg{K}", its.ndcg, "", reference=yard.ndcg, note=note)
    for peer, other in measures.items():
        show(f"{name}_recall{K}_{peer}", other.recall, "")
        show(f"{name}_ndcg{K}_{peer}", other.ndcg, "")


def frequency(past: Interactions, who: NDArray[np.int64]) -> dict[str, NDArray[np.int32]]:
    """Lists by how often everybody bought (G), she alone (P), she and then everybody (GP)."""
    held = matrix(past)
    everybody = np.asarray(held.sum(axis=0)).ravel()
    most = np.argsort(-everybody, kind="stable")[:K].astype(np.int32)
    alone = np.full((len(who), K), -1, np.int32)
    filled = np.zeros((len(who), K), np.int32)
    for k, person in enumerate(who.tolist()):
        its = slice(held.indptr[person], held.indptr[person + 1])
        had, times = held.indices[its], held.data[its]
        own = had[np.lexsort((had, -everybody[had], -times))][:K]
        alone[k, : len(own)] = own
        filled[k] = np.concatenate([own, most[~np.isin(most, own)]])[:K]
    most = np.tile(most, (len(who), 1))
    return {"g_topfreq": most, "p_topfreq": alone, "gp_topfreq": filled}


def main() -> None:
    if len(sys.argv) > 1:
        measured(*files(*TAFENG), freeze, score)
        return
    for path in (*TAFENG, INVOICES):
        if not path.exists():
            raise SystemExit(f"there is no {path}; give --train and --test")
    measured(*TAFENG, freeze, score)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for whole in (simulated_journeys(folder), INVOICES):
            measured(*last_held(whole, folder), freeze, score)


if __name__ == "__main__":
    main()
