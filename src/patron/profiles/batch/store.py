"""The people of a batch: two reads, then a few set-based writes, whatever the batch holds."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from patron.kit.db import Tx, as_json, execute, tuples
from patron.kit.signing import Signer
from patron.profiles.batch.arrays import bools, byte_strings, texts, times, uuids
from patron.profiles.batch.state import (
    Grave,
    Origin,
    State,
    Tie,
    is_verified,
    pack_totals,
    write_traits,
)
from patron.profiles.types import Refused

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ' people', 0))"
"""Whoever changes who people are stands in this line first, before any row lock."""

_read_suppressed = msgspec.json.Decoder(list[tuple[str, str, datetime]]).decode


def digest(signer: Signer, kind: str, value: str) -> bytes:
    """What a tombstone keeps of an identifier."""
    return bytes.fromhex(signer.digest("tombstone", f"{kind}:{value}"))


async def load(
    tx: Tx, wanted: Sequence[tuple[str, str]], told: Sequence[UUID], signer: Signer
) -> State:
    """The people who hold the identifiers `wanted` or the origins `told`, whole and locked."""
    state = State()
    kinds, values = [k for k, _ in wanted], [v for _, v in wanted]
    async with tx.pipeline():
        await tx.execute(LOCK)
        found = await tx.execute(
            "SELECT o.root_id FROM unnest(%b::text[], %b::text[]) AS w (kind, value)"
            " JOIN identifier i ON i.value = w.value AND i.kind = w.kind"
            " JOIN origin o ON o.id = i.origin_id"
            " UNION SELECT root_id FROM origin WHERE id = ANY(%b::uuid[])",
            (texts(kinds), texts(values), uuids(told)),
            binary=True,
        )
        rarities = await tx.execute(
            "SELECT EXISTS (SELECT FROM tombstone),"
            " EXISTS (SELECT FROM merge_log WHERE undone_at IS NOT NULL)"
        )
    roots = [root for (root,) in await found.fetchall()]
    erased, undone = await rarities.fetchone() or (True, True)
    if roots:
        await _load_people(tx, state, uuids(roots))
    if roots and undone:
        await _load_parted(tx, state, uuids(roots))
    if wanted and erased:
        await _load_graves(tx, state, wanted, signer)
    return state


async def _load_people(tx: Tx, state: State, roots: Any) -> None:
    async with tx.pipeline():
        origins = await tx.execute(
            "SELECT id, root_id, known, first_seen, last_seen, totals, traits::text FROM origin"
            " WHERE root_id = ANY(%b::uuid[]) ORDER BY id FOR NO KEY UPDATE",
            (roots,),
            binary=True,
        )
        ties = await tx.execute(
            "SELECT i.kind, i.value, i.origin_id, i.address, i.trust, i.first_seen, i.last_seen"
            " FROM origin o JOIN identifier i ON i.origin_id = o.id"
            " WHERE o.root_id = ANY(%b::uuid[])",
            (roots,),
            binary=True,
        )
    for id, root_id, known, first, last, totals, traits in await origins.fetchall():
        state.load_origin(Origin(id, root_id, known, (first, last), totals, traits))
    for row in await ties.fetchall():
        state.load_tie(Tie(*row))


async def _load_parted(tx: Tx, state: State, roots: Any) -> None:
    for winner, loser in await tuples(
        tx,
        "SELECT m.winner, m.loser FROM merge_log m JOIN origin o ON o.id = m.winner"
        " WHERE m.undone_at IS NOT NULL AND o.root_id = ANY(%b::uuid[])",
        (roots,),
    ):
        state.part(winner, loser)


async def _load_graves(
    tx: Tx, state: State, wanted: Sequence[tuple[str, str]], signer: Signer
) -> None:
    by_digest = {digest(signer, kind, value): (kind, value) for kind, value in wanted}
    for key, erased_at, suppressed in await tuples(
        tx,
        "SELECT digest, erased_at, suppressed::text FROM tombstone WHERE digest = ANY(%b::bytea[])",
        (byte_strings(by_digest),),
    ):
        state.graves[by_digest[bytes(key)]] = Grave(erased_at, _read_suppressed(suppressed))


async def save(tx: Tx, state: State) -> None:
    """Write back what the fold changed, consent words apart."""
    moved = {origin_id for merge in state.merged for origin_id in merge.moved}
    new: list[Origin] = []
    changed: list[Origin] = []
    for origin in state.origins.values():
        if origin.new:
            new.append(origin)
        elif origin.touched or origin.id in moved:
            changed.append(origin)
    async with tx.pipeline():
        if new:
            await _insert_origins(tx, new)
        if changed:
            await _update_origins(tx, changed)
        if state.added:
            await _insert_ties(tx, state.added)
        added = {id(tie) for tie in state.added}
        if seen := [t for t in state.ties.values() if t.changed and id(t) not in added]:
            await _update_ties(tx, seen)
        if state.merged:
            await _log_merges(tx, state)
        if state.refused:
            await _log_refusals(tx, state.refused.values())
        for channel, key, reason, at in state.suppressed:
            await execute(
                tx,
                "INSERT INTO suppression (channel, address_key, reason, at, source)"
                " VALUES (%s, %s, %s, %s, 'kept over erasure') ON CONFLICT DO NOTHING",
                (channel, key, reason, at),
            )


def _columns(origins: list[Origin]) -> list[Any]:
    return [
        uuids(o.id for o in origins),
        uuids(o.root_id for o in origins),
        bools(o.known for o in origins),
        times(o.first_seen for o in origins),
        times(o.last_seen for o in origins),
        byte_strings(None if o.totals is None else pack_totals(o.totals) for o in origins),
        texts(write_traits(o.traits).decode() if o.traits_changed else None for o in origins),
    ]


_ORIGINS = (
    "unnest(%b::uuid[], %b::uuid[], %b::bool[], %b::timestamptz[], %b::timestamptz[],"
    " %b::bytea[], %b::text[]) AS u (id, root_id, known, first_seen, last_seen, totals, traits)"
)


async def _insert_origins(tx: Tx, origins: list[Origin]) -> None:
    await execute(
        tx,
        "INSERT INTO origin (id, root_id, known, first_seen, last_seen, totals, traits)"
        " SELECT id, root_id, known, first_seen, last_seen, COALESCE(totals, '\\x80'),"
        f" COALESCE(traits::jsonb, '{{}}') FROM {_ORIGINS}",
        _columns(origins),
    )


async def _update_origins(tx: Tx, origins: list[Origin]) -> None:
    # root_id is indexed, but a value that stays the same keeps the update heap-only.
    await execute(
        tx,
        "UPDATE origin o SET root_id = u.root_id, known = u.known, first_seen = u.first_seen,"
        " last_seen = u.last_seen, totals = COALESCE(u.totals, o.totals),"
        f" traits = COALESCE(u.traits::jsonb, o.traits) FROM {_ORIGINS} WHERE o.id = u.id",
        _columns(origins),
    )


async def _insert_ties(tx: Tx, ties: list[Tie]) -> None:
    await execute(
        tx,
        "INSERT INTO identifier (kind, value, origin_id, address, trust, verified, first_seen,"
        " last_seen) SELECT kind, value, origin_id, address, trust, verified, first_seen, last_seen"
        " FROM unnest(%b::text[], %b::text[], %b::uuid[], %b::text[], %s::smallint[], %b::bool[],"
        " %b::timestamptz[], %b::timestamptz[])"
        " AS u (kind, value, origin_id, address, trust, verified, first_seen, last_seen)",
        [
            texts(t.kind for t in ties),
            texts(t.value for t in ties),
            uuids(t.origin_id for t in ties),
            texts(t.address for t in ties),
            [int(t.trust) for t in ties],
            bools(is_verified(t.trust) for t in ties),
            times(t.first_seen for t in ties),
            times(t.last_seen for t in ties),
        ],
    )


async def _update_ties(tx: Tx, ties: list[Tie]) -> None:
    await execute(
        tx,
        "UPDATE identifier i SET origin_id = u.origin_id, trust = u.trust,"
        " verified = i.verified OR u.verified, first_seen = u.first_seen, last_seen = u.last_seen"
        " FROM unnest(%b::text[], %b::text[], %b::uuid[], %s::smallint[], %b::bool[],"
        " %b::timestamptz[], %b::timestamptz[])"
        " AS u (kind, value, origin_id, trust, verified, first_seen, last_seen)"
        " WHERE i.value = u.value AND i.kind = u.kind",
        [
            texts(t.kind for t in ties),
            texts(t.value for t in ties),
            uuids(t.origin_id for t in ties),
            [int(t.trust) for t in ties],
            bools(is_verified(t.trust) for t in ties),
            times(t.first_seen for t in ties),
            times(t.last_seen for t in ties),
        ],
    )


async def _log_merges(tx: Tx, state: State) -> None:
    cursor = tx.cursor()
    await cursor.executemany(
        "INSERT INTO merge_log (id, winner, loser, moved, reason, message_id, event_at, merged_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        [
            (m.id, m.winner, m.loser, m.moved, m.reason, m.message_id, m.event_at, m.merged_at)
            for m in state.merged
        ],
    )


async def _log_refusals(tx: Tx, refused: Iterable[Refused]) -> None:
    cursor = tx.cursor()
    await cursor.executemany(
        "INSERT INTO refusal AS r (origin_id, kind, value, reason, first_at, last_at, count)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (origin_id, kind, value, reason)"
        " DO UPDATE SET first_at = least(r.first_at, excluded.first_at),"
        " last_at = greatest(r.last_at, excluded.last_at), count = r.count + excluded.count",
        [(r.origin_id, r.kind, r.value, r.reason, r.first_at, r.last_at, r.count) for r in refused],
    )


def packed_suppressions(stops: Iterable[tuple[str, str, datetime]]) -> str:
    return as_json([list(stop) for stop in stops])
