"""Counts the people for whom a rule holds that asks for events alone: nobody is looked up."""

import asyncio
from collections.abc import Callable
from uuid import UUID

import msgspec
import numpy as np

from patron.kit.clock import monotonic
from patron.segments.full.answering import Full
from patron.segments.live.columns import Bools, Columns, Longs
from patron.segments.live.kernels import Asking
from patron.segments.live.listening import NOTHING
from patron.segments.live.program import Chunk, Program

SHOWN = 10


class Counted(msgspec.Struct):
    """`sample` are the roots of some of them, the same each time."""

    count: int
    looked_at: int
    complete: bool
    sample: list[UUID]


async def count(
    full: Full,
    program: Program,
    asking: Asking,
    of: int,
    until: float | None,
    told: Callable[[int, int], None],
) -> Counted:
    """For how many of the `of` people it holds; at `until` (on the monotonic clock) the count is
    what it is."""

    def held(columns: Columns) -> Bools:
        return program.answer(Chunk(columns, []), asking, full.numbers)[0]

    found, drawn = Counted(0, 0, True, []), np.empty(0, np.int64)
    chunks = full.chunks(asking.at)
    while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
        if until is not None and monotonic() >= until:
            found.complete = False
            break
        columns, numbers = chunk
        some = numbers[await asyncio.to_thread(held, columns) & (numbers >= 0)]
        found.count += len(some)
        found.looked_at += int((numbers >= 0).sum())
        drawn = np.concatenate((drawn, some))
        drawn = drawn[np.argsort(_mixed(drawn))][:SHOWN]
        told(found.looked_at, of)
    if found.complete:  # the others did nothing that is asked for
        found.count += max(0, of - found.looked_at) * int(held(Columns(NOTHING, 1))[0])
        found.looked_at = of
    found.sample = full.origin(drawn)
    return found


def _mixed(numbers: Longs) -> Longs:
    """An order that looks random and is always the same (a multiplicative hash)."""
    return (numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)).view(np.int64)
