"""The life of Patron's own PostgreSQL: first start, crash, recovery, adoption, stop."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from patron.kit.postgres import programs
from patron.kit.postgres.errors import PostgresError
from patron.kit.postgres.logs import trim
from patron.kit.postgres.programs import binary
from patron.kit.postgres.server import PostgresServer
from postgres_fixture import (
    SMALL,
    ask,
    log_text,
    postgres_folder,
    until,
)


@pytest.fixture
def folder() -> Iterator[Path]:
    with postgres_folder() as made:
        yield made


@pytest.fixture
def server(folder: Path) -> PostgresServer:
    return PostgresServer(folder, settings=SMALL)


def python(script: str, *arguments: object, **more: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        **more,
    )


SUPERVISOR = """
import signal, sys
from pathlib import Path
from patron.kit.postgres.server import PostgresServer
server = PostgresServer(Path(sys.argv[1]))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
try:
    print(server.start(), flush=True)
    signal.pause()
finally:
    server.stop()
"""


def test_first_start_makes_a_safe_private_database(server: PostgresServer, folder: Path) -> None:
    told: list[str] = []
    url = server.start(told.append)
    assert server.running and server.launched
    assert told == [f"making a database in {folder}"]
    for setting, wanted in {
        "listen_addresses": "",
        "fsync": "on",
        "synchronous_commit": "on",
        "data_checksums": "on",
        "server_encoding": "UTF8",
        "server_version": server.version,
        "wal_compression": "off",
        "jit": "off",
        "shared_buffers": "32MB",
    }.items():
        assert ask(url, "SELECT current_setting(%s)", setting) == wanted, setting
    assert ask(url, "SELECT datlocale FROM pg_database WHERE datname = 'patron'") == "C.UTF-8"
    assert (folder / "password").stat().st_mode & 0o777 == 0o600
    assert (folder / "run").stat().st_mode & 0o077 == 0
    wrong = url.replace((folder / "password").read_text(), "guess")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_stop_and_start_again_keeps_the_data_and_recovers_nothing(
    server: PostgresServer,
) -> None:
    url = server.start()
    ask(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    server.stop()
    assert not server.running
    server.stop()
    told: list[str] = []
    assert ask(server.start(told.append), "SELECT answer FROM kept") == 42
    assert told == [], "nothing was made anew or recovered"
    server.stop()


def test_kill_and_recovery_keep_what_was_committed(server: PostgresServer) -> None:
    url = server.start()
    ask(url, "CREATE TABLE kept (n int)")
    with psycopg.connect(url) as uncommitted:
        uncommitted.execute("INSERT INTO kept VALUES (0)")
        ask(url, "INSERT INTO kept SELECT generate_series(1, 50000)")
        server.kill()
        with contextlib.suppress(psycopg.Error):
            uncommitted.rollback()
    assert not server.running
    told: list[str] = []
    url = server.start(told.append)
    assert any("automatic recovery in progress" in line for line in told)
    assert any(line.startswith("redo starts") for line in told)
    assert ask(url, "SELECT count(*) FROM kept") == 50000
    assert ask(url, "SELECT min(n) FROM kept") == 1


def test_a_killed_backend_does_not_end_the_server(server: PostgresServer) -> None:
    url = server.start()
    pid = server.pid
    with psycopg.connect(url) as connection:
        os.kill(connection.info.backend_pid, signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    url = server.start()
    assert ask(url, "SELECT 1") == 1
    assert server.pid == pid


def test_a_server_outlives_its_killed_supervisor_and_is_adopted(folder: Path) -> None:
    with python(SUPERVISOR, folder, start_new_session=True) as supervisor:
        assert supervisor.stdout is not None
        url = supervisor.stdout.readline().strip()
        ask(url, "CREATE TABLE kept AS SELECT 1 AS n")
        os.killpg(supervisor.pid, signal.SIGKILL)
    successor = PostgresServer(folder)
    before = successor.pid
    assert before is not None
    assert successor.start() == url
    assert successor.pid == before and not successor.launched
    assert ask(url, "SELECT n FROM kept") == 1
    successor.stop()
    assert not successor.running


def test_a_recovery_goes_on_when_its_supervisor_is_killed(folder: Path) -> None:
    first = PostgresServer(folder, settings={**SMALL, "fsync": "off"})
    url = first.start()
    ask(url, "CREATE TABLE kept AS SELECT g, repeat('x', 100) FROM generate_series(1, 600000) g")
    first.kill()
    with python(SUPERVISOR, folder, start_new_session=True) as supervisor:
        successor = PostgresServer(folder)
        until(lambda: successor.pid is not None)
        recovering = successor.pid
        os.killpg(supervisor.pid, signal.SIGKILL)
    status = (folder / "data" / "postmaster.pid").read_text().splitlines()[7:]
    assert [line.strip() for line in status] != ["ready"]
    url = successor.start()
    assert successor.pid == recovering and not successor.launched
    assert ask(url, "SELECT count(*) FROM kept") == 600000


def test_a_server_of_another_minor_version_is_replaced(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(server.start(), "CREATE TABLE kept AS SELECT 3 AS n")
    before = server.pid
    monkeypatch.setattr(programs, "version", lambda: "18.99")
    told: list[str] = []
    url = server.start(told.append)
    assert server.pid not in (before, None)
    assert told[0].startswith("replacing PostgreSQL 18.") and "by 18.99" in told[0]
    assert ask(url, "SELECT n FROM kept") == 3


def test_sigterm_to_the_supervisor_stops_the_server(folder: Path) -> None:
    with python(SUPERVISOR, folder) as supervisor:
        assert supervisor.stdout is not None
        assert supervisor.stdout.readline().startswith("postgresql://")
        assert PostgresServer(folder).running
        supervisor.send_signal(signal.SIGTERM)
        assert supervisor.wait(120) == 0
    assert not PostgresServer(folder).running
    assert "database system is shut down" in log_text(folder)


def test_two_supervisors_at_once_share_one_server(folder: Path) -> None:
    with python(SUPERVISOR, folder) as one, python(SUPERVISOR, folder) as other:
        assert one.stdout is not None and other.stdout is not None
        assert one.stdout.readline() == other.stdout.readline() != ""
        assert log_text(folder).count("starting PostgreSQL") == 1
        one.terminate()
        other.terminate()


def test_logs_are_rotated_within_bounds_and_tell_no_secrets(
    server: PostgresServer, folder: Path
) -> None:
    url = server.start()
    ask(url, "CREATE TABLE person (email text PRIMARY KEY)")
    ask(url, "INSERT INTO person VALUES ('anna@example.com')")
    with pytest.raises(psycopg.errors.UniqueViolation):
        ask(url, "INSERT INTO person VALUES ('anna@example.com')")
    until(lambda: "duplicate key value" in log_text(folder))
    assert "anna" not in log_text(folder)
    for day in range(10, 20):
        (folder / "log" / f"postgres-202001{day}-000000.log").write_bytes(b"x" * 1000)
    removed = trim(folder / "log", kept_bytes=4500)
    assert [path.name[9:17] for path in removed] == [f"202001{n}" for n in range(15, 9, -1)]
    assert "starting PostgreSQL" in log_text(folder)


def test_the_client_programs_are_there(server: PostgresServer) -> None:
    url = server.start()
    for name in ("psql", "pg_dump", "pg_restore", "pg_basebackup"):
        said = subprocess.run([binary(name), "--version"], capture_output=True, text=True)
        assert said.stdout.split()[-1] == server.version
    dumped = subprocess.run([binary("pg_dump"), url], capture_output=True, text=True)
    assert "PostgreSQL database dump complete" in dumped.stdout
    for wrong in ("pg_nothing", "../bin/psql"):
        with pytest.raises(PostgresError, match="is not in"):
            binary(wrong)


def test_nothing_listens_on_the_network(server: PostgresServer) -> None:
    server.start()
    assert server.pid is not None
    family = [psutil.Process(server.pid), *psutil.Process(server.pid).children()]
    looked_at = 0
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):  # a helper that has done its work
            assert process.net_connections("inet") == []
            looked_at += 1
    assert looked_at > 3
