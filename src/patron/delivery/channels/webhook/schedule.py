"""When an attempt is made again, and when it is given up."""

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

PATIENCE = timedelta(hours=72)
"""From the first attempt on; then a delivery has failed, and an endpoint that never succeeded in
all that time is switched off."""

LONGEST_WISH = timedelta(days=1)
"""Whoever asks for a longer rest with Retry-After gets this one."""

_DELAYS = (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200)
_SPREAD = 0.2
_LONGEST_PAUSE = 300


def delay(attempts: int, luck: float) -> timedelta:
    """How long after its `attempts`-th failure a delivery is tried again: 5 s at first, half a day
    at last, a fifth more or less by `luck` in [0, 1), so that crowds do not come back as one."""
    base = _DELAYS[min(attempts, len(_DELAYS)) - 1]
    return timedelta(seconds=base * (1 + _SPREAD * (2 * luck - 1)))


def pause(failures: int, luck: float) -> timedelta:
    """How long an endpoint is left alone after so many failures in a row: not at all after two,
    then twice as long each time, five minutes at most. What else waits for it is not tried."""
    if failures <= 2:
        return timedelta(0)
    base = min(2 ** min(failures - 2, 10), _LONGEST_PAUSE)
    return timedelta(seconds=base * (1 + _SPREAD * (2 * luck - 1)))


def wish(retry_after: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After asks for (RFC 9110 §10.2.3: seconds, or a date), a day at most;
    None when there is none that can be read."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        seconds = float(text[:12])
    else:
        try:
            seconds = (parsedate_to_datetime(text) - now).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), LONGEST_WISH.total_seconds())
