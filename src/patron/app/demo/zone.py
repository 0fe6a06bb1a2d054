"""The demo shop's wall clock: New York, in seconds since 1970."""

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

ZONE: Final = ZoneInfo("America/New_York")
WEEK: Final = 7 * 24 * 3600


def weeks_until(last_local: int, now: datetime) -> int:
    """Whole weeks to add to a local time so that it lies at most seven days before `now`."""
    wall = now.astimezone(ZONE).replace(tzinfo=UTC)
    return int((wall.timestamp() - last_local) // WEEK)


def to_utc(local: NDArray[np.int64]) -> NDArray[np.int64]:
    """Wall-clock seconds of New York to UTC; asks the zone once an hour of the data."""
    hours, where = np.unique(local // 3600, return_inverse=True)
    epoch = datetime(1970, 1, 1, tzinfo=ZONE)
    shifts = [
        -int(((epoch + timedelta(hours=hour)).utcoffset() or timedelta()).total_seconds())
        for hour in hours.tolist()
    ]
    return local + np.array(shifts, dtype=np.int64)[where.reshape(-1)]


def offsets(at: NDArray[np.int64]) -> NDArray[np.int64]:
    """New York's offset from UTC in seconds at UTC times."""
    hours, where = np.unique(at // 3600, return_inverse=True)
    shifts = [
        int(
            (
                datetime.fromtimestamp(hour * 3600, UTC).astimezone(ZONE).utcoffset() or timedelta()
            ).total_seconds()
        )
        for hour in hours.tolist()
    ]
    return np.array(shifts, dtype=np.int64)[where.reshape(-1)]
