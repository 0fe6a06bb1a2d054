"""What a placement sold: the last click on a product counts, for five days.

An order's line belongs to the placement on whose offer of this very product its buyer clicked last,
within five days before the order. It counts with its part of what was paid for the order in the
end, refunds taken back; cancelled orders do not count.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

import msgspec

from patron.catalog import store as catalog
from patron.experiments.types import Proof
from patron.kit.db import Tx
from patron.recommend.attribution import store
from patron.recommend.attribution.store import Click, Deed
from patron.recommend.attribution.words import CLICKED, SHOWN, Namer
from patron.recommend.history.telling import names_of
from patron.recommend.holdout.proving import proven
from patron.shops.types import Shop

WINDOW = timedelta(days=5)
USUAL = timedelta(days=30)
AT_ONCE = 5_000


class Result(msgspec.Struct, frozen=True):
    """What became of a placement's answers in a period; `revenue` in minor units of `currency`.

    `shown` are answers that a page said it showed, `viewers` and `clickers` different people;
    `orders` in another currency than the shop's are counted apart. Shares are of `shown` (clicks)
    and of `clicks` (the rest), None where nothing can be divided. `proof` says what the placement
    earned beside those held out of it; None where it never had a holdout.
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
    namer = Namer(shop.identity_secret)
    told = await store.shown(tx, SHOWN, begin, end, f"{placement}.")
    ours = [one for one in told if namer.read(one.rec_id) is not None]
    every = await store.clicks(tx, CLICKED, begin - WINDOW, end)
    known = {rec_id: namer.read(rec_id) for rec_id in {one.rec_id for one in every}}
    clicks = [one for one in every if known[one.rec_id] is not None]
    place = {rec_id: said.placement for rec_id, said in known.items() if said is not None}
    own = [one for one in clicks if place[one.rec_id] == placement]
    people = sorted({one.person for one in own})
    names = names_of(shop)
    carts, orders = [], []
    for first in range(0, len(people), AT_ONCE):
        some = people[first : first + AT_ONCE]
        carts += await store.added(tx, some, names.added, begin, end)
        orders += await store.ordered(tx, some, names.ordered, begin, end)
    sold = Sold(clicks, place, await _aliases(tx, clicks, carts, orders))
    in_period = [one for one in own if begin <= one.at]
    added = sum(sold.by(one.person, one.product, one.at) == placement for one in carts)
    money, count, foreign = _money(sold, placement, orders, shop.currency)
    shows = sum(one.times for one in ours)
    return Result(
        placement=placement,
        since=begin,
        until=end,
        window_days=WINDOW.days,
        shown=shows,
        viewers=len({one.person for one in ours}),
        clicks=len(in_period),
        clickers=len({one.person for one in in_period}),
        carts=added,
        orders=count,
        revenue=money,
        currency=shop.currency,
        other_currency=foreign,
        click_share=_share(len(in_period), shows),
        cart_share=_share(added, len(in_period)),
        order_share=_share(count, len(in_period)),
        proof=await proven(tx, shop, placement, now, (since, until), window),
    )


class Sold:
    """Which placement a product of a person goes back to."""

    def __init__(
        self, clicks: Iterable[Click], place: Mapping[str, str], aliases: Mapping[str, str]
    ) -> None:
        self._aliases = aliases
        self._clicks: dict[tuple[UUID, str], list[tuple[datetime, str]]] = {}
        for one in clicks:
            key = one.person, aliases.get(one.product, one.product)
            self._clicks.setdefault(key, []).append((one.at, place[one.rec_id]))

    def by(self, person: UUID, product: str | None, at: datetime) -> str | None:
        """The placement of her last click on this product before `at`, at most five days ago."""
        if product is None:
            return None
        theirs = self._clicks.get((person, self._aliases.get(product, product)), [])
        for when, placement in reversed(theirs):
            if when <= at:
                return placement if at - when <= WINDOW else None
        return None


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


def _money(
    sold: Sold, placement: str, orders: Sequence[Deed], currency: str
) -> tuple[int, int, int]:
    """(revenue, orders, orders in another currency) that go back to a placement."""
    revenue = Decimal(0)
    count = foreign = 0
    for order in orders:
        every = lines(order.products)
        mine = [line for line in every if sold.by(order.person, line[0], order.at) == placement]
        if not mine:
            continue
        if order.currency != currency:
            foreign += 1
            continue
        count += 1
        known = all(cost is not None for _, cost in every)
        total = sum((cost or Decimal(0) for _, cost in every), Decimal(0))
        if known and total > 0:
            part = sum((cost or Decimal(0) for _, cost in mine), Decimal(0)) / total
        else:
            part = Decimal(len(mine)) / len(every)
        revenue += part * (order.net or 0)
    return round(revenue), count, foreign


async def _aliases(
    tx: Tx, clicks: Iterable[Click], carts: Iterable[Deed], orders: Iterable[Deed]
) -> dict[str, str]:
    """The product of every name that is used."""
    said = {one.product for one in clicks} | {one.product for one in carts if one.product}
    said |= {id for order in orders for id, _ in lines(order.products)}
    found: dict[str, str] = {}
    every = sorted(said)
    for first in range(0, len(every), AT_ONCE):
        known = await catalog.resolve(tx, every[first : first + AT_ONCE])
        found.update((name, product) for name, (product, _, _) in known.items())
    return found


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
