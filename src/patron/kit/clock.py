"""The only place that reads the wall clock. Rooms are handed a `Clock`."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol, runtime_checkable


@runtime_checkable
class Clock(Protocol):
    """Tells the time, in aware UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class ManualClock:
    """A clock that moves only when told to: virtual time for tests and for the demo's history."""

    def __init__(self, start: datetime) -> None:
        self._now = _aware(start)

    def now(self) -> datetime:
        return self._now

    def set(self, moment: datetime) -> None:
        """Move to `moment`; raises ValueError if that is in the clock's past."""
        moment = _aware(moment)
        if moment < self._now:
            raise ValueError(f"clock: cannot go back from {self._now} to {moment}; start a new one")
        self._now = moment

    def advance(self, step: timedelta) -> datetime:
        self.set(self._now + step)
        return self._now


def monotonic() -> float:
    """Seconds of a clock that never goes back; for durations, never for dates."""
    return time.monotonic()


def processor_seconds() -> float:
    """What this process has used of all processors since it began."""
    return time.process_time()


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"clock: {moment!r} has no time zone; give an aware datetime")
    return moment.astimezone(UTC)
