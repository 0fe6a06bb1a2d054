"""Everything a shopkeeper says about one placement, ready to be applied."""

from functools import cached_property
from typing import Any

import msgspec

from patron.recommend.rules.language import Boost, Filter


class Pin(msgspec.Struct, frozen=True):
    """A product that stands at a place, counted from 1."""

    item: int
    place: int


class Apart(msgspec.Struct, frozen=True):
    """What the one holds for is never shown beside what the other holds for: not in one answer, not
    beside the product looked at, not beside the cart."""

    one: Filter
    other: Filter


class Rules(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Amounts in minor units, ages in days. What is None, empty or 0 does nothing; `ignored_factor`
    does nothing at 1.

    `rotation` 0…1 is how much of its relevance chance may take from a product; `explore_share` 0…1
    is the share of places that go to new products. `margin_weight` and `popularity_weight` w
    multiply relevance by 1 + w × share (w from -1).
    """

    filters: tuple[Filter, ...] = ()
    boosts: tuple[Boost, ...] = ()
    buried: tuple[Filter, ...] = ()
    apart: tuple[Apart, ...] = ()
    pins: tuple[Pin, ...] = ()
    in_stock: bool = True
    price_from: int | None = None
    price_to: int | None = None
    exclude_current: bool = True
    exclude_cart: bool = True
    exclude_viewed: bool = False
    exclude_bought_days: float = 0
    exclude_bought_unless: Filter | None = None
    one_per_parent: bool = True
    most_per_brand: int = 0
    most_per_category: int = 0
    min_relevance: float = 0
    margin_weight: float = 0
    popularity_weight: float = 0
    rotation: float = 0
    explore_share: float = 0
    explore_days: float = 30
    ignored_factor: float = 1
    ignored_hidden_after: int = 0

    @cached_property
    def kept(self) -> dict[str, Any]:
        """What was worked out for these rules; whoever fills it keeps it right."""
        return {}
