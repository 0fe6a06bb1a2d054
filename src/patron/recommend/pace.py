"""How often a shop's models are counted anew between two trainings.

As soon as something new has come, but never before a quarter of an hour, and so seldom that all
shops together keep no more than a fiftieth of one processor busy: a shop whose counting takes 18 s
is counted every quarter of an hour, one of 90 s every 75 minutes. After six hours it is counted
whatever has come, for the catalog may have changed as well.
"""

from datetime import datetime, timedelta

from patron.recommend.training.report import Counted

SOONEST, LATEST = timedelta(minutes=15), timedelta(hours=6)
SHARE = 0.02
"""Of one processor, at most."""


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
