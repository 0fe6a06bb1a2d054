"""A person in every room at once: telling her all that is kept, and forgetting her."""

from typing import Any

import msgspec
from litestar import delete, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from patron.app.care import leftovers, tombstones
from patron.carts import store as carts
from patron.events import store as events
from patron.events.lake import store as lake_store
from patron.events.refused import store as refused
from patron.events.types import NO_ONE
from patron.journeys import store as journeys
from patron.kit.clock import Clock
from patron.kit.db import Database, Tx
from patron.kit.migrate import HOUSE
from patron.kit.problems import not_found
from patron.kit.settings import Settings
from patron.kit.signing import Signer
from patron.messages import store as messages
from patron.profiles import store as profiles
from patron.profiles.erasure import store as erasure
from patron.shops import store as shops
from patron.shops.access import requires
from patron.shops.types import Shop

TIMELINE = 100_000


class Forgotten(msgspec.Struct, frozen=True):
    """What was removed. The lake forgets her within a minute, or at `patron lake copy`."""

    profile_id: str
    origins: int
    events: int
    messages: int
    carts: int
    runs: int
    payloads: int  # refused events, dead letters and kept answers that named her
    waiting_for_lake: bool = True


async def export(tx: Tx, shop: Shop, who: str) -> dict[str, Any]:
    """All that is kept about a person, as JSON-ready values. Problem 404 for nobody.

    `who` is a profile id or an identifier such as `email:ada@shop.example`.
    """
    root = await profiles.find(tx, who, shop.settings.phone_region)
    found = None if root is None else await erasure.export(tx, root)
    if root is None or found is None:
        raise not_found("profile", who)
    origins = await profiles.origins(tx, root)
    timeline = await events.timeline(tx, origins, before=None, limit=TIMELINE)
    everything: dict[str, Any] = msgspec.to_builtins(
        {
            **found,
            "events": timeline,
            "carts": await carts.export(tx, origins),
            "runs": await journeys.export(tx, origins),
            "messages": await messages.export(tx, origins),
        }
    )
    return everything


async def forget(
    db: Database, shop: Shop, who: str, signer: Signer, clock: Clock, settings: Settings
) -> Forgotten:
    """Erase a person from every room, in one transaction; the lake follows. Problem 404 for nobody.

    What waits unread in the inbox is dropped by the walk: keyed hashes of her identifiers stay, so
    that neither a retry nor a restored backup brings her back.
    """
    now = clock.now()
    async with db.unit(shop.schema) as tx:
        root = await profiles.find(tx, who, shop.settings.phone_region)
        erased = None if root is None else await erasure.erase(tx, root, signer, now)
        if erased is None:
            raise not_found("profile", who)
        origins = erased.origins
        needles = [value.encode() for _, value in erased.identifiers]
        done = Forgotten(
            str(erased.root),
            len(origins),
            await events.erase(tx, origins, NO_ONE),
            await messages.erase(tx, origins),
            await carts.erase(tx, origins),
            await journeys.erase(tx, origins),
            await refused.forget(tx, needles),
        )
        await refused.forget_walked(tx, needles)
        await lake_store.queue_erasure(tx, origins, now)
        await tombstones.keep(tx, tombstones.stones_of(settings.data_dir, shop.slug), now)
    words = leftovers.told_as(erased.identifiers)
    async with db.unit(HOUSE) as tx:
        await shops.forget_answers_naming(tx, words)
    leftovers.erase(settings.data_dir / "shops" / shop.slug / "cut", words)
    return done


@get(
    "/api/profiles/{who:str}/export",
    guards=[requires("profiles:read")],
    tags=["profiles"],
    summary="Everything kept about a person",
)
async def export_profile(
    db: NamedDependency[Database], shop: NamedDependency[Shop], who: FromPath[str]
) -> dict[str, Any]:
    """Profile, identifiers, consents, events, carts, journeys and messages, as JSON."""
    async with db.unit(shop.schema) as tx:
        return await export(tx, shop, who)


@delete(
    "/api/profiles/{who:str}",
    guards=[requires("profiles:write")],
    tags=["profiles"],
    summary="Forget a person for good",
    status_code=200,
)
async def erase_profile(
    db: NamedDependency[Database],
    shop: NamedDependency[Shop],
    signer: NamedDependency[Signer],
    clock: NamedDependency[Clock],
    settings: NamedDependency[Settings],
    who: FromPath[str],
) -> Forgotten:
    """Removes her everywhere. Orders stay as sums that belong to nobody."""
    return await forget(db, shop, who, signer, clock, settings)


routes: list[HTTPRouteHandler] = [export_profile, erase_profile]
