"""Lists for an e-mail: customers a second, one core, "for you" and the next order.

    python benchmarks/recommend_batch.py [CUSTOMERS [OF_A_SHOP]]

A million made-up customers unless said otherwise, with ten purchases each among a hundred thousand
products, some bought by nearly everybody. Beside it: `implicit`'s ALS with 64 factors, one thread,
asked for as many products; neither may offer what she had.

Then a whole installation with four thousand customers, whose pasts are read from its database, with
rules and everything else that an answer has, by `POST /api/recommend/batch`; ALS is asked about the
same people.
"""

import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import numpy as np

from figure import show
from house import Running, eventually, running
from patron.kit.clock import SystemClock
from patron.recommend import shelf
from patron.recommend.again.basket import baskets
from patron.recommend.again.fit import fit as fit_again
from patron.recommend.again.model import Params as Again
from patron.recommend.again.purchases import purchases
from patron.recommend.sequence.fit import fit
from patron.recommend.sequence.model import Params
from patron.recommend.sequence.query import for_many
from patron.recommend.types import Interactions, Kind
from people_peers import matrix
from recommend_http import spent

CUSTOMERS, ITEMS, EACH, N = 1_000_000, 100_000, 10, 10
FITTED_ON = 100_000
"""Customers whose purchases are fitted on: the tables of more are no larger."""
OF_A_SHOP, GOODS, AT_ONCE = 4_000, 5_000, 500
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
    in_a_shop(int(sys.argv[2]) if len(sys.argv) > 2 else OF_A_SHOP)


def in_a_shop(people: int) -> None:
    """The same with all that is around it, in an installation of its own."""
    past = made(people)
    past = Interactions(
        past.person, past.item % GOODS, past.at, past.kind, past.basket, past.session, people, GOODS
    )
    peer = _als(past)
    with running() as house:
        house.open_shop()
        items = [f"p{n:07}" for n in range(GOODS)]
        models = {"sequence": (fit(past, Params()), shelf.About())}
        where = shelf.shelf_of(house.folder / "data", "acme")
        shelf.write(where, items, models, SystemClock().now())
        house.start()
        for first in range(0, GOODS, AT_ONCE):
            rows = [
                {"id": id, "title": f"A thing {id}", "price": "12.50", "category": "Home"}
                for id in items[first : first + AT_ONCE]
            ]
            assert house.call("POST", "/api/products", json={"products": rows}).status_code == 200
        _ordered(house, past)
        seconds, spent = _asked(house, people)
    note = (
        f"{people} customers of {GOODS} products, {EACH} orders each, whole answers by the API;"
        f" the web process took {spent / people * 1e3:.2f} ms of its core a customer"
    )
    show("batch_in_a_shop", people / seconds, "customers/s", reference=peer, note=note)


def _ordered(house: Running, past: Interactions) -> None:
    """Everybody orders, by the front door."""
    now = datetime.now(UTC)
    told = zip(past.person.tolist(), past.item.tolist(), past.at.tolist(), strict=True)
    events: list[dict[str, Any]] = [
        {
            "type": "track",
            "event": "Order Completed",
            "messageId": f"order-{number}",
            "userId": f"person-{person}",
            "timestamp": (now - timedelta(days=90) + timedelta(seconds=at)).isoformat(),
            "properties": {
                "order_id": f"o{number}",
                "total": 10,
                "products": [{"product_id": f"p{item:07}", "price": 10, "quantity": 1}],
            },
        }
        for number, (person, item, at) in enumerate(told)
    ]
    for first in range(0, len(events), AT_ONCE):
        batch = {"batch": events[first : first + AT_ONCE]}
        answer = httpx.post(
            f"{house.url}/v1/batch", json=batch, auth=(house.server_key, ""), timeout=60
        )
        assert answer.status_code == 200, answer.text

    def walked() -> bool:
        last = house.call("GET", f"/api/profiles/user_id:person-{past.people - 1}")
        return last.status_code == 200

    eventually(walked, "the last customer's orders", 300)


def _asked(house: Running, people: int) -> tuple[float, float]:
    """Seconds until everybody's list was there, and of the web process' core."""
    lists = [
        {"placement": "recommended_for_you", "count": N, "profiles": [
            f"user_id:person-{n}" for n in range(first, min(first + AT_ONCE, people))
        ]}
        for first in range(0, people, AT_ONCE)
    ]  # fmt: skip
    house.call("POST", "/api/recommend/batch", json={**lists[0], "profiles": ["user_id:nobody"]})
    before, began = spent(house), time.perf_counter()
    for asked in lists:
        answer = house.call("POST", "/api/recommend/batch", json=asked)
        assert answer.status_code == 200, answer.text
        answers = answer.json()["answers"]
        assert all(one["known"] and len(one["answer"]["items"]) == N for one in answers)
    return time.perf_counter() - began, spent(house) - before


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
