"""A period that somebody asks about, refused where it makes no sense."""

from datetime import UTC, datetime

from patron.kit.problems import bad_request

FIRST = datetime(1990, 1, 1, tzinfo=UTC)
"""No shop was online before."""


def refuse_odd(since: datetime | None, until: datetime | None, ends: datetime | None) -> None:
    """Problem 400 unless `since` is before `until` and both are moments in a shop's time. `ends` is
    where a period without `until` ends; None where it does not."""
    for name, moment in (("since", since), ("until", until)):
        if moment is None:
            continue
        if moment.tzinfo is None:
            raise bad_request(
                f"{name} {moment.isoformat()} has no time zone",
                remedy="end it with Z or an offset: 2026-03-02T12:00:00Z",
                path=name,
            )
        if moment < FIRST:
            raise bad_request(
                f"{name} {moment.isoformat()} is before any shop was online",
                remedy=f"give a moment after {FIRST.isoformat()}",
                path=name,
            )
    end = until or ends
    if since is not None and end is not None and since >= end:
        raise bad_request(
            f"since {since.isoformat()} is not before {end.isoformat()}, where the period ends",
            remedy="let `since` be the earlier of the two",
            path="since",
        )
