"""What each strategy proposes for a moment: from a model where it won, else from the catalog.

A shop without a past has no models. Then whatever asks for the popular is answered with the newest
products, so that a first answer is never empty.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.recommend.again import query as again
from patron.recommend.placements.definition import Area
from patron.recommend.popular import categories as ordering
from patron.recommend.popular import query as popular
from patron.recommend.popular.areas import Areas
from patron.recommend.popular.best import best, falling
from patron.recommend.popular.tiers import tiered
from patron.recommend.popular.types import Groups
from patron.recommend.popular.types import Params as PopularParams
from patron.recommend.rules.types import (
    NONE,
    PATH,
    Context,
    Goods,
    Offer,
    Strategy,
    steps_of,
)
from patron.recommend.sequence import query as sequence
from patron.recommend.serving.opened import Models
from patron.recommend.serving.visitors import Seen
from patron.recommend.session import query as session
from patron.recommend.session.delta import Recent
from patron.recommend.session.fit import fastest
from patron.recommend.similar import query as similar
from patron.recommend.together import query as together
from patron.recommend.together.types import Found as Companions
from patron.recommend.types import Kind, Scored
from patron.recommend.warming import AGAIN, AWAITED, SEQUENCE, SESSION, Loops

Items = NDArray[np.int32]
NO_ITEMS: Items = np.empty(0, np.int32)
NOTHING = Scored(NO_ITEMS, np.empty(0, np.float32))
LATEST = 3
"""So many of the products looked at last speak where none is being looked at."""
NEW_DAYS = 30.0
LEVELS = 6
"""Of a category and those above it so many are asked before the whole shop is."""
FRESH_ENOUGH = 5
"""Seconds for which a list that is the same for everybody is kept; ranking sees stock and price as
they are all the same."""
STEP_UP, LARGEST_STEP = 1.1, 2.0
FILL_UP = 2.0
"""A product that fills the cart up costs at most so many times what lacks."""


class Moment(msgspec.Struct, frozen=True, eq=False):
    """What a strategy may look at. `visit` are the products of this visit, oldest first, the one
    looked at included, `ages` how many seconds ago each was seen, `name` what the log calls it."""

    context: Context
    seen: Seen
    visit: Items
    ages: NDArray[np.float64]
    area: Area = Area.SHOP
    name: str | None = None


Found = tuple[Scored, Items | None]


class Strategies:
    """Proposes products, by the models and the goods of one generation."""

    def __init__(
        self, models: Models, goods: Goods, recent: Recent | None = None, loops: Loops = AWAITED
    ) -> None:
        """`recent` are the visits that came after the models were counted."""
        self.models, self.goods, self.recent, self.loops = models, goods, recent, loops
        self.ahead: Mapping[tuple[int, str], Scored] = {}
        """What was counted for many at once, by whose past it is (its `id`) and strategy."""
        self.dates_ahead: Mapping[int, dict[int, int]] = {}
        self._kept: dict[str, tuple[float, Scored]] = {}
        self._fresh: tuple[float, Items] = (-np.inf, NO_ITEMS)
        self._by_name: dict[str, Callable[[Moment, int], Found]] = {
            Strategy.TOGETHER: self._together,
            Strategy.CART: self._cart,
            Strategy.BUNDLE: self._bundle,
            Strategy.ALSO_VIEWED: self._also_viewed,
            Strategy.SIMILAR: self._similar,
            Strategy.BECAUSE_YOU_VIEWED: self._because_you_viewed,
            Strategy.SESSION: self._session,
            Strategy.FOR_YOU: self._for_you,
            Strategy.AGAIN: self._again,
            Strategy.NEXT_ORDER: self._next_order,
            Strategy.TRENDING: self._trending,
            Strategy.BEST_SELLERS: self._best_sellers,
            Strategy.NEW: self._new,
            Strategy.ON_SALE: self._on_sale,
            Strategy.STAR: self._star,
            Strategy.RECENTLY_VIEWED: self._recently_viewed,
            Strategy.FILLER: self._filler,
            Strategy.UPSELL: self._upsell,
        }

    def propose(self, strategy: str, moment: Moment, n: int, *, fallback: bool) -> Offer | None:
        """An offer, or None where the strategy has nothing to say at this moment."""
        how = self._by_name.get(strategy)
        if how is None or strategy in self.models.silent:
            return None
        ready = self.ahead.get((id(moment.seen), strategy))
        scored, because = how(moment, n) if ready is None else (ready.first(n), None)
        return Offer(strategy, scored, because, fallback) if len(scored) else None

    def categories(self, moment: Moment, n: int, *, longed_first: bool = False) -> Scored:
        """Her own order of categories, as codes of the goods' categories; nothing before anything
        was counted."""
        found = self._categories
        if found is None:
            return NOTHING
        items, kinds, times = deeds(moment)
        now = moment.context.now
        return ordering.order(found, items, kinds, times, now, n, longed_first=longed_first)

    @cached_property
    def _categories(self) -> ordering.Categories | None:
        if self.models.popular is None:
            return None
        codes = self.goods.category.codes[: len(self.models.items)]
        member = np.flatnonzero(codes != NONE).astype(np.int32)
        groups = Groups(member, codes[member], self.goods.category.words)
        return ordering.fit(self.models.popular, groups, PopularParams())

    def fresh(self, now: float) -> Items:
        """The newest products that may be shown to be tried; a list for everybody."""
        at, found = self._fresh
        if not 0 <= now - at < FRESH_ENOUGH:
            goods = self.goods
            young = goods.shown & goods.in_stock & (goods.first_seen > now - NEW_DAYS * 86_400)
            found = np.flatnonzero(young).astype(np.int32)
            if len(found) > MOST_FRESH:
                newest = np.argsort(-goods.first_seen[found], kind="stable")[:MOST_FRESH]
                found = np.asarray(found[newest])
            self._fresh = now, found
        return found

    def _asked(self, moment: Moment) -> Items:
        """The product looked at, else the latest of the visit, else of the cart."""
        if moment.context.product != NONE:
            return np.array([moment.context.product], np.int32)
        if len(moment.visit):
            return moment.visit[-LATEST:]
        return moment.context.cart[-LATEST:]

    def _together(self, moment: Moment, n: int) -> Found:
        return self._companions(together.companions, self._asked(moment), n)

    def _bundle(self, moment: Moment, n: int) -> Found:
        return self._companions(together.complements, self._asked(moment), n)

    def _cart(self, moment: Moment, n: int) -> Found:
        return self._companions(together.cart, moment.context.cart, n)

    def _companions(self, ask: Callable[..., Companions], items: Items, n: int) -> Found:
        if self.models.companions is None or not len(items):
            return NOTHING, None
        found = ask(self.models.companions, items, n)
        return found, found.because

    def _also_viewed(self, moment: Moment, n: int) -> Found:
        return self._of_one(similar.also_viewed, moment, n)

    def _similar(self, moment: Moment, n: int) -> Found:
        return self._of_one(similar.like, moment, n)

    def _of_one(self, ask: Callable[..., Scored], moment: Moment, n: int) -> Found:
        asked = self._asked(moment)
        if self.models.similar is None or not len(asked):
            return NOTHING, None
        found = ask(self.models.similar, int(asked[-1]), n)
        return found, np.full(len(found), asked[-1], np.int32)

    def _because_you_viewed(self, moment: Moment, n: int) -> Found:
        latest = moment.seen.viewed[moment.seen.viewed != moment.context.product][-LATEST:]
        if self.models.similar is None or not len(latest):
            return NOTHING, None
        weights = np.exp2(-np.arange(len(latest) - 1, -1, -1, dtype=np.float64))
        return similar.because(self.models.similar, latest, n, weights)

    def _session(self, moment: Moment, n: int) -> Found:
        index = self.models.session
        if index is None or not len(moment.visit):
            return NOTHING, None
        kernels = fastest(self.loops.ready(SESSION))
        if self.recent is not None:
            return self.recent.next_items(moment.visit, moment.ages, n, moment.name, kernels), None
        return session.next_items(index, moment.visit, moment.ages, n, kernels), None

    def _for_you(self, moment: Moment, n: int) -> Found:
        index, quick = self.models.sequence, self.loops.ready(SEQUENCE)
        if index is None:
            return NOTHING, None
        items, kinds, _ = deeds(moment)
        if not len(items):
            return NOTHING, None
        return sequence.for_person(index, items, n, kinds=kinds, compiled=quick), None

    def _again(self, moment: Moment, n: int) -> Found:
        seen = moment.seen
        if self.models.again is None or not len(seen.bought):
            return NOTHING, None
        now = int(moment.context.now)
        return again.due(self.models.again, seen.bought, seen.bought_at, seen.baskets, now, n), None

    def _next_order(self, moment: Moment, n: int) -> Found:
        seen = moment.seen
        if self.models.again is None or not len(seen.bought):
            return NOTHING, None
        past = seen.bought, seen.bought_at, seen.baskets
        return again.basket(self.models.again, *past, n, compiled=self.loops.ready(AGAIN)), None

    def due_dates(self, moment: Moment) -> dict[int, int]:
        """When each product that she may need again is due, in seconds; past, if it is overdue."""
        seen = moment.seen
        if id(seen) in self.dates_ahead:
            return self.dates_ahead[id(seen)]
        if self.models.again is None or not len(seen.bought):
            return {}
        now = int(moment.context.now)
        found = again.dates(self.models.again, seen.bought, seen.bought_at, now, seen.baskets)
        return dict(zip(found.items.tolist(), found.at.tolist(), strict=True))

    def _trending(self, moment: Moment, n: int) -> Found:
        if self.models.popular is None:
            return NOTHING, None
        if self._category(moment) == NONE:
            found = popular.trending(self.models.popular, n, self._group(moment))
            return found if len(found) else popular.trending(self.models.popular, n), None
        trend = self.models.popular.trend

        def score() -> NDArray[np.float64]:
            rising = np.zeros(len(self.goods))
            rising[: len(trend)] = np.where(trend > 1, trend, 0.0)
            return rising

        return self._nearby("trend", moment, n, score), None

    def _best_sellers(self, moment: Moment, n: int) -> Found:
        group = self._group(moment)
        if group is None:
            return self._nearby("best", moment, n, self._popularity), None

        def score() -> NDArray[np.float64]:
            """What these people like, then what everybody does."""
            rest = self._popularity()
            assert self.models.popular is not None
            theirs = popular.top(self.models.popular, MOST, group)
            least = float(theirs.scores.min(initial=1.0))
            found: NDArray[np.float64] = rest * (least * 0.5 / rest.max(initial=1.0))
            found[theirs.items] = theirs.scores
            return found

        return self._everywhere(f"best in {group}", moment, n, score), None

    def _group(self, moment: Moment) -> int | None:
        """Whose best-sellers are meant, None: everybody's."""
        return self._areas.group(moment.area, moment.context.customer)

    @cached_property
    def _areas(self) -> Areas:
        return Areas([] if self.models.popular is None else self.models.popular.names)

    def _category(self, moment: Moment) -> int:
        """The category whose popularity is asked for, NONE for the whole shop's."""
        if moment.area is not Area.CATEGORY or moment.context.product == NONE:
            return NONE
        return int(self.goods.category.codes[moment.context.product])

    def _nearby(
        self, name: str, moment: Moment, n: int, score: Callable[[], NDArray[np.float64]]
    ) -> Scored:
        """In the category of the product looked at where that is asked for, then in those above,
        then everywhere."""
        code = self._category(moment)
        if code == NONE:
            return self._everywhere(name, moment, n, score)
        steps = steps_of(self.goods.category.words[code])

        def lists() -> Iterator[Scored]:
            for depth in range(len(steps), max(len(steps) - LEVELS, 0), -1):
                path = PATH.join(steps[:depth])
                below = self.goods.category.by_ancestor.get(path, [])

                def of_these(below: list[int] = below) -> NDArray[np.float64]:
                    return np.where(np.isin(self.goods.category.codes, below), score(), 0.0)

                yield self._everywhere(f"{name} {path}", moment, n, of_these)
            yield self._everywhere(name, moment, n, score)

        return tiered(lists(), n)

    def _new(self, moment: Moment, n: int) -> Found:
        now = moment.context.now

        def score() -> NDArray[np.float64]:
            left = 1.0 - (now - self.goods.first_seen) / (NEW_DAYS * 86_400)
            return np.where(self.goods.first_seen >= 0, left, 0.0)

        return self._everywhere("new", moment, n, score), None

    def _on_sale(self, moment: Moment, n: int) -> Found:
        goods = self.goods

        def score() -> NDArray[np.float64]:
            reduced = (goods.price >= 0) & (goods.compare_at > goods.price)
            return np.where(reduced, self._popularity(), 0.0)

        return self._everywhere("sale", moment, n, score), None

    def _star(self, moment: Moment, n: int) -> Found:
        def score() -> NDArray[np.float64]:
            margin = self.goods.margin.astype(np.float64)
            known = margin[np.isfinite(margin)]
            usual = float(np.median(known)) if len(known) else 1.0
            return self._popularity() * np.nan_to_num(margin, nan=usual)

        return self._everywhere("star", moment, n, score), None

    def _recently_viewed(self, moment: Moment, n: int) -> Found:
        latest = moment.seen.viewed[::-1][:n]
        return Scored(latest, falling(len(latest))), None

    def _filler(self, moment: Moment, n: int) -> Found:
        context = moment.context
        gap = context.free_shipping_from - context.cart_value
        if context.free_shipping_from == NONE or context.cart_value == NONE or gap <= 0:
            return NOTHING, None
        fits = (self.goods.price >= gap) & (self.goods.price <= gap * FILL_UP)
        return best(np.where(fits, self._popularity(), 0.0), n), None

    def _upsell(self, moment: Moment, n: int) -> Found:
        asked = self._asked(moment)[-1:]
        if not len(asked):
            return NOTHING, None
        product = int(asked[0])
        goods = self.goods
        price, category = int(goods.price[product]), goods.category.codes[product]
        found = NOTHING
        if self.models.similar is not None:
            found = similar.upsell(self.models.similar, product, n, goods.price)
        if not len(found) and price > 0 and category != NONE:
            step = goods.price / price
            fits = (goods.category.codes == category) & (step >= STEP_UP) & (step <= LARGEST_STEP)
            found = best(np.where(fits, self._popularity(), 0.0), n)
        return found, np.full(len(found), product, np.int32)

    def _popularity(self) -> NDArray[np.float64]:
        """Above 0 for every product that may be shown: of those nobody asked for yet, the newer
        comes first, and all of them behind the others."""
        known = self.goods.popularity.astype(np.float64)
        first = self.goods.first_seen.astype(np.float64)
        least = known[known > 0].min() if (known > 0).any() else 1.0
        newest = first.max(initial=1.0)
        rest = least * 1e-3 * np.clip(first / max(newest, 1.0), 1e-6, 1.0)
        return np.where(known > 0, known, rest)

    def _everywhere(
        self, name: str, moment: Moment, n: int, score: Callable[[], NDArray[np.float64]]
    ) -> Scored:
        """The best products of the whole catalog; a list for everybody, kept some seconds."""
        at, found = self._kept.get(name, (-np.inf, NOTHING))
        if not 0 <= moment.context.now - at < FRESH_ENOUGH:
            goods = self.goods
            found = best(np.where(goods.shown & goods.in_stock, score(), 0.0), MOST)
            if len(self._kept) >= LISTS:
                self._kept.clear()
            self._kept[name] = moment.context.now, found
        return found.first(n)


def deeds(moment: Moment) -> tuple[Items, NDArray[np.int8], NDArray[np.int64]]:
    """All she did, oldest first: products, kinds and times."""
    seen, context = moment.seen, moment.context
    last = moment.visit[-1:]
    items = np.concatenate([seen.bought, seen.views, context.cart, last])
    lengths = (len(seen.bought), len(seen.views), len(context.cart), len(last))
    kinds = np.repeat(np.array([Kind.BUY, Kind.VIEW, Kind.CART, Kind.VIEW], np.int8), lengths)
    now = np.full(lengths[2] + lengths[3], context.now)
    times = np.concatenate([seen.bought_at, seen.view_at, now]).astype(np.int64)
    order = np.argsort(times, kind="stable")
    return items[order], kinds[order], times[order]


MOST_FRESH = 200
LISTS = 2_000
MOST = 400
"""Products of a list for everybody: enough for what rules take away."""
