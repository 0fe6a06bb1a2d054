"""The web process: Granian in front of `patron.app.server`."""

import sys

from granian.constants import Interfaces, Loops
from granian.log import LogLevels
from granian.server import Server

from patron.app.context import read_settings
from patron.app.occupancy import end_with
from patron.kit.log import configure

LOGGED_AS_OURS = {"loggers": {"_granian": {"handlers": [], "propagate": True}}}
"""What Granian has to say, such as that its worker died, in the lines and the form of our log."""


def _least(level: str) -> LogLevels:
    """As of any other library, nothing of less weight than a warning."""
    return LogLevels(level) if level in ("error", "critical") else LogLevels.warning


def main() -> None:
    """Serve until SIGTERM, or until the process that is our argument, our parent, is gone.

    Requests that were accepted are answered first.
    """
    if len(sys.argv) > 1:
        end_with(int(sys.argv[1]))
    settings = read_settings()
    configure(settings.log_format, settings.log_level)
    Server(
        "patron.app.server:create",
        factory=True,
        address=settings.listen_host,
        port=settings.listen_port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        workers=1,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=20,
        log_level=_least(settings.log_level),
        log_dictconfig=LOGGED_AS_OURS,
        websockets=False,
    ).serve()


if __name__ == "__main__":
    main()
