"""A whole Patron as a user runs it: `patron serve` in processes of its own, on a free port."""

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

import outside
from patron.kit.postgres.server import PostgresServer
from ports import free_port
from postgres_fixture import enterable, new_folder, server_folder

T = TypeVar("T")
PATRON = str(Path(sys.executable).parent / "patron")
HANG = 240.0
"""Seconds after which what has not happened hangs; a slow machine alone never takes so long."""


def eventually(look: Callable[[], T], what: str, seconds: float = HANG) -> T:
    """What `look` returns as soon as it is truthy; fails after `seconds`, naming `what`."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < end, f"{what} did not happen within {seconds:.0f} s"
        time.sleep(0.02)


class Running:
    """An installation in a folder of its own."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith("PATRON_")},
            "PATRON_DATA_DIR": str(folder / "data"),
            "PATRON_LISTEN_PORT": str(self.port),
            "PATRON_LOG_FORMAT": "json",
            **{f"PATRON_{name.upper()}": str(value) for name, value in settings.items()},
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.write_key = ""
        self.server_key = ""

    def run(self, *words: str) -> Any:
        """What a `patron` command answers to `--json`."""
        done = self.command(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PATRON, *words], env=self.environ, capture_output=True, text=True, timeout=HANG
        )

    def open_shop(self, name: str = "Acme", *, live: bool = True) -> dict[str, Any]:
        """Found a shop; its keys become the ones this installation's calls use."""
        if self._as_founded:
            made = self._copied(name, live)
        else:
            made = self.run("shop", "create", name, *particulars(name))
            if live:
                self.run("golive", "--shop", made["shop"]["slug"])
        self.write_key, self.server_key = made["write_key"], made["server_key"]
        return made

    @property
    def _as_founded(self) -> bool:
        """Whether a first shop would become here what it becomes anywhere."""
        own = {"PATRON_DATABASE_URL", "PATRON_TEST_SOCKET"} & self.environ.keys()
        there = os.geteuid() != 0 or enterable(self.folder)  # the database lies elsewhere if not
        return there and not own and not (self.folder / "data").exists()

    def _copied(self, name: str, live: bool) -> dict[str, Any]:
        folder, made = founded(name, live)
        self.folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", folder / "data", self.folder / "data"], check=True)
        return made

    def start(self) -> None:
        """Start `patron serve`; returns when it is ready."""
        with self._log("out") as out, self._log("err") as err:
            self.process = subprocess.Popen(
                [PATRON, "serve"], env=self.environ, stdout=out, stderr=err
            )
        eventually(self.ready, f"start of Patron (see {self.folder}/err.log)")

    def ready(self) -> bool:
        assert self.process is None or self.process.poll() is None, self.log()
        try:
            return outside.get(f"{self.url}/readyz", timeout=30).status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self) -> int:
        """Ask the house to stop and wait for it."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(HANG)

    def part(self, module: str) -> psutil.Process:
        """The process of `web` or `worker`, as soon as there is one."""
        part = eventually(lambda: self._part(module), f"a {module} process")
        assert part is not None
        return part

    def kill(self, module: str) -> None:
        """kill -9 of `web` or `worker`, children included."""
        part = self.part(module)
        with suppress(psutil.NoSuchProcess):  # one that ended by itself is as dead
            for child in [*part.children(recursive=True), part]:
                with suppress(psutil.NoSuchProcess):
                    child.kill()

    def _part(self, module: str) -> psutil.Process | None:
        assert self.process is not None
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.NoSuchProcess):  # it ends; the next one comes
                if f"patron.app.{module}" in child.cmdline():
                    return child
        return None

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        """A call of the API with the server key."""
        headers = {"Authorization": f"Bearer {self.server_key}", **more.pop("headers", {})}
        return outside.request(method, f"{self.url}{path}", headers=headers, timeout=HANG, **more)

    def database_url(self) -> str:
        """Where the installation's own PostgreSQL answers while it runs."""
        return PostgresServer(self.folder / "data" / "postgres").start()

    def track(self, event: str, properties: dict[str, Any], **more: Any) -> None:
        """A track call with the server key."""
        body = {"type": "track", "event": event, "properties": properties, **more}
        answer = outside.post(
            f"{self.url}/v1/track", json=body, auth=(self.server_key, ""), timeout=HANG
        )
        assert answer.status_code == 200, answer.text

    def log(self) -> str:
        return (self.folder / "err.log").read_text("utf-8", "replace")[-8_000:]

    def _log(self, name: str) -> Any:
        return (self.folder / f"{name}.log").open("ab")


def particulars(name: str) -> tuple[str, ...]:
    """What `patron shop create` is told of a shop beside its name."""
    site = f"{name.lower()}.example"
    money = ("--currency", "USD", "--time-zone", "America/New_York")
    return *money, "--url", f"https://{site}", "--owner", f"owner@{site}"


@cache
def founded(name: str, live: bool) -> tuple[Path, dict[str, Any]]:
    """The folder of a house that has one shop and was stopped, and what founding it said.

    A copy of it is the house of a test: founding each anew takes two seconds of a processor.
    """
    folder = new_folder()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    house = Running(folder)
    made: dict[str, Any] = house.run("shop", "create", name, *particulars(name))
    if live:
        house.run("golive", "--shop", made["shop"]["slug"])
    database = folder / "data" / "postgres" / "data"
    assert database.is_dir(), f"{folder} is closed to the database's account: set another TMPDIR"
    return folder, made


@contextmanager
def running(folder: Path | None = None, **settings: object) -> Iterator[Running]:
    """An installation that is stopped at the end, whatever happened, and removed unless it lives in
    a `folder` of the caller's."""
    with nullcontext(folder) if folder is not None else server_folder() as where:
        house = Running(where, **settings)
        try:
            yield house
        finally:
            if house.process is not None and house.process.poll() is None:
                house.process.send_signal(signal.SIGTERM)
                try:
                    house.process.wait(HANG)
                except subprocess.TimeoutExpired:
                    house.process.kill()
