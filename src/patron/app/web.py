"""The web process: Granian in front of `patron.app.server`."""

import sys

from granian.constants import Interfaces, Loops
from granian.server import Server

from patron.app.context import read_settings
from patron.app.occupancy import end_with


def main() -> None:
    """Serve until SIGTERM, or until the process that is our argument, our parent, is gone.

    Requests that were accepted are answered first.
    """
    if len(sys.argv) > 1:
        end_with(int(sys.argv[1]))
    settings = read_settings()
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
        log_enabled=True,
        websockets=False,
    ).serve()


if __name__ == "__main__":
    main()
