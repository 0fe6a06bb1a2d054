"""The people as the other rooms ask for them; merges undone, consents kept, people erased."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from patron.events.types import Trust
from patron.kit.db import Tx, execute, row, rows, tuples, value
from patron.kit.ids import id_at
from patron.kit.problems import conflict
from patron.profiles.address import normalise_email, normalise_phone
from patron.profiles.batch.state import Totals, read_traits, unpack_totals
from patron.profiles.batch.store import LOCK
from patron.profiles.changes import store as changes
from patron.profiles.consent import CHANNEL_KIND, MARKETING, heaviest
from patron.profiles.known import known_traits
from patron.profiles.parting import parted
from patron.profiles.reach_store import PLAIN, reached, suppressions_of
from patron.profiles.types import (
    ConsentState,
    ConsentWord,
    Identifier,
    Merge,
    Person,
    Reach,
    Refused,
    SuppressionReason,
    Total,
)
from patron.shops.types import ShopSettings

_MERGE = "id, winner, loser, moved, reason, message_id, event_at, merged_at, undone_at"
_WORD = (
    "address_key, channel, purpose, state, at, source, trust, text_shown, place, origin_id,"
    " message_id, confirmed, country, categories, order_id"
)


async def lock(tx: Tx, origin_ids: Sequence[UUID]) -> None:
    """Lock origins in id order, as every writer outside the walk does before runs and outbox."""
    await execute(
        tx,
        "SELECT id FROM origin WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
        (list(origin_ids),),
    )


async def lock_people(tx: Tx) -> None:
    """Stand in line with whoever changes who people are (the walk, undo, erasure); first of all."""
    await execute(tx, LOCK)


async def roots(tx: Tx, origin_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The root of each origin; origins that do not exist (any more) are missing."""
    found = await tuples(
        tx, "SELECT id, root_id FROM origin WHERE id = ANY(%s)", (list(set(origin_ids)),)
    )
    return dict(found)


async def origins(tx: Tx, root: UUID) -> list[UUID]:
    """All origins of the person that origin `root` belongs to, oldest first; [] for nobody."""
    found = await tuples(
        tx,
        "SELECT id FROM origin WHERE root_id = (SELECT root_id FROM origin WHERE id = %s)"
        " ORDER BY id",
        (root,),
    )
    return [id for (id,) in found]


async def kin(
    tx: Tx, roots: Sequence[UUID]
) -> tuple[dict[UUID, UUID], dict[UUID, list[tuple[str, str]]]]:
    """Every origin of the people with these roots → its root; and each root's e-mail addresses and
    phone numbers as (kind, normalised value)."""
    found = await tuples(
        tx,
        "SELECT o.id, o.root_id, i.kind, i.value FROM origin o LEFT JOIN identifier i"
        " ON i.origin_id = o.id AND i.kind IN ('email', 'phone') WHERE o.root_id = ANY(%s)",
        (list(roots),),
    )
    origins: dict[UUID, UUID] = {}
    addresses: dict[UUID, list[tuple[str, str]]] = {}
    for origin, root, kind, address in found:
        origins[origin] = root
        if kind is not None:
            addresses.setdefault(root, []).append((kind, address))
    return origins, addresses


async def owners(tx: Tx, addresses: Sequence[str]) -> list[UUID]:
    """The roots of the people who have one of these normalised addresses or phone numbers."""
    found = await tuples(
        tx,
        "SELECT DISTINCT o.root_id FROM identifier i JOIN origin o ON o.id = i.origin_id"
        " WHERE i.value = ANY(%s) AND i.kind IN ('email', 'phone')",
        (list(addresses),),
    )
    return [root for (root,) in found]


async def origin_map(tx: Tx) -> list[tuple[UUID, UUID]]:
    """(origin, root) wherever they differ: what readers of the lake join."""
    found = await tuples(tx, "SELECT id, root_id FROM origin WHERE id <> root_id ORDER BY id")
    return [(origin, root) for origin, root in found]


async def countries(tx: Tx) -> list[tuple[UUID, str]]:
    """(root, country in capitals) where it is known: her `country`, else that of her address."""
    found = await tuples(
        tx,
        "SELECT DISTINCT ON (root_id) root_id, upper(trim(said)) FROM origin, LATERAL (VALUES"
        " (1, traits -> 'country', traits #>> '{country,v}'),"
        " (2, traits -> 'address', traits #>> '{address,v,country}')) AS told (place, trait, said)"
        " WHERE length(trim(said)) BETWEEN 1 AND 60 ORDER BY root_id, place,"
        " (trait ->> 'trust')::int DESC, (trait ->> 'ts')::timestamptz DESC",
    )
    return [(root, country) for root, country in found]


