"""Patron's own PostgreSQL: first start, crash, adoption, and everything that stands in its way."""

import contextlib
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, LiteralString

import psutil
import psycopg
import pytest

from patron.kit.postgres import programs
from patron.kit.postgres.errors import PostgresError
from patron.kit.postgres.logs import trim
from patron.kit.postgres.place import make_folder
from patron.kit.postgres.programs import binary
from patron.kit.postgres.server import PostgresServer
from postgres_fixture import SMALL, UNSAFE, server_folder, start_test_server

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="drops the rights of root")


@pytest.fixture
def folder() -> Iterator[Path]:
    with server_folder() as made:
        yield made / "postgres"
        left = PostgresServer(made / "postgres")
        with contextlib.suppress(PostgresError):
            left.kill()


@pytest.fixture
def server(folder: Path) -> PostgresServer:
    return PostgresServer(folder, settings=SMALL)


def ask(url: str, sql: LiteralString, *params: Any) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql, params)
        found = cursor.fetchone() if cursor.description else None
        return found[0] if found else None


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "what was awaited did not happen"
        time.sleep(0.01)


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


def test_stop_and_start_again_keeps_the_data_and_is_quick(server: PostgresServer) -> None:
    url = server.start()
    ask(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    server.stop()
    assert not server.running
    server.stop()
    begun = time.monotonic()
    assert ask(server.start(), "SELECT answer FROM kept") == 42
    assert time.monotonic() - begun < 2
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
        assert supervisor.wait(20) == 0
    assert not PostgresServer(folder).running
    assert "database system is shut down" in log_text(folder)


def test_two_supervisors_at_once_share_one_server(folder: Path) -> None:
    with python(SUPERVISOR, folder) as one, python(SUPERVISOR, folder) as other:
        assert one.stdout is not None and other.stdout is not None
        assert one.stdout.readline() == other.stdout.readline() != ""
        assert log_text(folder).count("starting PostgreSQL") == 1
        one.terminate()
        other.terminate()


def test_stale_pid_file_of_a_dead_process(server: PostgresServer, folder: Path) -> None:
    server.start()
    server.kill()
    assert (folder / "data" / "postmaster.pid").exists()
    assert PostgresServer(folder).pid is None
    assert ask(server.start(), "SELECT 1") == 1


def test_pid_reused_by_another_program(server: PostgresServer, folder: Path) -> None:
    server.start()
    server.kill()
    stale = folder / "data" / "postmaster.pid"
    socket_lock = folder / "run" / ".s.PGSQL.5432.lock"
    owner = (folder / "data").stat()
    user = owner.st_uid if os.geteuid() == 0 else None
    stranger = subprocess.Popen(["sleep", "60"], user=user)
    try:
        for file in (stale, socket_lock):
            lines = file.read_text().splitlines(keepends=True)
            file.write_text("".join([f"{stranger.pid}\n", *lines[1:]]))
        assert not server.running
        server.stop()
        assert stranger.poll() is None
        assert ask(server.start(), "SELECT 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_pid_reused_by_the_server_of_another_folder(folder: Path) -> None:
    with server_folder() as second_folder:
        first = PostgresServer(folder, settings=UNSAFE)
        first.start()
        first.kill()
        second = start_test_server(second_folder, UNSAFE)
        stale = folder / "data" / "postmaster.pid"
        lines = stale.read_text().splitlines(keepends=True)
        stale.write_text("".join([f"{second.pid}\n", *lines[1:]]))
        assert first.pid is None
        first.start()
        assert len({first.pid, second.pid, None}) == 3
        second.erase()
        assert not (second_folder / "postgres").exists()


def test_interrupted_first_start_begins_anew(server: PostgresServer, folder: Path) -> None:
    make_folder(folder)
    (folder / "data.new").mkdir()
    (folder / "data.new" / "half").write_text("initdb was killed here")
    assert ask(server.start(), "SELECT 1") == 1
    assert not (folder / "data.new").exists()


def test_another_major_is_refused_with_its_remedy(server: PostgresServer, folder: Path) -> None:
    server.start()
    server.stop()
    (folder / "data" / "PG_VERSION").write_text("17\n")
    with pytest.raises(PostgresError) as refused:
        server.start()
    for words in ("PostgreSQL 17", server.version, "patron backup", str(folder)):
        assert words in str(refused.value)


def test_programs_of_another_major_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "MAJOR", 19)
    programs.version.cache_clear()
    with pytest.raises(PostgresError, match=r"brings PostgreSQL 18\.\d+, and this Patron .* 19"):
        programs.version()
    monkeypatch.undo()
    assert programs.version().startswith("18.")


def test_files_that_are_no_database_are_left_alone(server: PostgresServer, folder: Path) -> None:
    make_folder(folder)
    (folder / "data").mkdir()
    (folder / "data" / "letter.txt").write_text("dear")
    if os.geteuid() == 0:
        shutil.chown(folder / "data", "nobody")
    with pytest.raises(PostgresError, match="holds files but no PostgreSQL database"):
        server.start()
    assert (folder / "data" / "letter.txt").read_text() == "dear"


def test_a_path_too_long_for_a_socket(folder: Path) -> None:
    deep = folder.parent / ("long" * 30) / 'and "quoted", too'
    server = PostgresServer(deep, settings=SMALL)
    url = server.start()
    assert ask(url, "SELECT 1") == 1
    short = Path(ask(url, "SELECT current_setting('unix_socket_directories')").strip('"'))
    assert short.stat().st_mode & 0o077 == 0
    assert PostgresServer(deep).start() == url
    server.erase()
    assert not short.exists()


def test_a_strangers_socket_folder_is_refused(folder: Path) -> None:
    deep = folder.parent / ("long" * 30)
    server = PostgresServer(deep, settings=SMALL)
    short = Path(
        server.start().rpartition("host=")[2].replace("%2F", "/"),
    )
    server.stop()
    short.mkdir(mode=0o755)
    try:
        with pytest.raises(PostgresError, match="is not a private folder"):
            server.start()
    finally:
        short.rmdir()


def test_a_lost_password_is_replaced(server: PostgresServer, folder: Path) -> None:
    before = server.start()
    ask(before, "CREATE TABLE kept AS SELECT 7 AS n")
    (folder / "password").unlink()
    with pytest.raises(PostgresError, match="password is missing while the server runs"):
        server.start()
    server.stop()
    after = server.start()
    assert after != before
    assert ask(after, "SELECT n FROM kept") == 7


def test_a_server_that_cannot_start_says_why(server: PostgresServer, folder: Path) -> None:
    server.start()
    server.stop()
    broken = PostgresServer(folder, settings={"shared_preload_libraries": "not_there"})
    with pytest.raises(PostgresError, match=r"did not start in .*not_there.*start again"):
        broken.start()
    assert not broken.running
    with pytest.raises(PostgresError, match="'Work Mem' = '1'"):
        PostgresServer(folder, settings={"Work Mem": "1"}).start()


def test_a_folder_nobody_may_write_to_is_named(folder: Path) -> None:
    folder.parent.joinpath("file").write_text("in the way")
    with pytest.raises(PostgresError, match=r"cannot be started in .*/file/postgres"):
        PostgresServer(folder.parent / "file" / "postgres").start()


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
    assert len(family) > 3
    assert [process.net_connections("inet") for process in family] == [[] for _ in family]


@as_root
def test_root_drops_its_rights_on_its_own_folder_only(server: PostgresServer, folder: Path) -> None:
    before = folder.parent.stat()
    server.start()
    uid = Path(f"/proc/{server.pid}").stat().st_uid
    assert uid != 0
    assert pwd.getpwuid(uid).pw_name in ("patron", "postgres", "nobody")
    after = folder.parent.stat()
    assert (after.st_uid, after.st_mode) == (before.st_uid, before.st_mode)
    assert folder.stat().st_uid == 0 and (folder / "password").stat().st_uid == 0
    assert {path.stat().st_uid for path in (folder / "data").rglob("*")} == {uid}
    groups = re.search(r"^Groups:(.*)$", Path(f"/proc/{server.pid}/status").read_text(), re.M)
    assert groups is not None and groups[1].strip() == ""


@as_root
def test_root_serves_the_owner_of_the_folder_above(folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    home = folder.parent / "home"
    home.mkdir(mode=0o700)
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    server = PostgresServer(home / "patron-data" / "postgres", settings=SMALL)
    server.start()
    assert Path(f"/proc/{server.pid}").stat().st_uid == nobody.pw_uid
    assert {path.lstat().st_uid for path in home.rglob("*")} == {nobody.pw_uid}
    server.stop()


@as_root
def test_a_closed_home_sends_the_files_elsewhere(folder: Path) -> None:
    closed = folder.parent / "closed"
    closed.mkdir(mode=0o700)
    state = folder.parent / "state"
    server = PostgresServer(closed / "postgres", settings=SMALL, state=state)
    told: list[str] = []
    ask(server.start(told.append), "CREATE TABLE kept AS SELECT 5 AS n")
    assert f"who may not enter {closed}: its files are in {state}" in told[0]
    assert closed.stat().st_mode & 0o777 == 0o700
    server.stop()
    again = PostgresServer(closed / "postgres", settings=SMALL, state=state)
    assert ask(again.start(), "SELECT n FROM kept") == 5
    again.erase()
    assert list(state.iterdir()) == [] and list(closed.iterdir()) == []


@as_root
def test_a_database_behind_a_door_closed_later_is_not_replaced(
    server: PostgresServer, folder: Path
) -> None:
    server.start()
    server.stop()
    folder.parent.chmod(0o700)
    with pytest.raises(PostgresError, match=rf"chmod o\+x {folder.parent}$"):
        server.start()


@as_root
def test_programs_in_a_closed_home_are_copied(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, state = folder.parent / "closed", folder.parent / "state"
    closed.mkdir(mode=0o700)
    package = programs.root().parent
    for source in (package, package.parent / f"{package.name}.libs"):
        shutil.copytree(source, closed / source.name, copy_function=os.symlink)
    monkeypatch.setattr(programs, "root", lambda: closed / package.name / "pginstall")
    server = PostgresServer(folder, settings=SMALL, state=state)
    assert ask(server.start(), "SELECT 1") == 1
    program = Path(f"/proc/{server.pid}/exe").readlink()
    assert program.is_relative_to(state / f"programs-{server.version}")
    server.stop()


@as_root
def test_root_of_a_container_without_ptrace(folder: Path) -> None:
    caps = "+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid"
    script = """
import sys
from pathlib import Path
from patron.kit.postgres.server import PostgresServer
first, second = PostgresServer(Path(sys.argv[1])), PostgresServer(Path(sys.argv[1]))
url = first.start()
assert second.start() == url and second.pid == first.pid and not second.launched
second.kill()
assert not first.running
first.start()
first.stop()
print("done")
"""
    ended = subprocess.run(
        ["setpriv", f"--bounding-set=-all,{caps}", sys.executable, "-c", script, str(folder)],
        capture_output=True,
        text=True,
    )
    assert ended.stdout.strip() == "done", ended.stderr


def log_text(folder: Path) -> str:
    return "".join(path.read_text() for path in sorted((folder / "log").glob("postgres-*.log")))
