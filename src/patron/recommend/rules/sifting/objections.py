"""What keeps a product out of an answer whatever else is in it. The first objection counts."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from patron.recommend.rules.ruleset import Apart, Rules
from patron.recommend.rules.scene import Bools, Scene, is_among
from patron.recommend.rules.types import NONE, Context, Goods, Objection

Items = NDArray[np.int32]
_DAY = 86_400


def objections(scene: Scene, rules: Rules) -> Iterator[tuple[str, Bools]]:
    """(name, for which products) in the order in which they are asked."""
    goods, context, rows = scene.goods, scene.context, scene.items()
    yield Objection.NOT_SHOWN, ~goods.shown[rows]
    if rules.in_stock:
        yield Objection.OUT_OF_STOCK, ~goods.in_stock[rows]
    siblings = rules.one_per_parent
    if rules.exclude_current and scene.has_current:
        current = np.array([context.product], np.int32)
        yield Objection.CURRENT, _same(goods, rows, current, siblings)
    if rules.exclude_cart and len(context.cart):
        yield Objection.IN_CART, _same(goods, rows, context.cart, siblings)
    if len(context.excluded):
        yield Objection.EXCLUDED, is_among(rows, context.excluded)
    if rules.exclude_viewed and len(context.viewed):
        yield Objection.VIEWED, is_among(rows, context.viewed)
    if rules.exclude_bought_days > 0 and len(context.bought):
        yield Objection.BOUGHT, _bought(scene, rules, rows)
    if rules.ignored_hidden_after and len(context.ignored):
        tired = context.ignored[context.ignored_times >= rules.ignored_hidden_after]
        yield Objection.IGNORED, is_among(rows, tired)
    if rules.price_from is not None or rules.price_to is not None:
        yield Objection.PRICE, _outside(goods.price[rows], rules)
    for number, rule in enumerate(rules.filters):
        yield f"{Objection.FILTER}[{number}]", ~rule.mask(scene)
    if rules.apart:
        beside = shown_beside(goods, context)
        for number, pair in enumerate(rules.apart):
            yield f"{Objection.APART}[{number}]", apart_from(pair, scene, beside)


def apart_from(pair: Apart, scene: Scene, beside: Scene) -> Bools:
    """Which products may not stand beside those."""
    found = np.zeros(scene.size, np.bool_)
    if pair.other.mask(beside).any():
        found |= pair.one.mask(scene)
    if pair.one.mask(beside).any():
        found |= pair.other.mask(scene)
    return found


def shown_beside(goods: Goods, context: Context) -> Scene:
    """The product looked at and those in the cart."""
    items = np.array([*context.cart.tolist(), context.product], np.int32)
    return Scene(goods, context, items[(items >= 0) & (items < len(goods))])


def times_ignored(context: Context, rows: Items) -> NDArray[np.int64]:
    """How often each was shown and not clicked."""
    found = np.zeros(len(rows), np.int64)
    order = np.argsort(context.ignored, kind="stable")
    known, times = context.ignored[order], context.ignored_times[order]
    place = np.minimum(np.searchsorted(known, rows), len(known) - 1)
    is_there = known[place] == rows
    found[is_there] = times[place[is_there]]
    return found


def _same(goods: Goods, rows: Items, there: Items, siblings: bool) -> Bools:
    """Which products are one of those, or with `siblings` a variant of one."""
    found = is_among(rows, there)
    if siblings:
        parents = goods.parent[there[(there >= 0) & (there < len(goods))]]
        found |= is_among(goods.parent[rows], parents[parents != NONE])
    return found


def _bought(scene: Scene, rules: Rules, rows: Items) -> Bools:
    context = scene.context
    since = context.now - rules.exclude_bought_days * _DAY
    found = is_among(rows, context.bought[context.bought_at >= since])
    if rules.exclude_bought_unless is not None:
        found &= ~rules.exclude_bought_unless.mask(scene)
    return found


def _outside(price: NDArray[np.int64], rules: Rules) -> Bools:
    found = price < 0
    if rules.price_from is not None:
        found |= price < rules.price_from
    if rules.price_to is not None:
        found |= price > rules.price_to
    return found
