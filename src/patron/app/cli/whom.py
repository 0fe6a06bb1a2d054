"""Whom a command is asked about."""

from typing import Annotated
from uuid import UUID

import typer

from patron.kit.db import Tx
from patron.kit.problems import not_found
from patron.profiles import store
from patron.shops.types import Shop

Who = Annotated[
    str, typer.Argument(help="A profile id, or email:…, user_id:…, phone:…, anonymous_id:…")
]
FIND = (
    "give a profile id, or email:…, user_id:…, phone:…, anonymous_id:…; `patron profile search`"
    " finds her by whatever she goes by"
)


async def root_of(tx: Tx, shop: Shop, who: str) -> UUID:
    """The root of a person; Problem 404 for nobody."""
    root = await store.find(tx, who, shop.settings.phone_region)
    if root is None:
        raise not_found("profile", who, remedy=FIND)
    return root
