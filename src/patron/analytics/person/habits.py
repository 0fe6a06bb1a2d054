"""When and how she comes: by the visits she made, or by her orders where no visit is known."""

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo

import msgspec

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Habit(msgspec.Struct, frozen=True):
    """`count` of `of` have this value. `of` what: `visits` or `orders`."""

    value: str
    count: int
    of: int
    by: str


class Habits(msgspec.Struct, frozen=True):
    """Her most frequent hour ("14": from 14:00 to 14:59) and weekday in the shop's time, channel
    and device; null where nothing tells."""

    hour: Habit | None
    weekday: Habit | None
    channel: Habit | None
    device: Habit | None


class Visit(msgspec.Struct, frozen=True):
    """What habits need to know of a visit."""

    began_at: datetime
    channel: str | None
    device: str | None


def habits(visits: Sequence[Visit], orders: Sequence[datetime], zone: tzinfo) -> Habits:
    """The favourites over all `visits`, given in any order."""
    visits = sorted(visits, key=lambda visit: visit.began_at)
    by = "visits" if visits else "orders"
    times = [visit.began_at for visit in visits] or sorted(orders)
    local = [at.astimezone(zone) for at in times]
    return Habits(
        favourite((f"{at.hour:02}" for at in local), by),
        favourite((WEEKDAYS[at.weekday()] for at in local), by),
        favourite((visit.channel for visit in visits), by),
        favourite((visit.device for visit in visits), by),
    )


def favourite(values: Iterable[str | None], by: str) -> Habit | None:
    """The most frequent of `values`, oldest first; of equals, the one that came last."""
    counts: dict[str, int] = {}
    latest: dict[str, int] = {}
    for place, value in enumerate(values):
        if value is not None:
            counts[value] = counts.get(value, 0) + 1
            latest[value] = place
    if not counts:
        return None
    best = max(counts, key=lambda value: (counts[value], latest[value]))
    return Habit(best, counts[best], sum(counts.values()), by)
