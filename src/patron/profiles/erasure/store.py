"""Export and erasure of one person, and the tombstones that keep her from coming back."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from patron.kit.db import Tx, execute, tuples
from patron.kit.signing import Signer
from patron.profiles import store
from patron.profiles.batch.store import digest, packed_suppressions
from patron.profiles.changes import store as changes
from patron.profiles.consents import confirmation_store as confirmations
from patron.profiles.consents import request_store as requests
from patron.profiles.consents import suppression_store
from patron.profiles.consents import wish_store as wishes
from patron.profiles.labels import store as labels
from patron.profiles.types import Erased, Identifier, Tombstone
from patron.profiles.untold import store as untold

ADDRESSES = ("email", "phone")
_CHUNK = 10_000
_read_suppressed = msgspec.json.Decoder(list[tuple[str, str, datetime]]).decode


async def export(tx: Tx, root: UUID) -> dict[str, Any] | None:
    """What this room keeps of a person, as JSON-ready values; None for nobody."""
    person = await store.person(tx, root)
    if person is None:
        return None
    keys = _addresses(person.identifiers)
    stops = await tuples(
        tx,
        "SELECT channel, address_key, reason, at, source FROM suppression"
        " WHERE address_key = ANY(%s) ORDER BY at",
        (keys,),
    )
    written = await tuples(
        tx, "SELECT id, traits::text FROM origin WHERE id = ANY(%s) ORDER BY id", (person.origins,)
    )
    names = ("channel", "address_key", "reason", "at", "source")
    found: dict[str, Any] = msgspec.to_builtins(
        {
            "profile": person,
            "traits_written": {str(id): msgspec.json.decode(text) for id, text in written},
            "consents": await store.consents(tx, person.origins),
            "suppressions": [dict(zip(names, stop, strict=True)) for stop in stops],
            "suppressions_lifted": await suppression_store.lifted_of(tx, keys),
            "confirmations": await confirmations.of(tx, keys, person.origins),
            "wishes": await wishes.of_addresses(tx, keys),
            "privacy_requests": await requests.of(tx, keys, person.origins),
            "merges": await store.merges(tx, person.origins),
            "refusals": await store.refusals(tx, person.origins, _CHUNK),
            **await labels.export(tx, person.origins),
        }
    )
    return found


async def erase(tx: Tx, root: UUID, signer: Signer | None, now: datetime) -> Erased | None:
    """Forget the person of an origin; a keyed hash of each of her names stays, or nothing when
    there is no `signer`. None for nobody.

    The caller erases the other rooms by the answer, in the same transaction.
    """
    await store.lock_people(tx)
    origins = await store.origins(tx, root)
    if not origins:
        return None
    await store.lock(tx, origins)
    root = (await store.roots(tx, origins[:1]))[origins[0]]
    names = await store.identifiers(tx, origins)
    keys = _addresses(names)
    if signer is not None:
        await _bury(tx, names, origins, signer, now)
    await labels.erase(tx, origins)
    await untold.erase(tx, origins)
    await changes.erase(tx, origins, keys)
    for sql, params in (
        ("DELETE FROM suppression WHERE address_key = ANY(%s)", (keys,)),
        ("DELETE FROM suppression_lifted WHERE address_key = ANY(%s)", (keys,)),
        ("DELETE FROM consent WHERE address_key = ANY(%s)", (keys,)),
        ("UPDATE consent SET origin_id = NULL WHERE origin_id = ANY(%s)", (origins,)),
        (
            "DELETE FROM refusal r USING unnest(%s::text[], %s::text[]) AS n (kind, value)"
            " WHERE r.kind = n.kind AND r.value = n.value",
            ([i.kind for i in names], [i.value for i in names]),
        ),
        ("DELETE FROM refusal WHERE origin_id = ANY(%s)", (origins,)),
        (
            "DELETE FROM merge_log WHERE winner = ANY(%s) OR loser = ANY(%s)",
            (origins, origins),
        ),
        ("DELETE FROM identifier WHERE origin_id = ANY(%s)", (origins,)),
        ("DELETE FROM origin WHERE id = ANY(%s)", (origins,)),
    ):
        await execute(tx, sql, params)
    await confirmations.erase(tx, keys, origins)
    await wishes.erase(tx, keys, origins)
    await requests.erase(tx, keys, origins, now)
    return Erased(root, origins, [(i.kind, i.value) for i in names], keys, now)


def _addresses(names: Sequence[Identifier]) -> list[str]:
    return sorted(each.value for each in names if each.kind in ADDRESSES)


async def _bury(
    tx: Tx, names: Sequence[Identifier], origins: Sequence[UUID], signer: Signer, now: datetime
) -> None:
    stops: dict[str, list[tuple[str, str, datetime]]] = {}
    for key, channel, reason, at in await tuples(
        tx,
        "SELECT address_key, channel, reason, at FROM suppression WHERE address_key = ANY(%s)",
        (_addresses(names),),
    ):
        stops.setdefault(key, []).append((channel, reason, at))
    await restore_tombstones(
        tx,
        [Tombstone(digest(signer, "origin", str(id)), now, []) for id in origins]
        + [
            Tombstone(
                digest(signer, each.kind, each.value),
                now,
                stops.get(each.value, []) if each.kind in ADDRESSES else [],
            )
            for each in names
        ],
    )


async def tombstones(tx: Tx, since: datetime | None = None) -> list[Tombstone]:
    """Those set up after `since`, or all: to be kept beside backups, outside this database."""
    found = await tuples(
        tx,
        "SELECT digest, erased_at, suppressed::text FROM tombstone"
        " WHERE %s::timestamptz IS NULL OR erased_at > %s ORDER BY erased_at, digest",
        (since, since),
    )
    return [Tombstone(bytes(key), at, _read_suppressed(stops)) for key, at, stops in found]


async def restore_tombstones(tx: Tx, stones: Sequence[Tombstone]) -> None:
    """Set tombstones up (again); of two for one name the later one stands."""
    await execute(
        tx,
        "INSERT INTO tombstone AS t (digest, erased_at, suppressed)"
        " SELECT d, at, s::jsonb FROM unnest(%b::bytea[], %b::timestamptz[], %s::text[])"
        " AS u (d, at, s) ON CONFLICT (digest) DO UPDATE SET erased_at = excluded.erased_at,"
        " suppressed = excluded.suppressed WHERE excluded.erased_at > t.erased_at",
        (
            [stone.digest for stone in stones],
            [stone.erased_at for stone in stones],
            [packed_suppressions(stone.suppressed) for stone in stones],
        ),
    )


async def returned(tx: Tx, signer: Signer) -> list[UUID]:
    """Roots of people who are here although they were erased: a backup brought them back.

    Reads every origin once; to be run after a restore, when the tombstones are set up again.
    """
    buried = {stone.digest: stone.erased_at for stone in await tombstones(tx)}
    if not buried:
        return []
    found: set[UUID] = set()
    async for origin_id, root_id in _every_origin(tx):
        if digest(signer, "origin", str(origin_id)) in buried:
            found.add(root_id)
    return sorted(found)


async def _every_origin(tx: Tx) -> AsyncIterator[tuple[UUID, UUID]]:
    last = UUID(int=0)
    while True:
        part = await tuples(
            tx,
            "SELECT id, root_id FROM origin WHERE id > %s ORDER BY id LIMIT %s",
            (last, _CHUNK),
        )
        for origin_id, root_id in part:
            yield origin_id, root_id
        if len(part) < _CHUNK:
            return
        last = part[-1][0]
