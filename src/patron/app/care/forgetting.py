"""Forgetting a person in every room, and in what was kept as it came."""

from datetime import timedelta
from uuid import UUID

import msgspec

from patron.app.care import leftovers, tombstones
from patron.app.care.proof.needles import Sought
from patron.app.care.proof.proving import Proof
from patron.app.lists.uploads import Uploads
from patron.carts import store as carts
from patron.delivery.channels.webhook import feed as webhooks
from patron.events import store as events
from patron.events.lake import store as lake_store
from patron.events.refused import store as refused
from patron.events.types import NO_ONE
from patron.experiments import store as experiments
from patron.journeys import entry_store as entries
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
from patron.segments.alike import store as alike
from patron.segments.last import store as last_words
from patron.segments.lists import store as lists
from patron.segments.live import store as remembered
from patron.segments.members import store as members
from patron.segments.predictions import store as predictions
from patron.shops import store as shops
from patron.shops.audit import store as audit
from patron.shops.retention import store as retention
from patron.shops.types import Shop

RECENT = timedelta(minutes=5)


class Forgotten(msgspec.Struct, frozen=True):
    """What was removed. The lake forgets her within a minute, or at `patron lake copy`. Her id is
    not in it, for answers are kept for their `Idempotency-Key`."""

    origins: int
    events: int
    messages: int
    carts: int
    runs: int
    payloads: int  # refused events, dead letters and kept answers that named her
    waiting_for_lake: bool = True
    proof: Proof | None = None


async def forget(
    db: Database, shop: Shop, who: str, signer: Signer, clock: Clock, settings: Settings
) -> Forgotten:
    """Erase a person from every room, as `forgotten` does; what went. Problem 404 for nobody."""
    return (await forgotten(db, shop, who, signer, clock, settings))[0]


async def forgotten(
    db: Database, shop: Shop, who: str, signer: Signer, clock: Clock, settings: Settings
) -> tuple[Forgotten, Sought]:
    """Erase a person from every room, in one transaction, and what was kept as it came before and
    after it; the lake follows. What went, and what she was called, so that it can be looked for: it
    is nowhere else any more. Problem 404 for nobody.

    What waits unread in the inbox is dropped by the walk: keyed hashes of her identifiers stay, so
    that neither a retry nor a restored backup brings her back.
    """
    now = clock.now()
    async with db.unit(shop.schema) as tx:
        # By itself, because reading many refusals takes seconds, and the walk is not to wait.
        typed, payloads = await _forget_refusals(tx, shop, who)
    async with db.unit(shop.schema) as tx:
        root = await profiles.find(tx, who, shop.settings.phone_region)
        erased = None if root is None else await erasure.erase(tx, root, signer, now)
        if erased is None:
            raise not_found("profile", who)
        origins = erased.origins
        known = [*erased.identifiers, *(("profile_id", str(origin)) for origin in origins)]
        names = Names(known, shop.settings.phone_region)
        months = await events.months_of(tx, origins)
        went = await from_the_rooms(tx, origins)
        late = await refused.forget(tx, names.pattern, names.within, since=now - RECENT)
        done = Forgotten(len(origins), *went, payloads + late)
        await webhooks.forget(tx, shop, erased.root, origins, now)
        await lake_store.queue_erasure(tx, origins, now)
        await retention.leave_trace(tx, months, now)
        await audit.forget(tx, origins)
        await tombstones.keep(tx, tombstones.stones_of(settings.data_dir, shop.slug), now)
    async with db.unit(shop.schema) as tx:
        await refused.forget_walked(tx, names.pattern, names.within)
    async with db.unit(HOUSE) as tx:
        await shops.forget_answers_naming(tx, names.pattern, names.within)
    folder = settings.data_dir / "shops" / shop.slug
    leftovers.erase(folder / "cut", names.within)
    leftovers.erase_reports(folder / "imports", names.within)
    Uploads(settings.data_dir, shop.slug).forget()
    return done, Sought(sorted({*erased.identifiers, *typed}), origins)


async def from_the_rooms(tx: Tx, origins: list[UUID]) -> tuple[int, int, int, int]:
    """Take origins out of every room above the profiles; how many events, messages, carts and runs
    there were."""
    await lists.erase(tx, origins)
    await members.erase(tx, origins)
    await remembered.erase(tx, origins)
    await last_words.erase(tx, origins)
    await predictions.erase(tx, origins)
    await alike.erase(tx, origins)
    await experiments.erase(tx, origins)
    await entries.erase(tx, origins)
    return (
        await events.erase(tx, origins, NO_ONE),
        await messages.erase(tx, origins),
        await carts.erase(tx, origins),
        await journeys.erase(tx, origins),
    )


async def _forget_refusals(tx: Tx, shop: Shop, who: str) -> tuple[list[tuple[str, str]], int]:
    """What her names are and how she typed them, and how many payloads that name her went."""
    root = await profiles.find(tx, who, shop.settings.phone_region)
    if root is None:
        return [], 0
    held = await profiles.identifiers(tx, await profiles.origins(tx, root))
    names = Names(((each.kind, each.value) for each in held), shop.settings.phone_region)
    typed = [(each.kind, each.address) for each in held if each.address]
    return typed, await refused.forget(tx, names.pattern, names.within)
