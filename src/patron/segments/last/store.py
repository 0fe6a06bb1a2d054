"""The SQL of last words: of each origin and subject the newest."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from patron.kit.db import Tx, execute, tuples, value
from patron.segments.last.reading import EXPERIMENT, ORDER, VISIT
from patron.segments.last.types import LastShown, Place, Shown

MOST_EXPERIMENTS = 100
"""Of one origin; the ones seen longest ago go."""
Word = tuple[UUID, str, datetime, str]
"""Origin, subject, event time, what was said as JSON."""
_encode = msgspec.json.Encoder(order="deterministic").encode
_place = msgspec.json.Decoder(Place).decode
_shown = msgspec.json.Decoder(Shown).decode


def word(origin: UUID, subject: str, at: datetime, told: Place | Shown) -> Word:
    return origin, subject, at, _encode(told).decode()


async def write(tx: Tx, words: Iterable[Word]) -> None:
    """Keep what is newer than what is there. Of two words of the same moment the greater text
    stands, so that the order in which they come does not matter."""
    newest: dict[tuple[UUID, str], Word] = {}
    for one in words:
        before = newest.get(one[:2])
        if before is None or one[2:] > before[2:]:
            newest[one[:2]] = one
    some = [newest[key] for key in sorted(newest)]
    if not some:
        return
    await execute(
        tx,
        "INSERT INTO last_word AS w (origin_id, subject, ts, told) SELECT * FROM"
        " unnest(%s::uuid[], %s::text[], %s::timestamptz[], %s::text[])"
        " ON CONFLICT (origin_id, subject) DO UPDATE SET ts = excluded.ts, told = excluded.told"
        " WHERE (excluded.ts, excluded.told) > (w.ts, w.told)",
        tuple(map(list, zip(*some, strict=True))),
    )
    if seen := sorted({one[0] for one in some if one[1].startswith(EXPERIMENT)}):
        await execute(
            tx,
            "DELETE FROM last_word w USING (SELECT origin_id, subject, row_number() OVER"
            " (PARTITION BY origin_id ORDER BY ts DESC, told DESC, subject) AS place FROM last_word"
            " WHERE origin_id = ANY(%s) AND starts_with(subject, %s)) AS r"
            " WHERE r.place > %s AND w.origin_id = r.origin_id AND w.subject = r.subject",
            (seen, EXPERIMENT, MOST_EXPERIMENTS),
        )


async def places(tx: Tx, people: Mapping[UUID, Sequence[UUID]]) -> dict[UUID, list[Place]]:
    """Where each person, given by any id and all her origins, had something sent last, and where
    she was last, as far as either is known."""
    newest: dict[tuple[UUID, str], tuple[datetime, str]] = {}
    for origin_of, subject, at, told in await _words(tx, people, [ORDER, VISIT]):
        key = origin_of[1], subject
        newest[key] = max(newest.get(key, (at, told)), (at, told))
    return {
        person: [
            _place(newest[person, one][1]) for one in (ORDER, VISIT) if (person, one) in newest
        ]
        for person in people
    }


async def shown(tx: Tx, people: Mapping[UUID, Sequence[UUID]]) -> dict[UUID, list[list[LastShown]]]:
    """The last words about experiments, origin by origin."""
    found: dict[UUID, dict[UUID, list[LastShown]]] = {}
    for (origin, person), _, at, told in await _words(tx, people, None):
        found.setdefault(person, {}).setdefault(origin, []).append(LastShown(at, _shown(told)))
    return {person: list(origins.values()) for person, origins in found.items()}


async def _words(
    tx: Tx, people: Mapping[UUID, Sequence[UUID]], subjects: Sequence[str] | None
) -> list[tuple[tuple[UUID, UUID], str, datetime, str]]:
    """((origin, person), subject, at, told); those about experiments where no subject is given."""
    whose = {origin: person for person, origins in people.items() for origin in origins}
    which = "starts_with(subject, %s)" if subjects is None else "subject = ANY(%s)"
    asked: Any = EXPERIMENT if subjects is None else list(subjects)
    found = await tuples(
        tx,
        "SELECT origin_id, subject, ts, told FROM last_word WHERE origin_id = ANY(%s)"
        f" AND {which} ORDER BY origin_id, subject",
        (sorted(whose), asked),
    )
    return [((origin, whose[origin]), *rest) for origin, *rest in found]


async def export(tx: Tx, origins: Sequence[UUID]) -> list[dict[str, Any]]:
    """All last words of a person, as JSON-ready values."""
    found = await tuples(
        tx,
        "SELECT subject, ts, told FROM last_word WHERE origin_id = ANY(%s) ORDER BY subject, ts",
        (list(origins),),
    )
    return [
        {"about": subject, "at": at.isoformat(), "said": msgspec.json.decode(told)}
        for subject, at, told in found
    ]


async def erase(tx: Tx, origins: Sequence[UUID]) -> None:
    await execute(tx, "DELETE FROM last_word WHERE origin_id = ANY(%s)", (list(origins),))


async def oldest(tx: Tx) -> datetime | None:
    found: datetime | None = await value(tx, "SELECT min(ts) FROM last_word")
    return found


async def expire(tx: Tx, before: datetime, limit: int) -> list[UUID]:
    """Take up to `limit` words from before a moment; whose they were."""
    found = await tuples(
        tx,
        "DELETE FROM last_word WHERE (origin_id, subject) IN (SELECT origin_id, subject"
        " FROM last_word WHERE ts < %s ORDER BY ts LIMIT %s) RETURNING origin_id",
        (before, limit),
    )
    return [origin for (origin,) in found]
