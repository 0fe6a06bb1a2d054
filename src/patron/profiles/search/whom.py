"""Whom somebody means who types a profile id or a name of hers."""

from uuid import UUID

from patron.kit.db import Tx
from patron.kit.problems import not_found
from patron.profiles import store
from patron.shops.types import Shop

REMEDY = (
    "give a profile id, or email:…, user_id:…, phone:…, anonymous_id:…; `patron profile search`"
    " finds her by whatever she goes by"
)


async def root_of(tx: Tx, shop: Shop, who: str) -> UUID:
    """The root of a person, by UUID or `kind:value`; Problem 404 for nobody."""
    root = await store.find(tx, who, shop.settings.phone_region)
    if root is None:
        raise not_found("profile", who, remedy=REMEDY)
    return root
