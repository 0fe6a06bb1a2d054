"""The SQL of tags and notes. A person is given by all her origins."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from patron.kit.db import Tx, execute, rows, tuples, value
from patron.kit.ids import id_at
from patron.profiles.labels.types import Note, Tag, TagCount


async def tags(tx: Tx, people: Mapping[UUID, Sequence[UUID]]) -> dict[UUID, list[str]]:
    """The tags of many people, each given by any id and all her origins; by name, each once."""
    whose = {origin: person for person, origins in people.items() for origin in origins}
    found: dict[UUID, dict[str, str]] = {}
    for origin, key, tag in await tuples(
        tx,
        "SELECT origin_id, key, tag FROM profile_tag WHERE origin_id = ANY(%s)"
        " ORDER BY key, at DESC, origin_id",
        (list(whose),),
    ):
        found.setdefault(whose[origin], {})[key] = tag
    return {person: list(found.get(person, {}).values()) for person in people}


async def notes(tx: Tx, people: Mapping[UUID, Sequence[UUID]]) -> dict[UUID, list[str]]:
    """The texts of many people's notes, each person given by any id and all her origins; the newest
    first."""
    whose = {origin: person for person, origins in people.items() for origin in origins}
    found: dict[UUID, list[str]] = {person: [] for person in people}
    for origin, text in await tuples(
        tx,
        "SELECT origin_id, text FROM profile_note WHERE origin_id = ANY(%s)"
        " ORDER BY at DESC, id DESC",
        (list(whose),),
    ):
        found[whose[origin]].append(text)
    return found


async def tags_of(tx: Tx, origins: Sequence[UUID]) -> list[Tag]:
    """Her tags by name. One that was written under two of her origins is shown as it was first."""
    return await rows(
        tx,
        Tag,
        "SELECT tag, written_by, at FROM (SELECT DISTINCT ON (key) key, tag, written_by, at"
        " FROM profile_tag WHERE origin_id = ANY(%s) ORDER BY key, at, origin_id) AS hers"
        " ORDER BY key",
        (list(origins),),
    )


async def put_tag(tx: Tx, origin: UUID, key: str, tag: str, by: str, now: datetime) -> None:
    await execute(
        tx,
        "INSERT INTO profile_tag (origin_id, key, tag, written_by, at) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (origin, key, tag, by, now),
    )


async def drop_tag(tx: Tx, origins: Sequence[UUID], key: str) -> bool:
    """Whether she had it."""
    return bool(
        await execute(
            tx,
            "DELETE FROM profile_tag WHERE origin_id = ANY(%s) AND key = %s",
            (list(origins), key),
        )
    )


async def every_tag(tx: Tx, after: str | None, limit: int) -> list[tuple[str, TagCount]]:
    """(key, tag with its number of people) behind a key, by name."""
    found = await tuples(
        tx,
        "SELECT t.key, min(t.tag), count(DISTINCT o.root_id) FROM profile_tag t"
        " JOIN origin o ON o.id = t.origin_id WHERE (%s::text IS NULL OR t.key > %s)"
        " GROUP BY t.key ORDER BY t.key LIMIT %s",
        (after, after, limit),
    )
    return [(key, TagCount(tag, people)) for key, tag, people in found]


async def notes_of(tx: Tx, origins: Sequence[UUID], limit: int) -> list[Note]:
    """Her notes, the newest first."""
    return await rows(
        tx,
        Note,
        "SELECT id, text, written_by, at FROM profile_note WHERE origin_id = ANY(%s)"
        " ORDER BY at DESC, id DESC LIMIT %s",
        (list(origins), limit),
    )


async def count_notes(tx: Tx, origins: Sequence[UUID]) -> int:
    return int(
        await value(
            tx, "SELECT count(*) FROM profile_note WHERE origin_id = ANY(%s)", (list(origins),)
        )
    )


async def add_note(tx: Tx, origin: UUID, text: str, by: str, now: datetime) -> Note:
    note = Note(id_at(now), text, by, now)
    await execute(
        tx,
        "INSERT INTO profile_note (id, origin_id, text, written_by, at)"
        " VALUES (%s, %s, %s, %s, %s)",
        (note.id, origin, text, by, now),
    )
    return note


async def drop_note(tx: Tx, origins: Sequence[UUID], note_id: UUID) -> bool:
    """Whether it was one of hers."""
    return bool(
        await execute(
            tx,
            "DELETE FROM profile_note WHERE id = %s AND origin_id = ANY(%s)",
            (note_id, list(origins)),
        )
    )


async def export(tx: Tx, origins: Sequence[UUID]) -> dict[str, Any]:
    """What is written on her, as JSON-ready values."""
    found: dict[str, Any] = msgspec.to_builtins(
        {"tags": await tags_of(tx, origins), "notes": await notes_of(tx, origins, 100_000)}
    )
    return found


async def erase(tx: Tx, origins: Sequence[UUID]) -> None:
    """Forget what is written on her."""
    for table in ("profile_tag", "profile_note"):
        await execute(tx, f"DELETE FROM {table} WHERE origin_id = ANY(%s)", (list(origins),))
