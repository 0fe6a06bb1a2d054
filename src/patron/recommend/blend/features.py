"""What is known of a product that a link may offer, in numbers that trees can ask about."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from patron.recommend.blend.reciprocal import Fused, Items
from patron.recommend.rules.types import NONE, Goods, Offer, Strategy
from patron.recommend.serving.strategies import Moment

Floats = NDArray[np.float64]
DAY = 86_400
OLDEST = 1_000.0
"""Days after which a product is as old as any."""
GENERAL = (
    "blended", "lists", "popularity", "price", "price_step", "age", "category_share",
    "brand_share", "visit_category_share", "visit_brand_share", "viewed", "bought", "visit",
    "history",
)  # fmt: skip


def names(link: Sequence[Strategy]) -> list[str]:
    """The columns: place and share of the best score in each list, then what is general."""
    return [f"{one}.{what}" for one in link for what in ("place", "score")] + list(GENERAL)


def features(
    goods: Goods,
    moment: Moment,
    link: Sequence[Strategy],
    said: dict[Strategy, Offer],
    found: Fused,
) -> Floats:
    """Products × columns, every number finite; what is unknown is -1, or no share at all."""
    items = found.items
    columns: list[Floats] = []
    for number, strategy in enumerate(link):
        place = found.places[:, number]
        columns.append(np.where(place >= 0, 1.0 / (1.0 + np.maximum(place, 0)), 0.0))
        columns.append(_score_shares(said.get(strategy), place))
    seen, visit = moment.seen, moment.visit
    deeds = np.concatenate([seen.bought[-50:], seen.views[-50:], moment.context.cart])
    price = goods.price[items].astype(np.float64)
    category, brand = goods.category.codes, goods.brand.codes
    first = goods.first_seen[items]
    columns += [
        found.scores,
        (found.places >= 0).sum(axis=1).astype(np.float64),
        np.nan_to_num(goods.popularity[items].astype(np.float64))
        / max(goods.greatest_popularity, 1e-12),
        np.where(price >= 0, np.log1p(np.maximum(price, 0.0)), -1.0),
        _price_step(goods, visit if len(visit) else deeds, price),
        np.where(first >= 0, np.clip((moment.context.now - first) / DAY, 0.0, OLDEST), -1.0),
        _shares(category, items, deeds),
        _shares(brand, items, deeds),
        _shares(category, items, visit),
        _shares(brand, items, visit),
        _times(items, seen.views),
        _times(items, seen.bought),
        np.full(len(items), float(len(visit))),
        np.full(len(items), float(len(deeds))),
    ]
    return np.stack(columns, axis=1)


def _score_shares(offer: Offer | None, place: NDArray[np.int64]) -> Floats:
    if offer is None:
        return np.zeros(len(place))
    scores = np.nan_to_num(offer.scored.scores.astype(np.float64))
    best = scores.max(initial=0.0)
    share = scores / best if best > 0 else np.zeros(len(scores))
    return np.where(place >= 0, share[np.minimum(place, len(share) - 1)], 0.0)


def _price_step(goods: Goods, near: Items, price: Floats) -> Floats:
    """How much dearer, as a logarithm, than what she looks at; 0 where either is unknown."""
    theirs = goods.price[near]
    theirs = theirs[theirs > 0]
    if not len(theirs):
        return np.zeros(len(price))
    usual = float(np.log(theirs).mean())
    return np.where(price > 0, np.log(np.maximum(price, 1.0)) - usual, 0.0)


def _shares(codes: NDArray[np.int32], items: Items, deeds: Items) -> Floats:
    """Which share of her deeds was about each product's category or brand."""
    if not len(deeds):
        return np.zeros(len(items))
    theirs, own = codes[deeds], codes[items]
    same = (own[:, None] == theirs[None, :]) & (theirs != NONE)[None, :]
    found: Floats = same.sum(axis=1) / len(deeds)
    return found


def _times(items: Items, deeds: Items) -> Floats:
    found: Floats = (items[:, None] == deeds[None, :]).sum(axis=1).astype(np.float64)
    return found
