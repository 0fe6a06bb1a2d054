"""Who comes to the demo shop in its last days, when, and what for: drawn before anything runs.

Every visit is an `Episode`. Carts that are left behind carry what their owner would do: order
anyway, order only when reminded, or neither. So the truth about the cart journey is known cart by
cart, whoever is mailed. A person's carts lie at least `APART` apart and, for households, in gaps
between real orders, so that no other order falls into the days in which a cart's fate is decided.
"""

from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from patron.app.demo.history import History
from patron.app.demo.zone import offsets

HOUR: Final = 3600
DAY: Final = 24 * HOUR
APART: Final = 6 * DAY
WINDOW: Final = 5 * DAY

SESSIONS: Final = 24_000
NEW_CUSTOMERS: Final = 3_000
NEW_CONSENTING: Final = 0.65
LINKED_ORDERS: Final = 1_900
HOUSEHOLD_CARTS: Final = 2_100
PASSER_BY_CARTS: Final = 900
NEW_BUYS: Final = 0.20

BASE_RATE: Final = 0.12
UPLIFT: Final = 0.12
CLICKS_WITHOUT_ORDER: Final = 0.14
_LINES_OF_A_LINKED_ORDER: Final = 7
# Relative number of visits by hour of the day: quiet nights, lunch, a long evening.
_HOURS: Final = (
    1,
    1,
    1,
    1,
    1,
    2,
    4,
    7,
    9,
    10,
    11,
    13,
    14,
    12,
    11,
    11,
    12,
    14,
    17,
    20,
    20,
    16,
    9,
    4,
)


class Purpose(IntEnum):
    """What a visit is: looking, leaving a cart, buying, or a real order's own visit."""

    BROWSE = 0
    ABANDON = 1
    BUY = 2
    LINKED = 3


class Fate(IntEnum):
    """What becomes of a cart left behind."""

    GONE = 0
    ANYWAY = 1
    IF_MAILED = 2
    CLICKS_ONLY = 3


@dataclass(frozen=True, slots=True)
class Episode:
    """A visit: `at` is its first second (UTC), for a linked order the order's.

    `person` is a user id or "" for a passer-by; `known` says whether the shop
    knows her when she comes; `basket` is the position of the order whose products she looks at;
    `delay` the seconds from cart (or mail) to order.
    """

    number: int
    at: int
    purpose: Purpose
    person: str
    device: str
    known: bool
    basket: int
    fate: Fate = Fate.GONE
    delay: int = 0


@dataclass(frozen=True)
class Plan:
    """`episodes` in time order; `linked` gives the cart of a real order by its position."""

    episodes: list[Episode]
    linked: dict[int, str]


def cart_id(number: int) -> str:
    return f"cart-{number}"


