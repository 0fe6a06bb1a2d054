"""The SQL of suggestions: those of the last run."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from patron.kit.db import Tx, as_json, execute, tuples, value
from patron.segments.ready.catalogue import FANS, ReadyMade
from patron.segments.suggesting.types import Suggestion

FOUND_KIND, FANS_KIND = "found", "fans"


class Run(msgspec.Struct, frozen=True):
    """The last time that somebody looked: at so many of all people, and what came of it."""

    made_at: datetime
    looked_at: int
    people: int
    said: str


async def replace(tx: Tx, run: Run, suggestions: Sequence[Suggestion]) -> None:
    """Have these be the suggestions, and no others."""
    await execute(tx, "DELETE FROM suggestion")
    await execute(tx, "DELETE FROM suggestion_run")
    await execute(
        tx,
        "INSERT INTO suggestion_run (made_at, looked_at, people, said) VALUES (%s, %s, %s, %s)",
        (run.made_at, run.looked_at, run.people, run.said),
    )
    for place, one in enumerate(suggestions):
        await execute(
            tx,
            "INSERT INTO suggestion (key, kind, place, name, description, rule, people, hits,"
            " reach, traits) VALUES (%s, %s, %s, %s, %s, %s::json, %s, %s, %s, %s::json)",
            (
                one.key, one.kind, place, one.name, one.description,
                None if one.rule is None else as_json(one.rule), one.people, one.hits, one.reach,
                as_json(one.traits),
            ),
        )  # fmt: skip


async def run(tx: Tx) -> Run | None:
    found = await tuples(tx, "SELECT made_at, looked_at, people, said FROM suggestion_run")
    return Run(*found[0]) if found else None


async def made_at(tx: Tx) -> datetime | None:
    found: datetime | None = await value(tx, "SELECT made_at FROM suggestion_run")
    return found


async def every(tx: Tx, kind: str) -> list[Suggestion]:
    """Those of a kind, the most telling first."""
    fields = Suggestion.__struct_fields__
    found = await tuples(
        tx,
        f"SELECT {', '.join(fields)} FROM suggestion WHERE kind = %s ORDER BY place",
        (kind,),
    )
    return [msgspec.convert(dict(zip(fields, one, strict=True)), Suggestion) for one in found]


async def fans(tx: Tx) -> list[ReadyMade]:
    """Ready-made segments of this shop alone: a category that enough people come back to."""
    made: list[ReadyMade] = []
    for one in await every(tx, FANS_KIND):
        rule: dict[str, Any] = one.rule or {}
        made.append(ReadyMade(one.key, one.name, FANS, one.description, rule))
    return made
