"""Asks people again because a published table changed: they did nothing, nothing starts by it."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from patron.kit.clock import Clock
from patron.kit.db import Database, Tx
from patron.profiles import store as profiles
from patron.segments.keeping import Asked, Touch, keep
from patron.segments.live.opened import book_of
from patron.segments.members.types import Change
from patron.segments.types import Needs
from patron.shops.types import Shop

Heard = Callable[[str, int, int], None]
Next = Callable[[Tx, UUID | None, int], Awaitable[list[UUID]]]
"""The roots of the next so many people behind one."""


async def ask(
    db: Database,
    shop: Shop,
    clock: Clock,
    people: Next,
    affected: Callable[[Needs], bool],
    heard: Callable[[int], None],
) -> list[Change]:
    """Ask people about the segments whose rules are `affected`.

    They are locked some hundreds at a time, so the walk goes on; who acts meanwhile is asked by the
    walk, about the same table. `heard` hears how many were asked.
    """
    changes: list[Change] = []
    after: UUID | None = None
    done = 0
    while True:

        async def some(tx: Tx, after: UUID | None = after) -> tuple[list[UUID], list[Change]]:
            book = await book_of(tx, shop)
            roots = await people(tx, after, book.at_once)
            await profiles.lock(tx, roots)
            asked = Asked.of(roots, book, Touch.NONE, Touch.DEFINITION)
            for number, entry in enumerate(book.entries):
                if affected(entry.program.needs):
                    asked.touches[:, number] = Touch.THRESHOLDS
            return roots, await keep(tx, shop, book, asked, None, clock.now())

        roots, found = await db.run(shop.schema, some)
        changes += found
        done += len(roots)
        heard(done)
        if not roots:
            return changes
        after = roots[-1]
