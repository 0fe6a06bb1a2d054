"""Switching a journey on and off."""

from datetime import datetime
from uuid import UUID

from patron.journeys import store
from patron.journeys.carry import source_of
from patron.journeys.gather import Ending
from patron.journeys.types import ExitReason, Journey, Line, Status
from patron.kit.db import Tx
from patron.kit.problems import not_found
from patron.messages import outbox
from patron.profiles import store as profiles


async def switch(tx: Tx, key: str, status: Status, now: datetime) -> Journey:
    """Set a journey on or off, in the caller's transaction; Problem 404 for an unknown key.

    On: from now on things start runs; what happened before does not. Off: its runs end at once and
    their waiting messages with them.
    """
    found = await store.journey(tx, key)
    if found is None:
        raise not_found("journey", key)
    if status is not Status.ON:
        waiting = await store.waiting(tx, found.id)
        await profiles.lock(tx, sorted({origin for _, origin in waiting}))
        await end_off(tx, [run_id for run_id, _ in waiting], now)
        done = await store.speaking(tx, source_of(found.key))
        await outbox.cancel(tx, done, ExitReason.JOURNEY_OFF, now)
    await store.set_status(tx, key, status, now)
    return await store.journey(tx, key) or found


async def end_restored(tx: Tx, now: datetime) -> int:
    """End every run of a database that is a backup's: it may have gone on, and spoken, since.

    In the caller's transaction; how many there were.
    """
    going: list[tuple[UUID, UUID]] = []
    for journey in await store.journeys(tx):
        going += await store.waiting(tx, journey.id)
    await profiles.lock(tx, sorted({origin for _, origin in going}))
    line = Line(
        now, "Left: the shop was restored from a backup; she may have been written to since."
    )
    await store.end(tx, [Ending(one, ExitReason.RESTORED, line) for one, _ in going], now)
    return len(going)


async def end_off(tx: Tx, run_ids: list[UUID], now: datetime) -> None:
    """End these runs because their journey is not on."""
    line = Line(now, "Left: the journey was switched off.")
    await store.end(tx, [Ending(one, ExitReason.JOURNEY_OFF, line) for one in run_ids], now)
    await outbox.cancel(tx, run_ids, ExitReason.JOURNEY_OFF, now)
