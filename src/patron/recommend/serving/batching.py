"""Answers for many customers, as a mail to many needs them."""

from typing import Annotated

import msgspec
from msgspec import Meta

from patron.kit.problems import not_found
from patron.recommend.serving.asking import Answered, Question
from patron.recommend.serving.engine import Engine
from patron.recommend.serving.visitors import Asked, Visitor

MOST = 1_000

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
    there = engine.book.placements.get(batch.placement)
    if there is None or not there.on:
        raise not_found("placement", batch.placement)
    question = Question(placements=[batch.placement], count=batch.count)
    found = []
    for profile in batch.profiles:
        visitor: Visitor = await engine.visitor(Asked(profile=profile, trusted=True))
        (answered,) = engine.answer(question, visitor).placements
        found.append(ForOne(profile, bool(visitor.origins), answered))
    return Batched(found)
