"""Keeps a shop's definitions, and reads what they are for people: from the log, when asked."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from patron.kit.db import Tx
from patron.kit.problems import Problem, bad_request, conflict, not_found
from patron.segments import saving
from patron.segments.computed import store
from patron.segments.computed.definition import Definition, parse
from patron.segments.computed.types import Computed, ComputedTrait, Outcome
from patron.segments.facts import Loaded, Subject, load, load_many
from patron.segments.lists.naming import named
from patron.segments.rules.reading import Misread
from patron.segments.saved import store as saved
from patron.segments.saving import Draft
from patron.segments.types import together
from patron.shops.types import Shop

MOST = 50
LONGEST_NAME = 100
_KEY = re.compile(r"[a-z][a-z0-9_]{0,59}")


async def put(
    tx: Tx, shop: Shop, key: str, name: str, definition: dict[str, Any], now: datetime
) -> ComputedTrait:
    """Keep a definition; segments that ask for the trait are filled anew when it is another than
    before. Problem 400 for one that cannot be read, with its path; 409 when there are fifty, or
    when a segment compares it as this trait cannot be compared."""
    if not _KEY.fullmatch(key):
        raise bad_request(
            f"key {key[:80]!r} is no key of a trait",
            remedy="give small letters, digits and _, a letter first, sixty at most",
            path="key",
        )
    name = " ".join(name.split())
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise bad_request(
            f"name {name[:80]!r} cannot be kept",
            remedy=f"give 1 to {LONGEST_NAME} printable characters",
            path="name",
        )
    read(definition)
    await store.lock(tx)
    known = await store.one(tx, key)
    if known is None and len(await store.every(tx)) >= MOST:
        raise conflict(
            f"there are {MOST} computed traits already", remedy="take one away that nobody reads"
        )
    await store.put(tx, key, name, definition, now)
    if known is not None and known.definition != definition:
        await _told_anew(tx, shop, key, now)
    created_at = now if known is None else known.created_at
    return ComputedTrait(key, name, definition, created_at, now)


async def _told_anew(tx: Tx, shop: Shop, key: str, now: datetime) -> None:
    for segment in await saved.every(tx):
        if key in named(segment.rule, "computed"):
            try:
                await saving.change(tx, shop, segment.key, Draft(rule=segment.rule), now)
            except Misread as error:
                raise conflict(
                    f"segment {segment.key!r} compares {key!r} as it was: {error}",
                    remedy="change the segment first",
                ) from error


async def drop(tx: Tx, key: str) -> None:
    """Problem 404, or 409 naming the segments that ask for it."""
    await saved.one_by_one(tx)
    users = [one.key for one in await saved.every(tx) if key in named(one.rule, "computed")]
    if users:
        raise conflict(
            f"computed trait {key!r} is asked for by {', '.join(users)}",
            remedy="change or delete these segments first",
        )
    if not _KEY.fullmatch(key) or not await store.drop(tx, key):
        raise not_found("computed trait", key)


async def one(tx: Tx, key: str) -> ComputedTrait:
    found = await store.one(tx, key) if _KEY.fullmatch(key) else None
    if found is None:
        raise not_found("computed trait", key)
    return found


def read(definition: Any) -> Definition:
    """Problem 400 with the path of what is wrong."""
    try:
        return parse(definition)
    except Misread as error:
        raise _refused(error) from error


def _refused(error: Misread) -> Problem:
    allowed = f"use one of {', '.join(error.allowed)}" if error.allowed else "correct the value"
    return bad_request(str(error), remedy=allowed, path=f"definition{error.path[1:]}")


async def tried(tx: Tx, shop: Shop, definition: Definition, root: UUID, now: datetime) -> Outcome:
    """What a definition is for a person, before anybody keeps it."""
    facts = await load(tx, Subject(root), definition.needs(), now, shop)
    return await asyncio.to_thread(definition.outcome, facts, now)


async def of_one(tx: Tx, shop: Shop, root: UUID, now: datetime) -> list[Computed]:
    """All computed traits of a person, by key."""
    return (await of_many(tx, shop, [root], now))[root]


async def of_many(
    tx: Tx, shop: Shop, roots: Sequence[UUID], now: datetime, keys: Sequence[str] | None = None
) -> dict[UUID, list[Computed]]:
    """The computed traits of people, all or those of `keys`. Queries do not grow with their number;
    of each origin the newest events count, ten thousand at most."""
    kept = [trait for trait in await store.every(tx) if keys is None or trait.key in keys]
    if not kept or not roots:
        return {root: [] for root in roots}
    definitions = {trait.key: parse(trait.definition) for trait in kept}
    needs = together(one.needs() for one in definitions.values())
    loaded = await load_many(tx, [Subject(root) for root in roots], needs, now, shop)
    # In a thread, so that whoever else is served by this process does not wait.
    return await asyncio.to_thread(_outcomes, roots, loaded, kept, definitions, now)


def _outcomes(
    roots: Sequence[UUID],
    loaded: Sequence[Loaded],
    kept: Sequence[ComputedTrait],
    definitions: Mapping[str, Definition],
    now: datetime,
) -> dict[UUID, list[Computed]]:
    found: dict[UUID, list[Computed]] = {}
    for root, facts in zip(roots, loaded, strict=True):
        found[root] = []
        for trait in kept:
            outcome = definitions[trait.key].outcome(facts, now)
            found[root].append(
                Computed(trait.key, trait.name, outcome.value, outcome.events, outcome.last_at)
            )
    return found
