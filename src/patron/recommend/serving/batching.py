"""Answers for many customers, as a mail to many needs them."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from patron.kit.db import Database
from patron.kit.problems import not_found
from patron.recommend.serving.asking import Answered, Question
from patron.recommend.serving.engine import Engine
from patron.recommend.serving.visitors import Asked, Visitor
from patron.segments import store as people

MOST = 1_000
AT_ONCE = 1_000

Profile = Annotated[str, Meta(min_length=1, max_length=255)]


class Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`profiles` are ids, or `email:…`, `user_id:…`."""

    placement: Annotated[str, Meta(min_length=1, max_length=60)]
    profiles: Annotated[list[Profile], Meta(min_length=1, max_length=MOST)]
    count: Annotated[int, Meta(ge=1, le=50)] | None = None


class ForOne(msgspec.Struct, frozen=True):
    """`known`: there is such a customer; the answer of one who is not is a new visitor's."""

    profile: str
    known: bool
    answer: Answered


class Batched(msgspec.Struct, frozen=True):
    answers: list[ForOne]


async def batched(engine: Engine, batch: Batch) -> Batched:
    """The answers in the order of the customers. Raises Problem 404 for an unknown placement, and
    for one that is off."""
    question = _question(engine, batch.placement, batch.count)
    found = []
    for profile in batch.profiles:
        visitor: Visitor = await engine.visitor(Asked(profile=profile, trusted=True))
        (answered,) = engine.answer(question, visitor, counts=True).placements
        found.append(ForOne(profile, bool(visitor.origins), answered))
    await engine.write_down()
    return Batched(found)


async def everybody(
    engine: Engine, db: Database, placement: str, count: int | None = None
) -> AsyncIterator[ForOne]:
    """The answer of every known customer, by her id. Nobody is remembered for it: memory does not
    grow with the customers. Raises Problem 404 as `batched`."""
    question = _question(engine, placement, count)
    after: UUID | None = None
    while True:
        async with db.unit(engine.shop.schema) as tx:
            some = await people.people(tx, after, AT_ONCE)
        for person in some:
            asked = Asked(profile=str(person), trusted=True)
            visitor = await engine.visitors.read(asked)
            if visitor.known:
                (answered,) = engine.answer(question, visitor, counts=True).placements
                yield ForOne(str(person), True, answered)
        await engine.write_down()
        if len(some) < AT_ONCE:
            return
        after = some[-1]


def _question(engine: Engine, placement: str, count: int | None) -> Question:
    there = engine.book.placements.get(placement)
    if there is None or not there.on:
        raise not_found("placement", placement)
    return Question(placements=[placement], count=count)
