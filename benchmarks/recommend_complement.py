"""Complements over substitutes: of a product's two lists – bought with it, looked at in its place –
whether the first is rated above the second (AUC, mean over products).

    python benchmarks/recommend_complement.py [--train FILE --test FILE]

The training file has a purchase a row (user_id, item_id, time), the test file a product a row
(item_id, r_complement, r_substitute: lists). What stands in both lists is left out. Parameters are
chosen on the last orders of the training file alone; the peers answer about the same pairs.
"""

import ast
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import rankdata

from figure import show
from frozen import SHARED, files, measured
from patron.recommend.popular import fit as popular
from patron.recommend.popular.types import Params as Popularity
from patron.recommend.together import completing, query
from patron.recommend.together.fit import fit
from patron.recommend.together.types import Params
from patron.recommend.types import Interactions, Kind

FOLDER = SHARED / "amazon_grocery"
SECONDS = 300.0
FACTORS = 64
Rate = Callable[[int, NDArray[np.int32]], NDArray[np.float64]]
"""From a product and others to how well each completes it."""


class Lists(msgspec.Struct):
    """Of a product: what complements it, and what stands in for it."""

    item: int
    complements: NDArray[np.int32]
    substitutes: NDArray[np.int32]


def freeze(train: Path) -> Params:
    return completing.chosen(history(train)[0], SECONDS).params


def score(params: Params, train: Path, test: Path) -> None:
    past, numbers = history(train)
    every = lists(test, numbers, past.items)
    index = fit(past, params)
    peers = {"cooccurrence": cooccurrence(past), "popularity": popularity(past)}
    peers |= implicit_peers(past)
    found = {name: auc(every, rate) for name, rate in peers.items()}
    name = train.parent.name
    pairs = sum(len(one.complements) + len(one.substitutes) for one in every)
    note = (
        f"{len(every)} products, {pairs} pairs; reference: plain co-occurrence in orders;"
        f" chosen from {train.name}: {params}"
    )
    own = auc(every, lambda item, others: query.rate(index, item, others))
    show(f"{name}_auc", own, "", reference=found["cooccurrence"], note=note)
    for peer, value in found.items():
        show(f"{name}_auc_{peer}", value, "")


def history(file: Path) -> tuple[Interactions, dict[int, int]]:
    """What was bought, and the number of each product; what somebody bought in a moment is one
    order."""
    rows = pl.read_csv(file, separator="\t").sort("user_id", "time", maintain_order=True)
    person = rows["user_id"].rank("dense").to_numpy().astype(np.int32) - 1
    names = rows["item_id"].unique().sort().to_list()
    item = rows["item_id"].rank("dense").to_numpy().astype(np.int32) - 1
    at = rows["time"].to_numpy().astype(np.int64)
    new = np.ones(len(rows), bool)
    new[1:] = (person[1:] != person[:-1]) | (at[1:] != at[:-1])
    order = (np.cumsum(new) - 1).astype(np.int32)
    kind = np.full(len(rows), Kind.BUY, np.int8)
    past = Interactions(person, item, at, kind, order, order, int(person.max()) + 1, len(names))
    return past, {name: number for number, name in enumerate(names)}


def lists(file: Path, numbers: dict[int, int], items: int) -> list[Lists]:
    """The two lists of every product that has both. A product nobody bought is number `items`."""
    found = []
    for row in pl.read_csv(file, separator="\t").iter_rows(named=True):
        bought, viewed = (set(ast.literal_eval(row[f"r_{one}"])) - {row["item_id"]}
                          for one in ("complement", "substitute"))  # fmt: skip
        sides = [
            np.array([numbers.get(other, items) for other in sorted(side)], np.int32)
            for side in (bought - viewed, viewed - bought)
        ]
        if len(sides[0]) and len(sides[1]):
            found.append(Lists(numbers.get(row["item_id"], items), *sides))
    return found


def auc(every: list[Lists], rate: Rate) -> float:
    """The share of pairs in which a complement is rated above a substitute, equal counts half."""
    total = 0.0
    for one in every:
        place = rankdata(rate(one.item, np.concatenate([one.complements, one.substitutes])))
        first, second = len(one.complements), len(one.substitutes)
        total += (place[:first].sum() - first * (first + 1) / 2) / (first * second)
    return total / len(every)


def matrix(row: NDArray[np.int32], past: Interactions) -> sparse.csr_matrix:
    """Who (or which order) × products, and a column for products nobody bought."""
    held = sparse.csr_matrix(
        (np.ones(len(row), np.float32), (row, past.item)), (int(row.max()) + 1, past.items + 1)
    )
    held.sum_duplicates()
    held.data[:] = 1.0
    return held


def looked_up(table: sparse.csr_matrix) -> Rate:
    def rate(item: int, others: NDArray[np.int32]) -> NDArray[np.float64]:
        return np.asarray(table[item][:, others].toarray()).ravel().astype(np.float64)

    return rate


def cooccurrence(past: Interactions) -> Rate:
    held = matrix(past.basket, past)
    return looked_up((held.T @ held).tocsr())


def popularity(past: Interactions) -> Rate:
    counted = popular.fit(past, Popularity(), int(past.at.max())).popularity
    longer = np.append(counted, 0.0)
    return lambda _, others: longer[others]


def implicit_peers(past: Interactions) -> dict[str, Rate]:
    """`implicit`'s item cosine, and the likeness of the factors of ALS and BPR, over people."""
    from implicit.als import AlternatingLeastSquares
    from implicit.bpr import BayesianPersonalizedRanking
    from implicit.nearest_neighbours import CosineRecommender
    from threadpoolctl import threadpool_limits

    held = matrix(past.person, past)
    with threadpool_limits(1, "blas"):  # implicit asks for this itself: it is ten times faster so
        cosine = CosineRecommender(K=past.items, num_threads=1)
        als = AlternatingLeastSquares(factors=FACTORS, random_state=1, num_threads=1)
        bpr = BayesianPersonalizedRanking(factors=FACTORS, random_state=1, num_threads=1)
        for model in (cosine, als, bpr):
            model.fit(held, show_progress=False)

    def factors(vectors: NDArray[np.float32]) -> Rate:
        norm = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit = vectors / np.where(norm > 0, norm, 1.0)
        return lambda item, others: (unit[others] @ unit[item]).astype(np.float64)

    return {
        "implicit_cosine": looked_up(cosine.similarity.tocsr()),
        "implicit_als": factors(als.item_factors),
        "implicit_bpr": factors(bpr.item_factors),
    }


def main() -> None:
    measured(*files(FOLDER / "train.csv.gz", FOLDER / "item_meta.csv.gz"), freeze, score)


if __name__ == "__main__":
    main()
