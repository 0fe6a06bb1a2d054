"""Where the demo keeps its things, and how far it has come.

A folder of its own (`.demo`, or PATRON_DATA_DIR) with a `patron.toml` of its own. Only a folder
that the demo made itself is ever erased: a real shop's data may stand in a folder of that name.
"""

import fcntl
import json
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from patron.app.context import CONFIG
from patron.app.imports.state import write_whole
from patron.app.installing import write_config
from patron.app.serve import postgres_of
from patron.kit.problems import Problem
from patron.kit.settings import PREFIX, Settings, load

FOLDER = Path(".demo")
HOST = "127.0.0.1"
PORTS = range(8080, 8680, 10)
LEASE = 6.0
"""Seconds after which a mail that hangs at its mail server is in doubt: minutes in a real shop."""

_STATE = "demo.json"


class Ports(msgspec.Struct, frozen=True):
    """Patron itself, the shop's pages, and the mail server."""

    patron: int
    pages: int
    mail: int

    @property
    def shop_url(self) -> str:
        return f"http://{HOST}:{self.pages}"


class Standing(msgspec.Struct, kw_only=True):
    """How far the demo has come. `loaded` is None until everything is in; then `walked_to` is the
    moment up to which the shop's days are told, and `people` the shoppers played since."""

    placed_at: datetime  # the moment the history was shifted to
    seed: int
    ports: Ports
    shop: str = ""  # slug
    write_key: str = ""
    server_key: str = ""
    since: datetime | None = None  # the 90 days
    until: datetime | None = None
    loaded: datetime | None = None
    walked_to: datetime | None = None
    truth: dict[str, Any] = {}
    people: int = 0


class Place:
    """The demo's folder. `environ` may name another with PATRON_DATA_DIR."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = {
            name: text for name, text in environ.items() if name != f"{PREFIX}CONFIG" and text
        }
        self.folder = Path(self._environ.get(f"{PREFIX}DATA_DIR", FOLDER)).absolute()
        self.config = self.folder / CONFIG
        self.log = self.folder / "patron.log"
        self.truth = self.folder / "truth.json"

    def standing(self) -> Standing | None:
        """How far an earlier demo came, or None. Raises Problem 409 for a folder of others."""
        try:
            return msgspec.json.decode((self.folder / _STATE).read_bytes(), type=Standing)
        except FileNotFoundError:
            if self.folder.exists() and any(self.folder.iterdir()):
                raise Problem(
                    409,
                    "Not the demo's folder",
                    f"{self.folder} holds data that is not the demo's",
                    remedy="unset PATRON_DATA_DIR, or let it name a new folder",
                ) from None
            return None
        except msgspec.MsgspecError as error:
            raise Problem(
                409,
                "Unreadable",
                f"{self.folder / _STATE} cannot be read: {error}",
                remedy="start over with `patron demo --reset`",
            ) from error

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the folder: a second demo in it would take the first one's load for a broken one.

        Raises Problem 409 when another demo runs in it.
        """
        lock = self.folder.with_name(f"{self.folder.name}.lock")
        lock.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise Problem(
                409,
                "Demo runs",
                f"a demo runs in {self.folder} already",
                remedy="stop it with Ctrl-C first",
            ) from None
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)
            os.close(handle)

    def write(self, standing: Standing) -> None:
        write_whole(self.folder / _STATE, standing)

    def tell_truth(self, standing: Standing) -> None:
        """Write what was planted where whoever doubts the number can read it."""
        self.truth.write_text(json.dumps(standing.truth, indent=2) + "\n", "utf-8")

    def begin(self, now: datetime, seed: int) -> Standing:
        """Make the folder, choose ports and write `patron.toml`."""
        ports = self._ports()
        self.folder.mkdir(parents=True, exist_ok=True)
        standing = Standing(placed_at=now, seed=seed, ports=ports)
        self.write(standing)
        self.config.unlink(missing_ok=True)
        write_config(
            self.config,
            {
                "data_dir": ".",
                "listen_port": ports.patron,
                "smtp_host": HOST,
                "smtp_port": ports.mail,
                "smtp_security": "none",
                "mail_from": "hello@hollin.example",
                "owner_email": "owner@hollin.example",
                "send_lease_seconds": LEASE,
                "log_level": "warning",
            },
        )
        return standing

    def settings(self) -> Settings:
        """The demo's settings: the environment over its own `patron.toml`."""
        return load(self.config, self._environ)

    def erase(self) -> None:
        """Stop the demo's PostgreSQL and delete everything; refuses a folder of others."""
        if not self.folder.exists():
            return
        try:
            self.standing()
        except Problem as problem:
            if problem.document.title != "Unreadable":
                raise
        if self.config.exists():
            postgres_of(self.settings()).erase()
        shutil.rmtree(self.folder, ignore_errors=True)

    def check_ports(self, ports: Ports) -> None:
        """Raises Problem 409 when something else listens where the demo does."""
        for port in (ports.patron, ports.pages, ports.mail):
            if not _free(port):
                raise Problem(
                    409,
                    "Port taken",
                    f"something else listens on port {port} of {HOST}",
                    remedy="end it (another demo?), or start over with `patron demo --reset`",
                )

    def _ports(self) -> Ports:
        """Three ports in a row: from PATRON_LISTEN_PORT on, or where there is room."""
        given = self._environ.get(f"{PREFIX}LISTEN_PORT")
        if given is not None and given.isdigit():
            first = int(given)
            ports = Ports(first, first + 1, first + 2)
            self.check_ports(ports)
            return ports
        for first in PORTS:
            if all(_free(first + k) for k in range(3)):
                return Ports(first, first + 1, first + 2)
        raise Problem(
            409,
            "No port",
            f"no three free ports between {PORTS.start} and {PORTS.stop}",
            remedy="name the first of three with PATRON_LISTEN_PORT",
        )


def hand_down(place: Place) -> None:
    """Let the processes started from here on read the demo's `patron.toml`."""
    os.environ[f"{PREFIX}CONFIG"] = str(place.config)


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
