"""Answers for many customers, as a mail to many needs them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from patron.kit.db import Database
from patron.kit.problems import Problem, conflict, not_found
from patron.recommend.many import ahead, reading
from patron.recommend.rules import rank
from patron.recommend.serving.asking import Answered, Question
from patron.recommend.serving.engine import Engine
from patron.recommend.serving.visitors import Asked, Visitor
from patron.segments import store as people

MOST = 1_000
AT_ONCE = 200
"""Customers of a block: nobody else is answered while one is."""
WORTH_COMPILING = 5
"""Blocks after which rules are applied by compiled loops: to wait for them pays with so many."""

Profile = Annotated[str, Meta(min_length=1, max_length=255)]


class Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`profiles` are ids, or `email:…`, `user_id:…`. Without `compare` nobody is held out of it,
    and nothing is written down."""

    placement: Annotated[str, Meta(min_length=1, max_length=60)]
    profiles: Annotated[list[Profile], Meta(min_length=1, max_length=MOST)]
    count: Annotated[int, Meta(ge=1, le=50)] | None = None
    compare: bool = True


class ForOne(msgspec.Struct, frozen=True):
    """`known`: there is such a customer; the answer of one who is not is a new visitor's."""

    profile: str
    known: bool
    answer: Answered


class Batched(msgspec.Struct, frozen=True):
    answers: list[ForOne]


async def batched(engine: Engine, batch: Batch) -> Batched:
    """The answers in the order of the customers. Raises Problem 404 for an unknown placement, 409
    for one that is off."""
    question = _question(engine, batch.placement, batch.count, compare=batch.compare)
    found: list[ForOne] = []
    for first in range(0, len(batch.profiles), AT_ONCE):
        some = batch.profiles[first : first + AT_ONCE]
        asked = [Asked(profile=profile, trusted=True) for profile in some]
        async with engine.visitors.unit() as tx:
            roots = [await engine.visitors.root(tx, one) for one in asked]
        read = await reading.known(engine.visitors, [one for one in roots if one is not None])
        visitors = [
            read[root] if root in read else await engine.visitor(one)
            for root, one in zip(roots, asked, strict=True)
        ]
        answers = _answered(engine, question, visitors)
        for profile, visitor, answered in zip(some, visitors, answers, strict=True):
            found.append(ForOne(profile, bool(visitor.origins), answered))
    await engine.write_down()
    return Batched(found)


async def everybody(
    engine: Engine,
    db: Database,
    placement: str,
    count: int | None = None,
    *,
    compare: bool = True,
) -> AsyncIterator[ForOne]:
    """The answer of every known customer, by her id. Nobody is remembered for it: memory does not
    grow with the customers. Raises Problem as `batched`."""
    question = _question(engine, placement, count, compare=compare)
    after: UUID | None = None
    blocks = 0
    while True:
        if blocks == WORTH_COMPILING:
            await asyncio.to_thread(rank.warm)
        blocks += 1
        async with db.unit(engine.shop.schema) as tx:
            some = await people.people(tx, after, AT_ONCE)
        read = await reading.known(engine.visitors, some)
        answers = _answered(engine, question, list(read.values()))
        for person, answered in zip(read, answers, strict=True):
            yield ForOne(str(person), True, answered)
        await engine.write_down()
        if len(some) < AT_ONCE:
            return
        after = some[-1]


def _answered(engine: Engine, question: Question, visitors: Sequence[Visitor]) -> list[Answered]:
    """One answer each. What can be counted for all at once is, before they are asked one by one."""
    strategies = engine.strategies
    wanted = ahead.asked_of(engine.book.placements[question.placements[0]])
    scenes = [engine.scene(question, visitor) for visitor in visitors]
    ahead.counted(strategies.models, scenes, wanted, strategies.loops).hand_to(strategies)
    try:
        return [
            engine.answer(question, visitor, counts=question.compare).placements[0]
            for visitor in visitors
        ]
    finally:
        ahead.NOTHING.hand_to(strategies)


def _question(engine: Engine, placement: str, count: int | None, *, compare: bool) -> Question:
    there = engine.book.placements.get(placement)
    if there is None or not there.on:
        raise unanswered(engine, placement)
    return Question(placements=[placement], count=count, compare=compare)


def unanswered(engine: Engine, placement: str) -> Problem:
    """Why a placement answers nothing at all: there is none, or it is off."""
    if placement not in engine.book.placements:
        return not_found("placement", placement)
    return conflict(f"placement {placement} is off", remedy='set "on" to true in its definition')
