"""When an answer can change without anything happening: windows run out, dates come."""

from datetime import datetime
from heapq import nsmallest
from itertools import count

from patron.segments.rules.dates import horizon
from patron.segments.rules.language import Rule
from patron.segments.types import Facts

_MOST_TRIED = 200
_MOST_WORK = 200_000


def earliest_change(rule: Rule, facts: Facts, now: datetime) -> datetime | None:
    """The earliest moment after `now` at which `rule` may answer otherwise, to the microsecond, if
    nothing happens to her until then; None if never.

    Until that moment the answer stays. It changes then, unless more than two hundred windows run
    out before it, or dates recur for ten years without changing it: then it is the first moment
    that was not looked at.
    """
    seen = count()
    ahead = nsmallest(
        _MOST_TRIED + 1, (at for at in rule.edges(facts, now) if at > now and next(seen) >= 0)
    )
    # How many moments there are tells how much there is to look at each time.
    most = max(1, min(_MOST_TRIED, _MOST_WORK // (next(seen) + 1)))
    end = horizon(now, facts.zone) if rule.recurs else None
    value = rule.holds(facts, now)
    whole = len(ahead) <= _MOST_TRIED
    distinct = sorted(set(ahead))
    for number, at in enumerate(distinct, 1):
        unseen = number > most or (number == len(distinct) and not whole)
        if unseen or (end is not None and at >= end) or rule.holds(facts, at) != value:
            return at
    return None