async def find(tx: Tx, term: str, region: str = "US") -> UUID | None:
    """The root of a person by UUID or `kind:value` (`email:…`, `user_id:…`, `phone:…`), or None."""
    kind, colon, given = term.partition(":")
    if not _storable(term):
        return None
    if not colon:
        try:
            id = UUID(term)
        except ValueError:
            return None
        return await _root(tx, "SELECT root_id FROM origin WHERE id = %s", (id,))
    if kind == "email":
        email = normalise_email(given)
        given = given if email is None else email[1]
    elif kind == "phone":
        given = normalise_phone(given, region) or given
    return await _root(
        tx,
        "SELECT o.root_id FROM identifier i JOIN origin o ON o.id = i.origin_id"
        " WHERE i.value = %s AND i.kind = %s",
        (given.strip(), kind),
    )


def _storable(text: str) -> bool:
    """Whether PostgreSQL can hold `text` at all: no NUL, no lone surrogate."""
    return "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


async def _root(tx: Tx, sql: str, params: Sequence[Any]) -> UUID | None:
    found = await value(tx, sql, params)
    return found if isinstance(found, UUID) else None


async def person(tx: Tx, any_origin: UUID) -> Person | None:
    """Everything kept about the person of an origin, or None."""
    kept = await tuples(
        tx,
        "SELECT id, root_id, first_seen, last_seen, known, totals, traits::text FROM origin"
        " WHERE root_id = (SELECT root_id FROM origin WHERE id = %s) ORDER BY id",
        (any_origin,),
    )
    if not kept:
        return None
    ids = [each[0] for each in kept]
    names = await identifiers(tx, ids)
    return Person(
        id=kept[0][1],
        known=any(each[4] for each in kept),
        origins=ids,
        identifiers=names,
        traits=known_traits((read_traits(each[6]) for each in kept), names),
        totals=_summed(unpack_totals(each[5]) for each in kept),
        first_seen=min(each[2] for each in kept),
        last_seen=max(each[3] for each in kept),
    )


async def identifiers(tx: Tx, origin_ids: Sequence[UUID]) -> list[Identifier]:
    """The identifiers of origins, by kind and value."""
    found = await tuples(
        tx,
        "SELECT kind, value, origin_id, address, trust, verified, first_seen, last_seen"
        " FROM identifier WHERE origin_id = ANY(%s) ORDER BY kind, value",
        (list(origin_ids),),
    )
    return [_identifier(each) for each in found]


async def _held(tx: Tx, any_origin: UUID, kind: str) -> list[Identifier]:
    """The identifiers of one kind of an origin's person, by value."""
    found = await tuples(
        tx,
        "SELECT kind, value, origin_id, address, trust, verified, first_seen, last_seen"
        " FROM identifier WHERE kind = %s AND origin_id IN (SELECT id FROM origin"
        " WHERE root_id = (SELECT root_id FROM origin WHERE id = %s)) ORDER BY value",
        (kind, any_origin),
    )
    return [_identifier(each) for each in found]


def _identifier(found: Sequence[Any]) -> Identifier:
    kind, name, origin_id, address, trust, verified, first_seen, last_seen = found
    return Identifier(kind, name, origin_id, address, Trust(trust), verified, first_seen, last_seen)


def _summed(parts: Iterable[Totals]) -> dict[str, Total]:
    result: dict[str, Total] = {}
    for part in parts:
        for name, one in part.items():
            was = result.get(name)
            result[name] = (
                Total(one.count, one.first, one.last)
                if was is None
                else Total(
                    was.count + one.count, min(was.first, one.first), max(was.last, one.last)
                )
            )
    return dict(sorted(result.items()))


async def reach(
    tx: Tx, any_origin: UUID, channel: str, purpose: str, settings: ShopSettings = PLAIN
) -> Reach:
    """How the person of an origin can be reached over `channel` for `purpose`."""
    kind = CHANNEL_KIND.get(channel)
    held = await _held(tx, any_origin, kind) if kind else []
    way = channel, purpose
    return (await reached(tx, {any_origin: held}, [way], settings))[any_origin][way]


async def set_consent(tx: Tx, word: ConsentWord, now: datetime) -> None:
    """Keep one word that was said outside the walk; see `set_consents`."""
    await set_consents(tx, [word], now)
    await changes.note_addresses(tx, [word.address_key], now)


async def set_consents(tx: Tx, words: Sequence[ConsentWord], now: datetime) -> None:
    """Keep words for good. A later yes to marketing lifts an unsubscription, and nothing else."""
    cursor = tx.cursor()
    await cursor.executemany(
        f"INSERT INTO consent (id, recorded_at, {_WORD})"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [(id_at(now), now, *_word_values(word)) for word in words],
    )
    yes = [w for w in words if (w.state, w.purpose) == (ConsentState.GRANTED, MARKETING)]
    lifted = [(w.channel, w.address_key, w.at) for w in yes]
    if lifted:
        await cursor.executemany(
            "DELETE FROM suppression WHERE channel = %s AND address_key = %s AND at < %s"
            " AND reason = 'unsubscribe'",
            lifted,
        )


