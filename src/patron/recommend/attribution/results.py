"""What a placement sold: the last click on a product counts, for five days.

An order's line belongs to the placement on whose offer of this very product its buyer clicked last,
within five days before the order. It counts with its part of what was paid for the order in the
end, refunds taken back; cancelled orders do not count.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from patron.catalog import store as catalog
from patron.experiments.types import Proof
from patron.kit.db import Tx
from patron.recommend.attribution import store
from patron.recommend.attribution.store import Click, Deed, Told
from patron.recommend.attribution.words import Namer
from patron.recommend.history.telling import names_of
from patron.recommend.holdout.proving import proven
from patron.shops.types import Shop

WINDOW = timedelta(days=5)
USUAL = timedelta(days=30)
AT_ONCE = 5_000
MOST_DAYS = 731
NAMES = 100_000

T = TypeVar("T")


class Day(msgspec.Struct):
    """What came of a placement on a day of the shop, each by its own time; `revenue` in minor
    units."""

    day: date
    shown: int = 0
    viewers: int = 0
    clicks: int = 0
    clickers: int = 0
    carts: int = 0
    orders: int = 0
    revenue: int = 0


class Result(msgspec.Struct, frozen=True):
    """What became of a placement's answers in a period; `revenue` in minor units of `currency`.

    `shown` are answers that a page said it showed, `viewers` and `clickers` different people;
    `orders` in another currency than the shop's are counted apart. Shares are of `shown` (clicks)
    and of `clicks` (the rest), None where nothing can be divided. `days` has every day of the
    period in the shop's time, a period of more than two years only those from the first on that has
    something; but for people their sums are the figures of the period. `proof` says what the
    placement earned beside those held out of it; None where it never had a holdout.
    """

    placement: str
    since: datetime
    until: datetime
    window_days: int
    shown: int
    viewers: int
    clicks: int
    clickers: int
    carts: int
    orders: int
    revenue: int
    currency: str
    other_currency: int
    click_share: float | None
    cart_share: float | None
    order_share: float | None
    days: list[Day]
    proof: Proof | None = None


async def results(
    tx: Tx,
    shop: Shop,
    placement: str,
    now: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    window: timedelta = WINDOW,
) -> Result:
    """The result of a placement; of the last thirty days when nothing else is asked for, but the
    proof of all who were ever compared. Answers that are not ours are not counted, whatever a page
    says. `window` is the one of the proof."""
    end = until or now
    begin = since or end - USUAL
    zone, pads = ZoneInfo(shop.time_zone), Namer(shop.identity_secret).pads
    told = await store.told(tx, placement, pads, begin, end, shop.time_zone)
    curve = Curve(zone, told)
    clicks = store.clicks(tx, placement, pads, begin - WINDOW, end)
    aliases = Aliases(tx)
    foreign = 0
    async for some in _parts(clicks):
        foreign += await _follow(tx, shop, placement, some, curve, aliases, (begin, end))
    days = curve.between(begin, end)
    whole = next(one for one in told if one.day is None)
    carts, orders = sum(one.carts for one in days), sum(one.orders for one in days)
    return Result(
        placement=placement,
        since=begin,
        until=end,
        window_days=WINDOW.days,
        shown=whole.shown,
        viewers=whole.viewers,
        clicks=whole.clicks,
        clickers=whole.clickers,
        carts=carts,
        orders=orders,
        revenue=sum(one.revenue for one in days),
        currency=shop.currency,
        other_currency=foreign,
        click_share=_share(whole.clicks, whole.shown),
        cart_share=_share(carts, whole.clicks),
        order_share=_share(orders, whole.clicks),
        days=days,
        proof=await proven(tx, shop, placement, now, (since, until), window),
    )


class Curve:
    """The days of a result in the making."""

    def __init__(self, zone: ZoneInfo, told: Iterable[Told]) -> None:
        self._zone = zone
        self._days = {
            one.day: Day(one.day, one.shown, one.viewers, one.clicks, one.clickers)
            for one in told
            if one.day is not None
        }

    def at(self, moment: datetime) -> Day:
        """The day of the shop in which a moment lies."""
        day = moment.astimezone(self._zone).date()
        return self._days.setdefault(day, Day(day))

    def between(self, begin: datetime, end: datetime) -> list[Day]:
        """Every day of a period; of a long one from the first on that has something."""
        first = begin.astimezone(self._zone).date()
        last = (end - timedelta(microseconds=1)).astimezone(self._zone).date()
        if (last - first).days >= MOST_DAYS:
            first = min(self._days, default=last)
        every = (first + timedelta(days=n) for n in range((last - first).days + 1))
        return [self._days.get(day) or Day(day) for day in every]


async def _follow(
    tx: Tx,
    shop: Shop,
    placement: str,
    clicks: list[Click],
    curve: Curve,
    aliases: "Aliases",
    period: tuple[datetime, datetime],
) -> int:
    """Count what some people did after their clicks; how many orders were in another currency."""
    people = list({one.person for one in clicks})
    names = names_of(shop)
    sold = Sold(clicks, await aliases.of(one.product for one in clicks))
    async for some in _parts(store.added(tx, people, names.added, *period)):
        known = await aliases.of(one.product for one in some if one.product)
        for one in some:
            if one.product and sold.by(one.person, known[one.product], one.at) == placement:
                curve.at(one.at).carts += 1
    foreign = 0
    async for some in _parts(store.ordered(tx, people, names.ordered, *period)):
        known = await aliases.of(id for one in some for id, _ in lines(one.products))
        for one in some:
            part = _part(sold, placement, one, known)
            if part is not None and one.currency != shop.currency:
                foreign += 1
            elif part is not None:
                day = curve.at(one.at)
                day.orders += 1
                day.revenue += round(part * (one.net or 0))
    return foreign


class Sold:
    """Which placement a product of a person goes back to."""

    def __init__(self, clicks: Iterable[Click], products: Mapping[str, str]) -> None:
        """`clicks` of each person in order, the newest first; `products` by their names."""
        self._clicks: dict[tuple[UUID, str], list[Click]] = {}
        for one in clicks:
            self._clicks.setdefault((one.person, products[one.product]), []).append(one)

    def by(self, person: UUID, product: str, at: datetime) -> str | None:
        """The placement of her last click on this product before `at`, at most five days ago."""
        for one in self._clicks.get((person, product), ()):
            if one.at <= at:
                return one.placement if at - one.at <= WINDOW else None
        return None


class Aliases:
    """Which product each name stands for that events used; a name nobody knows for itself."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._known: dict[str, str] = {}

    async def of(self, names: Iterable[str]) -> Mapping[str, str]:
        """The products of these names."""
        asked = set(names)
        if len(self._known) > NAMES:
            self._known.clear()
        if strange := [name for name in asked if name not in self._known]:
            found = await catalog.resolve(self._tx, strange)
            self._known |= {n: found[n][0] if n in found else n for n in strange}
        return {name: self._known[name] for name in asked}


