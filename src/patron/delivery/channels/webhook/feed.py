"""From the log to the queue: what has been walked is written down for each endpoint, in order.

Each endpoint has a place in the log of its own. While it does not take what it is told, no more
than a few hundred messages are written ahead: the log itself is the queue.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from patron.delivery.channels.webhook import store, topics
from patron.delivery.channels.webhook.topics import Told
from patron.delivery.channels.webhook.types import Draft, Endpoint, Topic
from patron.events import store as events
from patron.events.lake import store as log
from patron.events.types import LoggedEvent
from patron.kit.db import Database, Tx
from patron.kit.ids import id_at
from patron.profiles import merged_store as merged
from patron.profiles import store as profiles
from patron.profiles.labels import store as labels
from patron.profiles.many import store as many
from patron.profiles.types import Identifier
from patron.segments import store as segments
from patron.shops.types import Shop, own_names

AT_ONCE = 500
AHEAD = 500
LOOKED_AT = 20


async def feed(db: Database, shop: Shop, now: datetime) -> tuple[list[Endpoint], bool]:
    """Write down what is new for every endpoint that is on; these, and whether there is more."""
    async with db.unit(shop.schema) as tx:
        listening = await store.listening(tx)
        if not listening:
            return [], False
        written = (await log.state(tx)).position
    more = False
    for endpoint in listening:
        behind = endpoint.position < written or Topic.PROFILE_MERGED in endpoint.topics
        if behind and endpoint.waiting < AHEAD:
            async with db.unit(shop.schema) as tx:
                more |= await _feed_one(tx, shop, endpoint.id, now)
    async with db.unit(shop.schema) as tx:
        return await store.listening(tx), more


async def _feed_one(tx: Tx, shop: Shop, endpoint_id: UUID, now: datetime) -> bool:
    endpoint = await store.held(tx, endpoint_id)
    if endpoint is None:
        return False
    found = await events.after(tx, endpoint.position, AT_ONCE)
    wanted = set(endpoint.topics)
    own = own_names(shop.settings.metrics)
    some = [
        (one, topic)
        for one in found
        if (topic := topics.topic_of(one, own)) is not None and topic in wanted
    ]
    merges = []
    if Topic.PROFILE_MERGED in wanted:
        merges = await merged.merges_after(tx, endpoint.merged_after, AT_ONCE)
    origins = [one.origin_id for one, _ in some] + [merge.winner for merge in merges]
    people = await _people(tx, origins) if origins else {}
    drafts = [
        topics.of_merge(shop.slug, merge, people[merge.winner])
        for merge in merges
        if merge.winner in people
    ]
    drafts += _drafts(shop, some, people)
    await store.queue(tx, endpoint.id, drafts, now)
    position = found[-1].position if found else endpoint.position
    last = merges[-1].id if merges else endpoint.merged_after
    if (position, last) != (endpoint.position, endpoint.merged_after):
        await store.told_up_to(tx, endpoint.id, position, last)
    return len(found) >= AT_ONCE or len(merges) >= AT_ONCE


def _drafts(
    shop: Shop, some: Sequence[tuple[LoggedEvent, Topic]], people: Mapping[UUID, Told]
) -> list[Draft]:
    return [
        topics.of_event(shop.slug, one, topic, people[one.origin_id])
        for one, topic in some
        if one.origin_id in people
    ]


async def _people(tx: Tx, origins: Iterable[UUID]) -> dict[UUID, Told]:
    """The person of each origin as she is known now; whoever is erased is missing, and nobody else
    is erased before this transaction ends."""
    kept = await merged.kept(tx, origins)
    families = await segments.families(tx, kept)
    roots = await profiles.roots(tx, sorted(kept))
    people = {roots[origin]: families[origin] for origin in kept}
    traits = await many.traits(tx, people)
    whose = {member: root for root, members in people.items() for member in members}
    names: dict[UUID, list[Identifier]] = {}
    for one in await profiles.identifiers(tx, sorted(whose)):
        names.setdefault(whose[one.origin_id], []).append(one)
    tags = await labels.tags(tx, people)
    told = {root: Told(root, names.get(root, []), traits[root], tags[root]) for root in people}
    return {origin: told[roots[origin]] for origin in kept}


async def present(tx: Tx) -> tuple[int, UUID]:
    """Where the log and the merges are now: a new endpoint is told what comes after."""
    return (await log.state(tx)).position, await merged.last_merge(tx)


async def place_at(tx: Tx, since: datetime) -> tuple[int, UUID]:
    """The log position and the merge behind which everything received since a moment lies; some of
    what was received shortly before may lie there too."""
    low, high = 0, (await log.state(tx)).position
    while low < high:
        middle = (low + high) // 2
        some = await events.by_positions(tx, middle + 1, middle + LOOKED_AT)
        # Positions without any event have left for the lake, so they are older than all here.
        if not some or max(one.received_at for one in some) < since:
            low = min(middle + LOOKED_AT, high)
        else:
            high = middle
    return max(low - LOOKED_AT, 0), id_at(since)


async def forget(tx: Tx, shop: Shop, root: UUID, origins: Sequence[UUID], now: datetime) -> int:
    """Take back what is written down about a person who is being erased, in the caller's
    transaction, and write down for those who want to know that she is; how many were removed."""
    removed = await store.erase(tx, origins)
    draft = topics.of_erasure(shop.slug, root, origins, now)
    for endpoint in await store.listening(tx):
        if Topic.PROFILE_ERASED in endpoint.topics:
            await store.queue(tx, endpoint.id, [draft], now)
    return removed
