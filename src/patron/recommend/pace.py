"""How often a shop's models are counted anew between two trainings.

As soon as something new has come, but never before a quarter of an hour, and so seldom that all
shops together keep no more than a fiftieth of one processor busy: a shop whose counting takes 18 s
is counted every quarter of an hour, one of 90 s every 75 minutes. After six hours it is counted
whatever has come, for the catalog may have changed as well.
"""

from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from patron.recommend.training import reports
from patron.recommend.training.report import Counted

SOONEST, LATEST = timedelta(minutes=15), timedelta(hours=6)
SHARE = 0.02
"""Of one processor, at most."""
TRAIN_HOURS = range(6)
"""In which of the shop's hours models are trained."""
ENOUGH_ORDERS, ENOUGH_DEEDS = 300, 5_000
"""From so many on the days held back can tell how good a source is."""


class Untrained(msgspec.Struct, frozen=True):
    """A shop before its first training: how its models were `counted` last, with usual parameters,
    None where they never were. They are trained as soon as there are so many orders or deeds, or
    somebody asked for it (`is_asked_for`), and else in the night that ends at `first_by`."""

    counted: Counted | None
    orders_wanted: int
    deeds_wanted: int
    is_asked_for: bool
    first_by: datetime


def untrained(models: Path, now: datetime, zone: str) -> Untrained:
    """What there is to tell before the first training."""
    there = now.astimezone(ZoneInfo(zone))
    day = there.date() + timedelta(days=there.hour >= TRAIN_HOURS.stop)
    first_by = datetime.combine(day, time(TRAIN_HOURS.stop), there.tzinfo)
    asked = reports.is_asked_for(models)
    return Untrained(reports.counted(models), ENOUGH_ORDERS, ENOUGH_DEEDS, asked, first_by)


def pause(last: Counted | None, shops: int = 1) -> timedelta:
    """For how long models are left as they are after the counting `last`, where so many `shops`
    share the processor. What a training took says nothing of a counting."""
    if last is None or last.trained:
        return SOONEST
    seconds = last.processor_seconds * max(shops, 1) / SHARE
    return min(max(timedelta(seconds=seconds), SOONEST), LATEST)


def is_due(
    last: Counted | None, since: datetime, now: datetime, position: int, shops: int = 1
) -> bool:
    """Whether models are to be counted again: `since` is when that was tried last, `position` how
    far the lake has come."""
    if now - since >= LATEST:
        return True
    news = last is None or position != last.position
    return news and now - since >= pause(last, shops)
