"""A shop and its keys as their owner sees them."""

import msgspec

from patron.shops.types import Key, Mode, Shop, ShopSettings


class ShopView(msgspec.Struct, frozen=True):
    """A shop as its owner sees it: no secret is in it."""

    slug: str
    name: str
    currency: str
    time_zone: str
    public_url: str
    hosts: list[str]
    mode: Mode
    owner_email: str
    settings: ShopSettings


class MadeKey(msgspec.Struct, frozen=True):
    """`secret` is shown this once."""

    key: Key
    secret: str


def view(shop: Shop) -> ShopView:
    return ShopView(
        shop.slug,
        shop.name,
        shop.currency,
        shop.time_zone,
        shop.public_url,
        shop.hosts,
        shop.mode,
        shop.owner_email,
        shop.settings,
    )
