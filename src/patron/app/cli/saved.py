"""Saving a segment at the command line, and waiting until it is known who is in it."""

import asyncio
from collections.abc import Awaitable, Callable

from patron.app.cli.conditions import misread
from patron.app.cli.house import OpenHouse, open_house
from patron.app.cli.output import clear_errors, show
from patron.app.cli.progress import Bar
from patron.app.jobs import fill_segments
from patron.kit.db import Database, Tx
from patron.segments import filling, saving
from patron.segments.saved import showing
from patron.segments.saved.showing import SegmentView
from patron.segments.saved.types import Status
from patron.shops.types import Shop

POLL_SECONDS = 0.2


def save_and_fill(
    shop: str | None,
    given: str,
    save: Callable[[Tx, Shop, OpenHouse], Awaitable[SegmentView]],
    as_json: bool,
) -> None:
    """Save, then read history and ask everybody, or wait for the server that does."""

    async def save_one(tx: Tx, which: Shop, house: OpenHouse) -> list[SegmentView]:
        return [await save(tx, which, house)]

    with clear_errors():
        (found,) = _filled(shop, given, save_one, as_json)
        show(found, as_json, lambda: f"Segment {found.key!r} has {found.said}.")


def save_some_and_fill(
    shop: str | None,
    save: Callable[[Tx, Shop, OpenHouse], Awaitable[list[SegmentView]]],
    as_json: bool,
    nothing: str,
) -> None:
    """The same for several at once; `nothing` is said when none was saved."""
    with clear_errors():
        every = _filled(shop, "", save, as_json)
        said = "\n".join(f"Segment {one.key!r} has {one.said}." for one in every) or nothing
        show(every, as_json, lambda: said)


def _filled(
    shop: str | None,
    given: str,
    save: Callable[[Tx, Shop, OpenHouse], Awaitable[list[SegmentView]]],
    as_json: bool,
) -> list[SegmentView]:
    with open_house() as house, Bar(as_json) as bar:
        which = house.shop(shop)
        tell = bar.steps()

        async def work(db: Database) -> list[SegmentView]:
            with misread(given):
                async with db.unit(which.schema) as tx:
                    made = await save(tx, which, house)
            while any(one.status in (Status.FILLING, Status.SETTLING) for one in made):
                try:
                    await fill_segments(house.settings, house.url, which, house.clock, tell)
                except filling.Busy:
                    await asyncio.sleep(POLL_SECONDS)
                async with db.unit(which.schema) as tx:
                    keys = [one.key for one in made]
                    made = [await showing.shown(tx, await saving.existing(tx, key)) for key in keys]
            return made

        return house.run(work)
