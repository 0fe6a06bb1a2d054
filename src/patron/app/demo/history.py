"""The demo shop's past: a year of orders, campaigns and sign-ups as Segment events.

One basket is one `Order Completed`. Times move by whole weeks so that the last order lies within
the seven days before `now`; the data set's clock is read as America/New_York. Everything is made
while it is read, in time order and bounded memory.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from heapq import merge
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from patron.app.demo.catalogue import CURRENCY, Catalogue
from patron.app.demo.people import Person, consent_properties, person
from patron.app.demo.source import KEPT, REASONS, column, table
from patron.app.demo.wire import CONTEXT_JSON, GENERATED, dollars, head, identify, stamp, track
from patron.app.demo.zone import WEEK, offsets, to_utc, weeks_until

_CAMPAIGN_HOUR: Final = 9 * 3600

Timed = tuple[int, bytes]


@dataclass(frozen=True)
class Counts:
    """What came in, what is left and why the rest is not: baskets and lines, lines by reason."""

    baskets_before: int
    baskets_kept: int
    lines_before: int
    lines_kept: int
    dropped: Mapping[str, int]


@dataclass(frozen=True)
class Baskets:
    """Kept baskets in time order; the lines of basket i are `first[i]:first[i + 1]`.

    `at` is in seconds since 1970 UTC; `price` is the net price of one piece and `discount` what
    the shop took off the line, in US cents.
    """

    basket: NDArray[np.int64]
    household: NDArray[np.int32]
    at: NDArray[np.int64]
    first: NDArray[np.int64]
    product: NDArray[np.int32]
    quantity: NDArray[np.int32]
    price: NDArray[np.int64]
    discount: NDArray[np.int64]


class History:
    """The past of the demo shop as seen at `now` (aware); same seed and now, same bytes."""

    def __init__(self, catalogue: Catalogue, now: datetime, seed: int) -> None:
        self.catalogue = catalogue
        self.seed = seed
        local = catalogue.source.lines.local.astype(np.int64)
        self._shift = weeks_until(int(local.max()), now) * WEEK
        self.baskets, self.counts = self._baskets(local + self._shift)

    @property
    def start(self) -> datetime:
        """Time of the first order."""
        return datetime.fromtimestamp(int(self.baskets.at[0]), UTC)

    @property
    def end(self) -> datetime:
        """Time of the last order."""
        return datetime.fromtimestamp(int(self.baskets.at[-1]), UTC)

    def events(
        self, before: datetime | None = None, after: datetime | None = None
    ) -> Iterator[bytes]:
        """People, campaigns and orders together, in time order; `after` included, `before` not."""
        low, high = _bounds(after, before)
        orders = self.timed_orders(low, high)
        for _, event in merge(self.side_events(low, high), orders, key=lambda item: item[0]):
            yield event

    def side_events(self, low: int, high: int) -> Iterator[Timed]:
        """People and campaigns from `low` up to `high` (seconds), in time order."""
        for item in merge(self._people(), self._campaigns(), key=lambda item: item[0]):
            if low <= item[0] < high:
                yield item

    def orders(
        self, before: datetime | None = None, after: datetime | None = None
    ) -> Iterator[bytes]:
        """One `Order Completed` a basket, in time order."""
        return (event for _, event in self.timed_orders(*_bounds(after, before)))

    def people(self) -> Iterator[bytes]:
        """Identify events of the households and `Email Subscribed` of those who agreed."""
        return (event for _, event in self._people())

    def campaigns(self) -> Iterator[bytes]:
        """`Campaign Received` of the mailed households and `Coupon Applied` of redemptions."""
        return (event for _, event in self._campaigns())

    def timed_orders(self, low: int, high: int) -> Iterator[Timed]:
        """Orders with their time in seconds, from `low` up to `high`."""
        baskets = self.baskets
        start, end = np.searchsorted(baskets.at, [low, high])
        for position in range(int(start), int(end)):
            yield int(baskets.at[position]), self.order(position)

    def order(self, position: int, cart_id: str | None = None) -> bytes:
        """The order event of a basket, given by its position in `baskets`."""
        b = self.baskets
        rows = slice(int(b.first[position]), int(b.first[position + 1]))
        prices = b.price[rows].tolist()
        quantities = b.quantity[rows].tolist()
        heads = self.heads
        products = ",".join(
            f'{heads[product]}{cents // 100}.{cents % 100:02d},"quantity":{quantity}}}'
            for product, cents, quantity in zip(
                b.product[rows].tolist(), prices, quantities, strict=True
            )
        )
        total = dollars(sum(p * q for p, q in zip(prices, quantities, strict=True)))
        basket = int(b.basket[position])
        cart = f'"cart_id":"{cart_id}",' if cart_id else ""
        return (
            f'{{"type":"track","event":"Order Completed","messageId":"cj-{basket}",'
            f'"userId":"hh-{b.household[position]}","timestamp":"{stamp(int(b.at[position]))}",'
            f'"properties":{{"order_id":"{basket}",{cart}"currency":"{CURRENCY}",'
            f'"total":{total},"revenue":{total},"subtotal":{total},'
            f'"discount":{dollars(int(b.discount[rows].sum()))},"products":[{products}]}},'
            f'"context":{CONTEXT_JSON}}}'
        ).encode()

    @cached_property
    def heads(self) -> list[str]:
        """JSON of each product up to its price, encoded once."""
        return [head(product) if product else "" for product in self.catalogue.products]

    @cached_property
    def households(self) -> dict[int, Person]:
        numbers = np.unique(self.baskets.household).tolist()
        return {number: person(f"hh-{number}", self.seed) for number in numbers}

    def _baskets(self, local: NDArray[np.int64]) -> tuple[Baskets, Counts]:
        lines = self.catalogue.source.lines
        before = len(np.unique(lines.basket))
        kept = np.flatnonzero(lines.reason == KEPT)
        at = to_utc(local[kept])
        kept = kept[order := np.lexsort((lines.product[kept], lines.basket[kept], at))]
        at = at[order]
        basket = lines.basket[kept]
        heads = np.flatnonzero(np.r_[True, basket[1:] != basket[:-1]])
        quantity = lines.quantity[kept]
        counts = Counter(REASONS[code] for code in lines.reason.tolist())
        return (
            Baskets(
                basket=basket[heads],
                household=lines.household[kept][heads],
                at=at[heads],
                first=np.r_[heads, len(kept)],
                product=lines.product[kept],
                quantity=quantity,
                price=np.rint(lines.cents[kept] / quantity).astype(np.int64),
                discount=lines.discount[kept],
            ),
            Counts(
                baskets_before=before,
                baskets_kept=len(heads),
                lines_before=len(lines.basket),
                lines_kept=counts.pop(REASONS[KEPT]),
                dropped={reason: counts[reason] for reason in REASONS if counts[reason]},
            ),
        )

    def _people(self) -> Iterator[Timed]:
        """A household signs up shortly before the first thing known of it. Name, address and
        consent are ours and labelled generated; what the data set says of it comes besides."""
        seen: dict[int, int] = {}
        for household, at in zip(
            self.baskets.household.tolist(), self.baskets.at.tolist(), strict=True
        ):
            seen.setdefault(household, at)
        for at, household, *_ in self._received:
            seen[household] = min(at, seen.get(household, at))
        about = _demographics()
        timed: list[Timed] = []
        for household, at in seen.items():
            who = self.households.get(household) or person(f"hh-{household}", self.seed)
            when = at - 120 - household % 900
            traits = who.traits() | {"createdAt": stamp(when)}
            message = f"gen-who-{household}"
            timed.append((when, identify(who.user_id, message, when, traits, GENERATED)))
            if said := about.get(household):
                timed.append((when, identify(who.user_id, f"cj-about-{household}", when, said)))
            if who.consents:
                properties = consent_properties(who, "sign-up form")
                timed.append(
                    (
                        when + 60,
                        track(
                            "Email Subscribed",
                            f"gen-consent-{household}",
                            who.user_id,
                            when + 60,
                            properties,
                            GENERATED,
                        ),
                    )
                )
        return iter(sorted(timed, key=lambda item: item[0]))

    @cached_property
    def _received(self) -> list[tuple[int, int, int, str, str, str]]:
        """Mailed campaigns: (time, household, campaign, type, first day, last day)."""
        described = {
            int(number): (kind, first, last)
            for number, kind, first, last in zip(
                *_columns("campaign_descriptions", "campaign_id", "campaign_type"),
                self._days("campaign_descriptions", "start_date"),
                self._days("campaign_descriptions", "end_date"),
                strict=True,
            )
        }
        rows = []
        for number, household in zip(
            *_columns("campaigns", "campaign_id", "household_id"), strict=True
        ):
            kind, first, last = described[int(number)]
            at = int(to_utc(np.array([first + _CAMPAIGN_HOUR + household * 7 % 14400]))[0])
            rows.append((at, int(household), int(number), kind, _day(first), _day(last)))
        return sorted(rows)

    def _campaigns(self) -> Iterator[Timed]:
        timed = [
            (
                at,
                track(
                    "Campaign Received",
                    f"cj-campaign-{number}-{household}",
                    f"hh-{household}",
                    at,
                    {
                        "campaign_id": str(number),
                        "campaign_name": f"Campaign {number}",
                        "campaign_type": kind,
                        "starts": first,
                        "ends": last,
                    },
                ),
            )
            for at, household, number, kind, first, last in self._received
        ]
        timed.extend(self._redemptions())
        return iter(sorted(timed, key=lambda item: item[0]))

    def _redemptions(self) -> Iterator[Timed]:
        """A redemption is known by its day; it goes to the household's first order of that day, or
        of the next (the tills' day ends after midnight)."""
        local_day = (self.baskets.at + offsets(self.baskets.at)) // 86400
        orders: dict[tuple[int, int], int] = {}
        pairs = zip(self.baskets.household.tolist(), local_day.tolist(), strict=True)
        for at_position, pair in enumerate(pairs):
            orders.setdefault(pair, at_position)
        names = ("household_id", "coupon_upc", "campaign_id")
        days = self._days("coupon_redemptions", "redemption_date")
        rows = zip(*_columns("coupon_redemptions", *names), days, strict=True)
        for number, (household, coupon, campaign, day) in enumerate(rows):
            position = next(
                (orders[pair] for step in (0, 1)
                 if (pair := (int(household), day // 86400 + step)) in orders),
                -1,
            )  # fmt: skip
            at = int(to_utc(np.array([day + 12 * 3600]))[0])
            properties: dict[str, Any] = {
                "coupon_id": str(coupon),
                "coupon_name": f"Campaign {campaign} coupon",
                "campaign_id": str(campaign),
            }
            if position >= 0:
                at = int(self.baskets.at[position]) - 30
                properties["order_id"] = str(self.baskets.basket[position])
            yield (
                at,
                track("Coupon Applied", f"cj-coupon-{number}", f"hh-{household}", at, properties),
            )

    def _days(self, name: str, of: str) -> list[int]:
        """A date column as shifted local midnights in seconds."""
        values = column(table(name, [of]), of).astype("datetime64[s]").astype(np.int64)
        return [int(value) + self._shift for value in values]


def _bounds(after: datetime | None, before: datetime | None) -> tuple[int, int]:
    low = int(after.timestamp()) if after else -(2**62)
    high = int(before.timestamp()) if before else 2**62
    return low, high


def _columns(name: str, *of: str) -> Iterable[list[Any]]:
    data = table(name, list(of))
    return [data[each].to_pylist() for each in of]


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _demographics() -> dict[int, dict[str, str]]:
    """What the data set says about some 800 households, as traits."""
    names = ("household_id", "age", "household_size", "kids_count")
    return {
        household: {
            key: value
            for key, value in (("age_band", age), ("household_size", size), ("kids", kids))
            if value
        }
        for household, age, size, kids in zip(*_columns("demographics", *names), strict=True)
    }
