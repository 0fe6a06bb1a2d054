"""What may stand in the way of Patron's own PostgreSQL, and what comes of it."""

import os
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from patron.kit.postgres import programs
from patron.kit.postgres.errors import PostgresError
from patron.kit.postgres.place import make_folder
from patron.kit.postgres.server import PostgresServer
from postgres_fixture import SMALL, UNSAFE, ask, postgres_folder, server_folder, start_test_server

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="drops the rights of root")


@pytest.fixture
def folder() -> Iterator[Path]:
    with postgres_folder() as made:
        yield made


@pytest.fixture
def server(folder: Path) -> PostgresServer:
    return PostgresServer(folder, settings=SMALL)


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
