"""Visitors of the demo shop as the days see them: the generator's shoppers, and passers-by."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from patron.app.demo.generator import Shoppers, Walked
from patron.app.demo.history import History
from patron.app.demo.people import person
from patron.app.demo.shoppers.session import Item, value_of
from patron.app.demo.wire import order, stamp
from patron.app.demo.zone import WEEK

LONGEST_GAP = timedelta(weeks=4)
"""Further back nobody needs to know how often orders come: that is as far as the shop looks."""


class Reacting:
    """The generator's shoppers, told by address whom the shop has mailed."""

    def __init__(self, shoppers: Shoppers, seed: int) -> None:
        self._shoppers = shoppers
        self._seed = seed

    def next_time(self) -> datetime | None:
        return self._shoppers.next_time()

    def until(self, moment: datetime) -> Walked:
        return self._shoppers.until(moment)

    def mailed(self, cart_id: str, address: str, at: datetime) -> None:
        cart = self._shoppers.truth.carts.get(cart_id)
        if cart is not None and person(cart.user_id, self._seed).email == address:
            self._shoppers.mailed(cart_id, cart.user_id, at)


class PassersBy:
    """Orders of people nobody knows, labelled generated, at the rhythm of the history's last week.

    The history ends up to seven days before today, and a shop without orders rightly holds its cart
    mails back. So the last week comes again and again until now.
    """

    def __init__(self, history: History, after: datetime, before: datetime) -> None:
        self._history = history
        after = max(after, before - LONGEST_GAP)
        self._orders = sorted(self._again(int(after.timestamp()), int(before.timestamp())))
        self._next = 0

    def __len__(self) -> int:
        return len(self._orders)

    def next_time(self) -> datetime | None:
        if self._next == len(self._orders):
            return None
        return datetime.fromtimestamp(self._orders[self._next][0], UTC)

    def until(self, moment: datetime) -> Walked:
        limit = int(moment.timestamp())
        events = []
        while self._next < len(self._orders) and self._orders[self._next][0] <= limit:
            at, week, position = self._orders[self._next]
            if (event := self._order(at, week, position)) is not None:
                events.append(event)
            self._next += 1
        return Walked(events, [])

    def mailed(self, cart_id: str, address: str, at: datetime) -> None:
        """Nobody here has an address."""

    def _again(self, after: int, before: int) -> Iterator[tuple[int, int, int]]:
        """(second, week, position of the order it repeats), after `after` and before `before`."""
        times = self._history.baskets.at
        last = int(times[-1])
        for position in range(int(np.searchsorted(times, last - WEEK, "right")), len(times)):
            for week in range(1, (before - last) // WEEK + 2):
                at = int(times[position]) + week * WEEK
                if after < at < before:
                    yield at, week, position

    def _order(self, at: int, week: int, position: int) -> bytes | None:
        """At most three of the things that order held; None when none of them is shown."""
        baskets, products = self._history.baskets, self._history.catalogue.products
        first, last = (int(baskets.first[position + step]) for step in (0, 1))
        items = [
            Item(product, int(baskets.quantity[row]))
            for row in range(first, last)
            if (product := products[int(baskets.product[row])]) is not None and product.shown
        ][:3]
        if not items:
            return None
        name = f"pass-{int(baskets.basket[position])}-{week}"
        event: dict[str, Any] = {
            "type": "track",
            "event": "Order Completed",
            "messageId": name,
            "anonymousId": name,
            "timestamp": stamp(at),
            "properties": order(name, value_of(items), [item.properties() for item in items]),
            "context": {"generated": True, "library": {"name": "demo-shop", "version": "1"}},
        }
        return json.dumps(event).encode()
