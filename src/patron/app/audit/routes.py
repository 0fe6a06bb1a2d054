"""The audit log as the owner reads it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.handlers import HTTPRouteHandler
from litestar.params import Parameter

from patron.kit.db import Database, Tx
from patron.kit.paging import Page, bounded, decode, encode
from patron.kit.periods import refuse_odd
from patron.kit.problems import bad_request
from patron.profiles import store as profiles
from patron.shops.access import requires
from patron.shops.audit import store
from patron.shops.audit.types import Asked, Entry, profile
from patron.shops.types import Shop


class Wanted(msgspec.Struct, frozen=True):
    """What to list; `person` as the caller named her."""

    person: str | None
    entries: Asked


async def subjects(tx: Tx, shop: Shop, given: str | None) -> list[str] | None:
    """What entries about `given` have as their subject: every origin of a person, for she may have
    been another before a merge; or `given` itself, for a thing such as `journey:abandoned_cart`."""
    if given is None:
        return None
    root = await profiles.find(tx, given.removeprefix("profile:"), shop.settings.phone_region)
    if root is None:
        return [given]
    return [profile(origin) for origin in await profiles.origins(tx, root)]


async def wanted(
    actor: Annotated[
        str | None, Parameter(description="Only of this key or user: its id or name")
    ] = None,
    action: Annotated[
        str | None, Parameter(description="Only routes or commands with this in their name")
    ] = None,
    person: Annotated[
        str | None,
        Parameter(
            description="Only about this person (a profile id, or `email:…`) or thing"
            " (`key:…`), `erased` for those about erased people"
        ),
    ] = None,
    changes: Annotated[
        bool | None, Parameter(description="true: only changes; false: only reads")
    ] = None,
    since: Annotated[datetime | None, Parameter(description="From this moment on")] = None,
    until: Annotated[datetime | None, Parameter(description="To before this moment")] = None,
) -> Wanted:
    refuse_odd(since, until, None)
    return Wanted(person, Asked(actor, action, None, changes, since, until))


async def entries(
    tx: Tx, shop: Shop, asked: Wanted, before: tuple[datetime, UUID] | None, limit: int
) -> list[Entry]:
    """Entries of the log, the newest first, from behind (time, id) on."""
    about = await subjects(tx, shop, asked.person)
    return await store.listed(
        tx, msgspec.structs.replace(asked.entries, subjects=about), before, limit
    )


@get(
    "/api/audit",
    guards=[requires("shop:admin")],
    tags=["shops"],
    summary="Who read or changed what",
    dependencies={"asked": Provide(wanted)},
)
async def list_entries(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    asked: NamedDependency[Wanted],
    cursor: Annotated[
        str | None,
        Parameter(description="`next_cursor` of the page before; leave out for the first"),
    ] = None,
    limit: Annotated[int, Parameter(ge=1, le=200, description="Entries a page, 200 at most")] = 50,
) -> Page[Entry]:
    """Every read of personal data and every change, by whom, from where and with what outcome; the
    newest first. Lists, searches and exports are one entry each, with how many came back. Entries
    cannot be changed or deleted; age takes them (`audit_retention_months`)."""
    bounded(limit)
    before = _place(cursor)
    async with db.unit(shop.schema) as tx:
        found = await entries(tx, shop, asked, before, limit)
    last = found[-1] if len(found) == limit else None
    return Page(found, None if last is None else encode([last.at.isoformat(), str(last.id)]))


def _place(cursor: str | None) -> tuple[datetime, UUID] | None:
    key = decode(cursor, 2)
    if key is None:
        return None
    try:
        at = datetime.fromisoformat(key[0])
        if at.tzinfo is None:
            raise ValueError("no time zone")
        return at, UUID(key[1])
    except (TypeError, ValueError, AttributeError) as error:
        raise bad_request(
            "the cursor is not one of ours", remedy="pass next_cursor unchanged", path="cursor"
        ) from error


routes: list[HTTPRouteHandler] = [list_entries]