class Planner:
    """Draws the plan of the days from `start` to `end` (seconds, UTC) out of one seed."""

    def __init__(self, history: History, start: int, end: int, seed: int) -> None:
        self.baskets = history.baskets
        self.start = start
        self.end = end
        self.rng = np.random.default_rng([seed, 2])
        self.shown = np.array(
            [product is not None and product.shown for product in history.catalogue.products]
        )
        self._of_household = _positions_by(self.baskets.household)
        self._likely = self._baskets_with_shown()
        # One entry an hour; a new customer's next cart is looked for up to 60 days past the end.
        self._zone = offsets(np.arange(start - 2 * DAY, end + 60 * DAY, HOUR, dtype=np.int64))
        self._rows: list[tuple[int, Purpose, str, str, bool, int]] = []

    def draw(self) -> Plan:
        self._linked_orders()
        self._household_carts()
        self._new_customers()
        for _ in range(PASSER_BY_CARTS):
            at = self._moment(self.start, self.end)
            self._add(at, Purpose.ABANDON, "", f"a{len(self._rows)}", False)
        self._browsing()
        episodes = [
            self._episode(number, row) for number, row in enumerate(sorted(self._rows), start=1)
        ]
        linked = {
            each.basket: cart_id(each.number) for each in episodes if each.purpose is Purpose.LINKED
        }
        return Plan(episodes, linked)

    def _add(
        self, at: int, purpose: Purpose, who: str, device: str, known: bool, basket: int = -1
    ) -> None:
        if basket < 0:
            own = self._of_household.get(int(who[3:])) if who.startswith("hh-") else None
            pool = self._likely if own is None else own
            basket = int(pool[self.rng.integers(len(pool))])
        self._rows.append((at, purpose, who, device, known, basket))

    def _episode(self, number: int, row: tuple[int, Purpose, str, str, bool, int]) -> Episode:
        at, purpose, who, device, known, basket = row
        fate, delay = Fate.GONE, 0
        if purpose is Purpose.ABANDON and who:
            chance = self.rng.random()
            if chance < BASE_RATE:
                # At least three quarters of an hour, at most 110 hours: inside the window.
                fate = Fate.ANYWAY
                delay = int(min(0.75 + self.rng.exponential(28), 110) * HOUR)
            elif chance < BASE_RATE + UPLIFT:
                fate = Fate.IF_MAILED
                delay = int(min(0.3 + self.rng.exponential(12), 90) * HOUR)
            elif chance < BASE_RATE + UPLIFT + CLICKS_WITHOUT_ORDER:
                fate = Fate.CLICKS_ONLY
                delay = int(min(0.1 + self.rng.exponential(9), 90) * HOUR)
        return Episode(number, at, purpose, who, device, known, basket, fate, delay)

    def _linked_orders(self) -> None:
        """Real orders that get a visit: small ones of shown products, at most two a household."""
        first, last = np.searchsorted(self.baskets.at, [self.start + DAY, self.end])
        taken: dict[int, int] = {}
        count = 0
        for position in self.rng.permutation(np.arange(first, last)).tolist():
            rows = slice(int(self.baskets.first[position]), int(self.baskets.first[position + 1]))
            household = int(self.baskets.household[position])
            if (
                rows.stop - rows.start > _LINES_OF_A_LINKED_ORDER
                or taken.get(household, 0) >= 2
                or not self.shown[self.baskets.product[rows]].all()
            ):
                continue
            taken[household] = taken.get(household, 0) + 1
            who = f"hh-{household}"
            at = int(self.baskets.at[position])
            self._add(at, Purpose.LINKED, who, f"d-{who}", True, position)
            count += 1
            if count == LINKED_ORDERS:
                return

    def _household_carts(self) -> None:
        """Carts in gaps between a household's orders that leave the window free of orders."""
        spans: list[tuple[int, int, int]] = []
        for household, positions in self._of_household.items():
            times = self.baskets.at[positions]
            if times[0] > self.start:
                continue
            inside = times[times > self.start].tolist()
            edges = [self.start, *inside, self.end]
            for before, after in pairwise(edges):
                low, high = before + 6 * HOUR, min(after, self.end) - APART
                if high > low:
                    spans.append((household, low, high))
        carts: dict[int, list[int]] = {}
        left = HOUSEHOLD_CARTS
        for at in self.rng.permutation(len(spans)).tolist():
            household, low, high = spans[at]
            moment = self._moment(low, high)
            mine = carts.setdefault(household, [])
            if len(mine) < 3 and all(abs(moment - other) > APART for other in mine):
                mine.append(moment)
                who = f"hh-{household}"
                self._add(moment, Purpose.ABANDON, who, f"d-{who}", True)
                left -= 1
            if left == 0:
                return

    def _new_customers(self) -> None:
        """One to three carts each, the first of which makes her known, and looks besides."""
        last = self.end - APART
        for number in range(1, NEW_CUSTOMERS + 1):
            who = f"new-{number}"
            at = self._moment(self.start, last)
            carts = 1 + int(self.rng.random() < 0.20) + int(self.rng.random() < 0.05)
            for turn in range(carts):
                if at > last:
                    break
                purpose = Purpose.BUY if self.rng.random() < NEW_BUYS else Purpose.ABANDON
                self._add(at, purpose, who, f"d-{who}", turn > 0)
                at = self._moment(at + APART, at + APART + 16 * DAY)
            for _ in range(int(self.rng.poisson(1.6))):
                look = self._moment(self.start, self.end)
                self._add(look, Purpose.BROWSE, who, f"d-{who}", False)

    def _browsing(self) -> None:
        households = [
            household
            for household, positions in self._of_household.items()
            if self.baskets.at[positions[0]] < self.start
        ]
        left = SESSIONS - len(self._rows)
        for turn in range(left):
            at = self._moment(self.start, self.end)
            if turn % 9 < 4:
                who = f"hh-{households[int(self.rng.integers(len(households)))]}"
                self._add(at, Purpose.BROWSE, who, f"d-{who}", True)
            else:
                self._add(at, Purpose.BROWSE, "", f"a{len(self._rows)}", False)

    def _moment(self, low: int, high: int) -> int:
        """A second between two others, by the hours in which people shop in New York."""
        at = low
        for _ in range(12):
            at = int(self.rng.integers(low, high))
            local = (at + int(self._offset(at))) // HOUR % 24
            if self.rng.random() * max(_HOURS) < _HOURS[local]:
                break
        return at

    def _offset(self, at: int) -> int:
        return int(self._zone[(at - self.start + 2 * DAY) // HOUR])

    def _baskets_with_shown(self) -> NDArray[np.int64]:
        """Positions of baskets with at least three shown products."""
        shown = np.add.reduceat(
            self.shown[self.baskets.product].astype(np.int64), self.baskets.first[:-1]
        )
        return np.flatnonzero(shown >= 3)


def _positions_by(household: NDArray[np.int32]) -> dict[int, NDArray[np.int64]]:
    order = np.argsort(household, kind="stable")
    edges = np.flatnonzero(np.diff(household[order])) + 1
    return {int(household[rows[0]]): rows for rows in np.split(order, edges)}
