"""When the order feed is silent: pure.

A pause is normal as long as pauses at that hour of the day have been over the last four weeks –
their 99th percentile, at least six hours. A pause counts for every hour it lasts through: at four
in the morning the pause that is usual is the one from midnight to eight. Only pauses longer than
six hours have to be kept one by one; of the others the number is enough.
"""

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from patron.carts.types import FeedHour, Silence

WEEKS = timedelta(weeks=4)
LEAST = timedelta(hours=6)
ENOUGH_ORDERS = 20
"""With fewer orders in four weeks nobody can say what is normal."""


def beats(last: datetime | None, orders: Iterable[datetime]) -> dict[tuple[date, int], FeedHour]:
    """What `orders` (times of receipt) add to each (day, hour in UTC); `last` is the one before.

    An order that is received before one already counted adds no pause.
    """
    found: dict[tuple[date, int], FeedHour] = {}
    for moment in sorted(orders):
        own = found.setdefault(_hour(moment), FeedHour())
        own.orders += 1
        if last is None or moment <= last:
            last = moment if last is None else last
            continue
        pause = int((moment - last).total_seconds())
        hour = max(last, moment - WEEKS).replace(minute=0, second=0, microsecond=0)
        while hour <= moment:
            entry = found.setdefault(_hour(hour), FeedHour())
            entry.gaps += 1
            if pause > LEAST.total_seconds():
                entry.long_gaps.append(pause)
            hour += timedelta(hours=1)
        last = moment
    return found


def silence(
    now: datetime, last: datetime, hours: Mapping[tuple[date, int], FeedHour]
) -> Silence | None:
    """The silence at `now`, when there is one; `hours` are the four weeks before `last`.

    What is normal was learned while orders came: counted back from now, a silence that goes on
    would empty the weeks it is judged by, and end itself.
    """
    since = last - WEEKS
    recent = {when: hour for when, hour in hours.items() if when[0] >= since.date()}
    if sum(hour.orders for hour in recent.values()) < ENOUGH_ORDERS:
        return None
    at_this_hour = [hour for when, hour in recent.items() if when[1] == now.hour]
    normal = max(LEAST, timedelta(seconds=_percentile(at_this_hour)))
    if now - last <= normal:
        return None
    return Silence(last_order_at=last, normal_gap=normal, since=last + normal)


def _percentile(hours: Iterable[FeedHour]) -> int:
    """The 99th percentile (nearest rank) of the pauses, in seconds; 0 when it is a short one."""
    gaps, long_gaps = 0, []
    for hour in hours:
        gaps += hour.gaps
        long_gaps += hour.long_gaps
    if not gaps:
        return 0
    rank = math.ceil(0.99 * gaps)  # from the shortest, counting from 1
    from_the_longest = gaps - rank
    long_gaps.sort(reverse=True)
    return long_gaps[from_the_longest] if from_the_longest < len(long_gaps) else 0


def _hour(moment: datetime) -> tuple[date, int]:
    return moment.date(), moment.hour
