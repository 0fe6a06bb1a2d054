"""Patron's own PostgreSQL server on a private socket.

The server is a process of its own that outlives whoever started it: a supervisor that was killed
finds its server again and goes on with it. Recovery after a crash is awaited however long it
takes; nothing here ever ends a server that recovers.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from time import sleep
from urllib.parse import quote

import psycopg

from patron.kit.clock import monotonic
from patron.kit.postgres import cluster, configuration, place, processes, programs
from patron.kit.postgres.errors import PostgresError
from patron.kit.postgres.logs import Tail, Trimmer
from patron.kit.postgres.place import Place

Report = Callable[[str], None]

_POLL_SECONDS = 0.01
_STOP_SECONDS = 600.0
_ANSWER_SECONDS = 60.0


class _Child(subprocess.Popen[bytes]):
    """A process that may outlive this object, and this program, without a warning."""

    def __del__(self) -> None:
        """Nothing, where the original complains that the process still runs."""


class PostgresServer:
    """The server of one folder.

    `settings` are postgresql.conf values for this folder, over Patron's own. `state` is where
    root's data goes if the server's account cannot get to `folder`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        settings: Mapping[str, str] | None = None,
        state: Path = place.STATE,
    ) -> None:
        self.folder = folder.absolute()
        self._settings = dict(settings or {})
        self._state = state
        self._child: _Child | None = None
        self._trimmer: Trimmer | None = None
        self.launched = False
        """True if this object started the server, False if it found it running."""

    @property
    def version(self) -> str:
        """The version of the programs, such as `18.6`."""
        return programs.version()

    @property
    def pid(self) -> int | None:
        """The server's process, whoever started it; None when none runs."""
        self._reap()
        where = place.found(self.folder)
        return None if where is None else _server_of(where)

    @property
    def running(self) -> bool:
        return self.pid is not None

    def start(self, report: Report | None = None) -> str:
        """The server's URL, with its password, as soon as it accepts connections.

        Makes the database at the first start, adopts a server that runs already, and tells
        `report` what takes time. Raises PostgresError.
        """
        tell = report or _silent
        self._reap()
        try:
            where, remark = place.settled(self.folder, self._state)
            if remark:
                tell(remark)
            cluster.check_version(where)
            url = self._adopted_or_launched(where, tell)
        except OSError as error:
            raise PostgresError(
                f"PostgreSQL cannot be started in {self.folder}: {error}; see that Patron may "
                "write there and that the disk has room"
            ) from error
        if self._trimmer is None:
            self._trimmer = Trimmer(where.log)
            self._trimmer.start()
        return url

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, the rest is on disk when it returns.

        Does nothing if no server runs. Raises PostgresError if it has not ended in ten minutes.
        """
        if self._trimmer is not None:
            self._trimmer.stop()
            self._trimmer = None
        where = place.found(self.folder)
        if where is None:
            return
        if (pid := self.pid) is not None:
            _signal(pid, signal.SIGINT)
            self._until_gone(where, pid)
        if (socket_folder := where.socket_folder()).parent != where.home:
            with contextlib.suppress(OSError):
                socket_folder.rmdir()

    def kill(self) -> None:
        """End the server and all its children at once, as a power cut would."""
        where = place.found(self.folder)
        if where is None:
            return
        if (pid := self.pid) is not None:
            for victim in (pid, *processes.children(pid)):
                _signal(victim, signal.SIGKILL)
            self._until_gone(where, pid)

    def erase(self) -> None:
        """Stop the server and delete its database, wherever that is kept."""
        self.stop()
        place.removed(self.folder)

    def _adopted_or_launched(self, where: Place, tell: Report) -> str:
        told = False
        while True:
            lock = where.try_lock()
            try:
                if (url := self._running_url(where, tell)) is not None:
                    return url
                if lock is not None:
                    return self._launch(where, lock, tell)
            finally:
                if lock is not None:
                    os.close(lock)
            if not told:
                tell(f"waiting for the PostgreSQL process that still works in {where.home}")
                told = True
            sleep(_POLL_SECONDS)

    def _running_url(self, where: Place, tell: Report) -> str | None:
        """The URL of the server that runs already; None if there is none, or none any more.

        One whose programs are not ours any more is stopped: its libraries were replaced.
        """
        pid = _server_of(where)
        if pid is None:
            return None
        if not where.password.exists():
            raise PostgresError(
                f"{where.password} is missing while the server runs; stop it (kill -INT {pid}) "
                "and start again: it then gets a new password"
            )
        tail = Tail(where.log, where.first_words)
        url = self._until_ready(where, pid, tail, tell)
        if url is None:
            return None
        with psycopg.connect(url) as connection:
            found = connection.info.parameter_status("server_version") or ""
        if found.split()[0] != self.version:
            tell(f"replacing PostgreSQL {found}, left running, by {self.version}")
            _signal(pid, signal.SIGINT)
            while self._lives(pid):
                sleep(_POLL_SECONDS)
            return None
        self.launched = self._child is not None
        return url

    def _launch(self, where: Place, lock: int, tell: Report) -> str:
        bin_folder = programs.within_reach(where.account, self._state)
        settings = configuration.text(
            self._settings,
            socket_folder=where.owned(where.socket_folder()),
            log_folder=where.owned(where.log),
            access_file=where.access,
        )
        where.write(where.access, configuration.ACCESS, 0o644)
        where.write(where.configuration, settings, 0o644)
        if not where.exists:
            tell(f"making a database in {where.home}")
            synced = self._settings.get("fsync", "on") == "on"
            cluster.create(where, bin_folder, lock, synced=synced)
        _clear_stale(where)
        if not where.password.exists():
            cluster.give_new_password(where, bin_folder, lock)
        where.first_words.unlink(missing_ok=True)
        tail = Tail(where.log, where.first_words)
        self._child = _spawn(where, bin_folder, lock)
        self.launched = True
        url = self._until_ready(where, self._child.pid, tail, tell)
        if url is None:
            self._child = None
            tail.progress()
            raise PostgresError(_why_not(where, tail.complaints))
        return url

    def _until_ready(self, where: Place, pid: int, tail: Tail, tell: Report) -> str | None:
        """The URL once the server accepts connections; None if it ended instead."""
        url = _url(where)
        refused: psycopg.Error | None = None
        answer_by = 0.0
        while self._lives(pid):
            for line in tail.progress():
                tell(line)
            if _status(where, pid) == "ready":
                answer_by = answer_by or monotonic() + _ANSWER_SECONDS
                refused = _tried(url)
                if refused is None:
                    for line in tail.progress():  # a short recovery ends between two looks
                        tell(line)
                    return url
                if "No space left" in str(refused):
                    raise PostgresError(
                        f"the disk of {where.home} is full ({str(refused).strip()}); make room, "
                        "PostgreSQL then goes on by itself"
                    )
                if "authentication failed" in str(refused) or monotonic() > answer_by:
                    raise PostgresError(
                        f"PostgreSQL {pid} runs in {where.home} but does not let us in "
                        f"({str(refused).strip()}); if {where.password} is not its password, stop "
                        f"it (kill -INT {pid}), remove that file and start again"
                    )
            sleep(_POLL_SECONDS)
        return None

    def _lives(self, pid: int) -> bool:
        if self._child is not None and self._child.pid == pid:
            return self._child.poll() is None
        return processes.alive(pid)

    def _until_gone(self, where: Place, pid: int) -> None:
        """Wait until the server and the last of its children are gone."""
        end = monotonic() + _STOP_SECONDS
        while self._lives(pid) or _server_of(where) in (pid, None):
            if not self._lives(pid) and (lock := where.try_lock()) is not None:
                os.close(lock)
                break
            if monotonic() > end:
                raise PostgresError(
                    f"PostgreSQL {pid} in {where.home} has not ended in {_STOP_SECONDS:.0f} "
                    f"seconds; end it with: kill -QUIT {pid}"
                )
            sleep(_POLL_SECONDS)
        self._reap()

    def _reap(self) -> None:
        if self._child is not None and self._child.poll() is not None:
            self._child = None


def _spawn(where: Place, bin_folder: Path, lock: int) -> _Child:
    account = where.account
    words = where.create(where.first_words)
    try:
        return _Child(
            [
                *(str(bin_folder / "postgres"), "-D", str(where.data)),
                *("-c", f"config_file={where.configuration}"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            cwd="/",
            env=cluster.ENVIRONMENT,
            umask=0o077,
            pass_fds=[lock],
            # Not in our session: Ctrl-C in a terminal is for us to answer, in our order.
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    finally:
        os.close(words)


def _server_of(where: Place) -> int | None:
    """The pid of the server of this data directory, if the one on file really is it."""
    lines = _pid_file(where)
    if not lines or not lines[0].isdigit():
        return None
    pid = int(lines[0])
    return pid if processes.alive(pid) and processes.serves(pid, where.data) else None


def _pid_file(where: Place) -> list[str]:
    try:
        return (where.data / "postmaster.pid").read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []


def _status(where: Place, pid: int) -> str:
    """What the server says of itself: starting, ready, stopping …; empty before it says anything.

    https://www.postgresql.org/docs/18/storage-file-layout.html: the last line of postmaster.pid.
    """
    lines = _pid_file(where)
    return lines[7].strip() if len(lines) > 7 and lines[0] == str(pid) else ""


def _clear_stale(where: Place) -> None:
    """Remove what a dead server left; to be called under the lock, when none runs.

    PostgreSQL takes any living process with the pid on file for its predecessor and refuses to
    start. Its second guard, the shared memory of surviving children, stays in force.
    """
    (where.data / "postmaster.pid").unlink(missing_ok=True)
    for left in where.socket_folder().glob(".s.PGSQL.*"):
        left.unlink(missing_ok=True)


def _url(where: Place) -> str:
    try:
        password = where.password.read_text(encoding="ascii").strip()
    except OSError as error:
        raise PostgresError(
            f"{where.password} cannot be read ({error.strerror}); run Patron as its owner"
        ) from error
    host = quote(str(where.socket_folder()), safe="")
    return f"postgresql://{cluster.USER}:{quote(password, safe='')}@/{cluster.DATABASE}?host={host}"


def _tried(url: str) -> psycopg.Error | None:
    """None if the database answers; it is made if only that is missing."""
    try:
        psycopg.connect(url, connect_timeout=10).close()
    except psycopg.OperationalError as error:
        if "does not exist" not in str(error):
            return error
        try:
            with psycopg.connect(url, dbname="postgres", autocommit=True) as connection:
                connection.execute(f'CREATE DATABASE "{cluster.DATABASE}"')
        except psycopg.errors.DuplicateDatabase:
            return None
        except psycopg.Error as also:
            return also
    return None


def _why_not(where: Place, complaints: list[str]) -> str:
    said = " / ".join(complaints[-3:]) or "it said nothing"
    remedy = f"see {where.log}, put that right and start again"
    if "No space left on device" in said:
        remedy = f"free space on the disk of {where.home} and start again"
    elif "shared memory" in said:
        conf = where.data / "postgresql.auto.conf"
        remedy = f"free memory, or let it take less: shared_buffers = '32MB' in {conf}"
    return f"PostgreSQL did not start in {where.home}: {said}; {remedy}"


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _silent(_: str) -> None:
    """Nobody listens."""