def _word_values(word: ConsentWord) -> tuple[Any, ...]:
    return (
        word.address_key, word.channel, word.purpose, word.state, word.at, word.source,
        int(word.trust), word.text_shown, word.place, word.origin_id, word.message_id,
        word.confirmed, word.country, word.categories, word.order_id,
    )  # fmt: skip


async def consents(tx: Tx, origin_ids: Sequence[UUID]) -> list[ConsentWord]:
    """Every word about the addresses of origins, or said under them; newest first."""
    found = await tuples(
        tx,
        f"SELECT {_WORD} FROM consent WHERE origin_id = ANY(%s) OR address_key IN"
        " (SELECT i.value FROM identifier i WHERE i.origin_id = ANY(%s)"
        " AND i.kind IN ('email', 'phone')) ORDER BY at DESC, id DESC",
        (list(origin_ids), list(origin_ids)),
    )
    names = [name.strip() for name in _WORD.split(",")]
    return [msgspec.convert(dict(zip(names, f, strict=True)), ConsentWord) for f in found]


async def suppress(
    tx: Tx, channel: str, address_key: str, reason: str, at: datetime, source: str
) -> None:
    """Stop a channel for an address, unless she unsubscribed before her last yes to marketing."""
    reason = SuppressionReason(reason).value
    await execute(
        tx,
        "INSERT INTO suppression AS s (channel, address_key, reason, at, source)"
        " SELECT %s, %s, %s, %s, %s WHERE %s <> 'unsubscribe' OR NOT EXISTS (SELECT FROM consent"
        f" WHERE address_key = %s AND channel = %s AND purpose = '{MARKETING}'"
        " AND state = 'granted' AND at > %s) ON CONFLICT (address_key, channel, reason)"
        " DO UPDATE SET at = excluded.at, source = excluded.source WHERE excluded.at > s.at",
        (channel, address_key, reason, at, source, reason, address_key, channel, at),
    )
    await changes.note_addresses(tx, [address_key], at)


async def suppressed(tx: Tx, channel: str, address_key: str) -> str | None:
    """Why nothing may be sent to an address, or None."""
    return heaviest(s.reason for s in await suppressions_of(tx, [address_key], [channel]))


async def merges(tx: Tx, origin_ids: Sequence[UUID]) -> list[Merge]:
    """The merges that origins took part in, newest first, undone ones too."""
    return await rows(
        tx,
        Merge,
        f"SELECT {_MERGE} FROM merge_log WHERE winner = ANY(%s) OR loser = ANY(%s)"
        " ORDER BY id DESC",
        (list(origin_ids), list(origin_ids)),
    )


async def refusals(tx: Tx, origin_ids: Sequence[UUID], limit: int) -> list[Refused]:
    """What was kept away from origins, newest first."""
    return await rows(
        tx,
        Refused,
        "SELECT origin_id, kind, value, reason, first_at, last_at, count FROM refusal"
        " WHERE origin_id = ANY(%s) ORDER BY last_at DESC, kind, value LIMIT %s",
        (list(origin_ids), limit),
    )


async def undo(tx: Tx, merge_id: UUID, now: datetime) -> Merge | None:
    """Take a merge back: two people again, as if it had never been. None for an unknown merge.

    The two are kept apart from then on; only a server's alias joins them again. Raises Problem
    409 when the merge was undone before.
    """
    await lock_people(tx)
    merge = await row(tx, Merge, f"SELECT {_MERGE} FROM merge_log WHERE id = %s", (merge_id,))
    if merge is None:
        return None
    if merge.undone_at is not None:
        raise conflict(
            f"merge {merge_id} was undone at {merge.undone_at.isoformat()}",
            remedy="nothing is left to do",
        )
    together = await origins(tx, merge.winner)
    await lock(tx, together)
    standing = await tuples(
        tx,
        "SELECT winner, loser FROM merge_log"
        " WHERE undone_at IS NULL AND id <> %s AND winner = ANY(%s)",
        (merge_id, together),
    )
    root = (await roots(tx, together))[merge.winner]
    new_root, leaving = parted(root, merge.winner, merge.loser, [(w, v) for w, v in standing])
    await execute(
        tx, "UPDATE origin SET root_id = %s WHERE id = ANY(%s)", (new_root, list(leaving))
    )
    await execute(tx, "UPDATE merge_log SET undone_at = %s WHERE id = %s", (now, merge_id))
    await changes.note(tx, together, now, changes.Why.MERGE)
    return msgspec.structs.replace(merge, undone_at=now)
