"""The one place that looks whether a test conducts this process (`kit.conducted`).

`PATRON_TEST_SOCKET` is no setting of an installation: Patron's own tests set it, nobody else does.
"""

import os
from functools import cache
from urllib.parse import urlsplit

from patron.kit import pauses
from patron.kit.clock import Clock, SystemClock
from patron.kit.conducted import Conducted
from patron.kit.problems import Problem, conflict
from patron.kit.settings import Settings

TEST_SOCKET = "PATRON_TEST_SOCKET"
REMEDY = f"{TEST_SOCKET} is for Patron's own tests: remove it from the environment"
HERE = {"127.0.0.1", "::1", "localhost"}


def conductor() -> str | None:
    """The socket of the test that conducts this process, if one does."""
    return os.environ.get(TEST_SOCKET) or None


def clock_of(role: str) -> Clock:
    """The machine's clock, or that of the test, which is told our `role`.

    Raises Problem when the socket is named and nobody listens there.
    """
    path = conductor()
    return SystemClock() if path is None else _join(path, role)


def refuse_in_earnest(settings: Settings) -> None:
    """Raise Problem when a test would conduct an installation that the world can reach, or that
    can reach the world: its customers would be written to at invented times."""
    path = conductor()
    if path is None:
        return
    for key, host in (
        ("public_url", urlsplit(settings.public_url).hostname),
        ("smtp_host", settings.smtp_host),
    ):
        if host is not None and host not in HERE:
            raise conflict(
                f"{TEST_SOCKET} = {path} would stop this shop's clock, and {key} is {host}",
                remedy=REMEDY,
            )


@cache
def _join(path: str, role: str) -> Conducted:
    try:
        joined = Conducted(path, role)
    except OSError as error:
        raise Problem(
            503, "Not conducted", f"{TEST_SOCKET} = {path}: {error}", remedy=REMEDY
        ) from error
    pauses.install(joined.stand)
    return joined
