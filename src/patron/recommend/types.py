"""Shapes of a recommendation."""

import msgspec


class Pick(msgspec.Struct, frozen=True):
    """A product to offer: bought together `support` times, `lift` times as often as by chance."""

    product_id: str
    lift: float
    support: int
    because_of: str  # the product in the cart that speaks loudest for it


class Fitted(msgspec.Struct, frozen=True):
    """What a refresh counted."""

    orders: int
    products: int
    pairs: int
