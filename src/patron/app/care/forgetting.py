"""Forgetting a person in every room, and in what was kept as it came."""

from datetime import timedelta

import msgspec

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
from patron.profiles.erasure.naming import Names
from patron.segments.lists import store as lists
from patron.shops import store as shops
from patron.shops.types import Shop
from patron.shops.audit import store as audit

RECENT = timedelta(minutes=5)


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


async def forget(
    db: Database, shop: Shop, who: str, signer: Signer, clock: Clock, settings: Settings
) -> Forgotten:
    """Erase a person from every room, in one transaction, and what was kept as it came before and
    after it; the lake follows. Problem 404 for nobody.

    What waits unread in the inbox is dropped by the walk: keyed hashes of her identifiers stay, so
    that neither a retry nor a restored backup brings her back.
    """
    now = clock.now()
    async with db.unit(shop.schema) as tx:
        # By itself, because reading many refusals takes seconds, and the walk is not to wait.
        payloads = await _forget_refusals(tx, shop, who)
    async with db.unit(shop.schema) as tx:
        root = await profiles.find(tx, who, shop.settings.phone_region)
        erased = None if root is None else await erasure.erase(tx, root, signer, now)
        if erased is None:
            raise not_found("profile", who)
        origins = erased.origins
        names = Names(erased.identifiers, shop.settings.phone_region)
        done = Forgotten(
            str(erased.root),
            len(origins),
            await events.erase(tx, origins, NO_ONE),
            await messages.erase(tx, origins),
            await carts.erase(tx, origins),
            await journeys.erase(tx, origins),
            payloads + await refused.forget(tx, names.pattern, names.within, since=now - RECENT),
        )
        await lists.erase(tx, origins)
        await lake_store.queue_erasure(tx, origins, now)
        await tombstones.keep(tx, tombstones.stones_of(settings.data_dir, shop.slug), now)
    async with db.unit(shop.schema) as tx:
        await audit.forget(tx, origins)
        await refused.forget_walked(tx, names.pattern, names.within)
    async with db.unit(HOUSE) as tx:
        await shops.forget_answers_naming(tx, names.pattern, names.within)
    leftovers.erase(settings.data_dir / "shops" / shop.slug / "cut", names.within)
    return done


async def _forget_refusals(tx: Tx, shop: Shop, who: str) -> int:
    root = await profiles.find(tx, who, shop.settings.phone_region)
    if root is None:
        return 0
    held = await profiles.identifiers(tx, await profiles.origins(tx, root))
    names = Names(((each.kind, each.value) for each in held), shop.settings.phone_region)
    return await refused.forget(tx, names.pattern, names.within)
