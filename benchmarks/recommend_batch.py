"""Lists for an e-mail: customers a second, one core, "for you" and the next order.

    python benchmarks/recommend_batch.py [CUSTOMERS]

A million made-up customers unless said otherwise, with ten purchases each among a hundred thousand
products, some bought by nearly everybody. Beside it: `implicit`'s ALS with 64 factors, one thread,
asked for as many products; neither may offer what she had.
"""

import sys
import time

import numpy as np

from figure import show
from patron.recommend.again.basket import baskets
from patron.recommend.again.fit import fit as fit_again
from patron.recommend.again.model import Params as Again
from patron.recommend.again.purchases import purchases
from patron.recommend.sequence.fit import fit
from patron.recommend.sequence.model import Params
from patron.recommend.sequence.query import for_many
from patron.recommend.types import Interactions, Kind
from people_peers import matrix

CUSTOMERS, ITEMS, EACH, N = 1_000_000, 100_000, 10, 10
FITTED_ON = 100_000
"""Customers whose purchases are fitted on: the tables of more are no larger."""
PEER = 20_000
"""Customers that the peer and the next order are asked about."""


def made(people: int) -> Interactions:
    """Customers of a thousand tastes, each of which has its favourites."""
    draw = np.random.default_rng(1)
    taste = np.repeat(draw.integers(0, 1_000, people), EACH)
    rank = np.minimum((draw.pareto(1.0, people * EACH) * 3).astype(np.int64), ITEMS - 1)
    item = ((taste * 7_919 + rank * 31) % ITEMS).astype(np.int32)
    item = np.where(draw.random(len(item)) < 0.1, rank, item).astype(np.int32)
    person = np.repeat(np.arange(people), EACH).astype(np.int32)
    at = np.tile(np.arange(EACH), people) * 86_400 * 7
    kind = np.full(len(item), Kind.BUY, np.int8)
    order = np.arange(len(item), dtype=np.int32)
    return Interactions(person, item, at, kind, order, person, people, ITEMS)


def main() -> None:
    people = int(sys.argv[1]) if len(sys.argv) > 1 else CUSTOMERS
    everybody = made(people)
    some = everybody.where(everybody.person < min(FITTED_ON, people))
    index = fit(some, Params())
    starts = np.arange(people + 1, dtype=np.int64) * EACH
    for_many(index, starts[:2], everybody.item, N)  # compiled at the first call
    began = time.perf_counter()
    for_many(index, starts, everybody.item, N)
    seconds = time.perf_counter() - began
    peer = _als(some)
    note = f"{people} customers, {ITEMS} products, {EACH} purchases each, {N} offered; one core"
    show("batch_for_you", people / seconds, "customers/s", reference=peer, note=note)
    few = everybody.where(everybody.person < min(PEER, people))
    again = fit_again(some, Again())
    baskets(again, purchases(few.where(few.person < 2)), N)
    began = time.perf_counter()
    baskets(again, purchases(few), N)
    seconds = time.perf_counter() - began
    note = f"{min(PEER, people)} customers, {Again().pool} neighbours to choose from; one core"
    show("batch_next_order", min(PEER, people) / seconds, "customers/s", reference=peer, note=note)


def _als(history: Interactions) -> float:
    """Customers a second of implicit's ALS."""
    from implicit.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    held = matrix(history)
    people = np.arange(min(PEER, history.people))
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(factors=64, iterations=2, random_state=1, num_threads=1)
        model.fit(held, show_progress=False)
        began = time.perf_counter()
        model.recommend(people, held[people], N=N, filter_already_liked_items=True)
        return float(len(people) / (time.perf_counter() - began))


if __name__ == "__main__":
    main()