def lines(products: Any) -> list[tuple[str, Decimal | None]]:
    """(product, what its line costs) of an order's lines; None where no price is told."""
    found: list[tuple[str, Decimal | None]] = []
    for one in products if isinstance(products, list) else []:
        if not isinstance(one, dict):
            continue
        id = next((one[f] for f in ("product_id", "sku", "variant_id") if one.get(f)), None)
        if isinstance(id, str | int):
            price, pieces = _number(one.get("price")), _number(one.get("quantity", 1))
            cost = None if price is None else price * (pieces if pieces is not None else 1)
            found.append((str(id), cost))
    return found


def _part(sold: Sold, placement: str, order: Deed, products: Mapping[str, str]) -> Decimal | None:
    """Which part of what an order brought goes back to a placement; None where nothing does."""
    every = lines(order.products)
    mine = [
        cost for id, cost in every if sold.by(order.person, products[id], order.at) == placement
    ]
    if not mine:
        return None
    known = [cost for _, cost in every if cost is not None]
    total = sum(known, Decimal(0))
    if len(known) == len(every) and total > 0:
        return sum((cost or Decimal(0) for cost in mine), Decimal(0)) / total
    return Decimal(len(mine)) / len(every)


async def _parts(stream: AsyncIterator[T]) -> AsyncIterator[list[T]]:
    """A stream in lists of some thousands; what is one person's clicks stays together."""
    some: list[T] = []
    async for one in stream:
        if len(some) >= AT_ONCE and not _of_one(some[-1], one):
            yield some
            some = []
        some.append(one)
    if some:
        yield some


def _of_one(before: object, one: object) -> bool:
    return isinstance(before, Click) and isinstance(one, Click) and before.person == one.person


def _number(said: Any) -> Decimal | None:
    if isinstance(said, bool) or not isinstance(said, int | float | str):
        return None
    try:
        found = Decimal(str(said))
    except InvalidOperation:
        return None
    return found if found.is_finite() and 0 <= found < 10**12 else None


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
