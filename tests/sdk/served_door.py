"""The door behind a real server, in a process of its own, as clients meet it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from patron.events.inbox import Inbox
from patron.events.routes import Door, DoorSettings
from patron.kit.clock import SystemClock
from patron.kit.db import Database
from patron.shops.access import Keys
from ports import free_port

HERE = Path(__file__).parent
LIBRARY = HERE / "node/node_modules/@segment/analytics-next/dist/umd"


class App:
    """The door; its first posts are answered with the statuses in SDK_REFUSE instead."""

    def __init__(self) -> None:
        self._refuse = [int(s) for s in os.environ.get("SDK_REFUSE", "").split(",") if s]
        self._door: Door | None = None
        self._inbox: Inbox | None = None
        self._db = Database(os.environ["SDK_DATABASE"], max_size=2)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["method"] == "POST" and self._refuse:
            status = self._refuse.pop(0)
            headers = [(b"retry-after", b"1"), (b"access-control-allow-origin", b"*")]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": b"{}"})
        else:
            assert self._door is not None
            await self._door(scope, receive, send)

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        await self._db.open()
        self._inbox = Inbox(self._db.url, SystemClock())
        self._door = Door(
            Keys(self._db), self._inbox, SystemClock(), DoorSettings(browser_library=LIBRARY)
        )
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._inbox.close()
        await self._db.close()
        await send({"type": "lifespan.shutdown.complete"})


def create() -> App:
    return App()


class Served:
    """A server of the door on one port, which can be ended and started again."""

    def __init__(self, database: str, refuse: list[int] | None = None) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = {
            **os.environ,
            "SDK_DATABASE": database,
            "SDK_REFUSE": ",".join(str(status) for status in refuse or []),
            "PYTHONPATH": os.pathsep.join(str(folder) for folder in (HERE, HERE.parent)),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [
            *(sys.executable, "-m", "granian", "--interface", "asgi", "--factory", "--no-ws"),
            *("--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"),
            *("--loop", "uvloop", "--log-level", "error", "served_door:create"),
        ]
        self._process = subprocess.Popen(
            command, env=self._environment, start_new_session=True, cwd=HERE
        )
        self._environment["SDK_REFUSE"] = ""
        end = time.monotonic() + 120
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            if time.monotonic() > end or self._process.poll() is not None:
                raise TimeoutError("the door did not open")
            time.sleep(0.02)

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop it in good order, or with SIGKILL in the middle of whatever it does."""
        if self._process is None:
            return
        if how is signal.SIGKILL:
            os.killpg(self._process.pid, how)
        else:
            self._process.send_signal(how)
        self._process.wait(120)
        self._process = None


@contextlib.contextmanager
def served(database: str, refuse: list[int] | None = None) -> Iterator[Served]:
    server = Served(database, refuse)
    server.start()
    try:
        yield server
    finally:
        server.end()
