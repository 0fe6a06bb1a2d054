"""A real PostgreSQL server for tests.

As root the server runs as another user, who may not enter the folders pytest makes; so servers of
tests live in folders of their own directly below the system's temporary one.
"""

import atexit
import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from patron.kit.postgres.errors import PostgresError
from patron.kit.postgres.server import PostgresServer

SMALL = {"shared_buffers": "32MB", "min_wal_size": "32MB", "max_wal_size": "512MB"}

UNSAFE = {**SMALL, "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""For tests that ask nothing of durability: what is lost with the power is of no interest."""


@contextmanager
def server_folder() -> Iterator[Path]:
    """A new folder that the server's account can get to; removed at the end.

    For whole programs too: give it as their data directory.
    """
    folder = new_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgres_folder() -> Iterator[Path]:
    """The path of a folder for a server; whatever runs there at the end is killed."""
    with server_folder() as folder:
        try:
            yield folder / "postgres"
        finally:
            with contextlib.suppress(PostgresError):
                PostgresServer(folder / "postgres").kill()


def start_test_server(tmp: Path, settings: Mapping[str, str] | None = None) -> PostgresServer:
    """A started server; `.start()` again gives its URL, `.erase()` stops it and frees the disk.

    It lives in `tmp`, or beside it where pytest's folders are closed to it. With `settings`
    UNSAFE it does not wait for the disk.
    """
    if os.geteuid() == 0 and not enterable(tmp):
        tmp = new_folder()
        atexit.register(shutil.rmtree, tmp, ignore_errors=True)
    server = PostgresServer(tmp / "postgres", settings={**SMALL, **(settings or {})})
    server.start()
    return server


def ask(url: str, sql: LiteralString, *params: Any) -> Any:
    """The first column of the first row, on a connection of its own."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql, params)
        found = cursor.fetchone() if cursor.description else None
        return found[0] if found else None


def log_text(folder: Path) -> str:
    """All that the server of `folder` has logged."""
    return "".join(path.read_text() for path in sorted((folder / "log").glob("postgres-*.log")))


def until(condition: Callable[[], bool]) -> None:
    """Wait for `condition`; a test that waits in vain fails."""
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "what was awaited did not happen"
        time.sleep(0.01)


def new_folder() -> Path:
    """A new folder that the server's account can get to; whoever asks for it removes it."""
    folder = Path(tempfile.mkdtemp(prefix="patron-test-"))
    if os.geteuid() == 0:
        folder.chmod(0o711)
    return folder


def enterable(folder: Path) -> bool:
    """Whether any account may enter, as far as the folders are there."""
    steps = [step for step in (folder, *folder.parents) if step.exists()]
    return all(step.stat().st_mode & 0o001 for step in steps)
