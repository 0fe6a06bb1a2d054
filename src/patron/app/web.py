"""The web process: Granian in front of `patron.app.server`."""

from granian.constants import Interfaces, Loops
from granian.server import Server

from patron.app.context import read_settings


def main() -> None:
    """Serve until SIGTERM; requests that were accepted are answered first."""
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
