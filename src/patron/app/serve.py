"""`patron serve`: PostgreSQL, one web process and one worker process, kept alive together."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from socket import AF_INET, AF_INET6, create_server

from patron.app.answering.knocking import answers
from patron.app.context import open_signer, the_clock
from patron.app.occupancy import Occupancy
from patron.app.rooms import prepare_house
from patron.app.under_test import refuse_in_earnest
from patron.kit.clock import Clock, monotonic
from patron.kit.db import Database
from patron.kit.log import logger
from patron.kit.postgres.errors import PostgresError
from patron.kit.postgres.place import make_folder
from patron.kit.postgres.server import PostgresServer
from patron.kit.problems import conflict
from patron.kit.settings import Settings
from patron.kit.stopping import Stop, endings

log = logger(__name__)

STOP_SECONDS = 30.0
RESTART_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
STEADY = timedelta(seconds=30)
WATCH_SECONDS = 0.2
PORT_SECONDS = 2.0

Report = Callable[[str], None]


def postgres_of(settings: Settings) -> PostgresServer:
    """The embedded server of this data directory."""
    return PostgresServer(settings.data_dir / "postgres")


class Child:
    """One process that is started again when it dies, a little later each time it dies young."""

    def __init__(
        self,
        name: str,
        command: list[str],
        environ: Mapping[str, str],
        clock: Clock,
        log: Path | None = None,
    ) -> None:
        self.name = name
        self._log = log
        self._clock = clock
        self._command = command
        self._environ = dict(environ)
        self._process: subprocess.Popen[bytes] | None = None
        self._started = clock.now()
        self._deaths = 0
        self._again: float | None = None
        self._inherited: tuple[int, ...] = ()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def start(self, inherited: int | None = None) -> None:
        """Start it; the descriptor `inherited` stays open as long as it or a successor runs."""
        if inherited is not None:
            self._inherited = (inherited,)
        self._started = self._clock.now()
        # A session of its own: Ctrl-C reaches the supervisor alone, which stops things in order.
        with ExitStack() as stack:
            output = None if self._log is None else stack.enter_context(self._log.open("ab"))
            self._process = subprocess.Popen(
                self._command,
                env=self._environ,
                start_new_session=True,
                pass_fds=self._inherited,
                stdout=output,
                stderr=output,
            )

    def watch(self) -> None:
        """Look after the process: when it has died, start it again after a pause."""
        assert self._process is not None
        if self._again is not None:
            if monotonic() >= self._again:
                self._again = None
                self.start()
            return
        code = self._process.poll()
        if code is None:
            return
        young = self._clock.now() - self._started < STEADY
        self._deaths = self._deaths + 1 if young else 1
        pause = RESTART_SECONDS[min(self._deaths, len(RESTART_SECONDS)) - 1]
        self._again = monotonic() + pause
        log.error(
            "process died, starting it again",
            extra={"child": self.name, "code": code, "in_seconds": pause},
        )

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float) -> None:
        """Wait for the end of a stopped process; after `seconds` it is killed."""
        if self._process is None:
            return
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            log.error("process did not stop in time, killing it", extra={"child": self.name})
            self._process.kill()
            self._process.wait()


class House:
    """Everything `patron serve` runs, started in order and stopped in the opposite one.

    What the processes write goes to the file `log`, or without one where ours goes.
    """

    def __init__(
        self, settings: Settings, report: Report = lambda _: None, log: Path | None = None
    ) -> None:
        self.settings = settings
        self._log = log
        self._report = report
        self._postgres: PostgresServer | None = None
        self.children: list[Child] = []
        self.url = ""
        self._stop = Stop()
        self._reviving: threading.Thread | None = None
        self._occupancy = Occupancy(settings.data_dir)

    def start(self) -> None:
        """Start PostgreSQL if it is ours, migrate every schema, then web and worker.

        Raises Problem when the data folder is being served already, when its port is taken, or a
        test's clock does not belong here.
        """
        refuse_in_earnest(self.settings)
        make_folder(self.settings.data_dir)
        inherited = self._occupancy.take(self._report)
        _refuse_taken(self.settings)
        open_signer(self.settings)
        clock = the_clock("serve")
        if not self.url:
            self.open_database()
        environ = {
            **os.environ,
            "PATRON_DATABASE_URL": self.url,
            "PATRON_DATA_DIR": str(self.settings.data_dir.resolve()),
        }
        self.children = [
            Child(name, _command(f"patron.app.{name}"), environ, clock, self._log)
            for name in ("web", "worker")
        ]
        for child in self.children:
            child.start(inherited)

    def open_database(self) -> str:
        """The URL of a running, migrated database."""
        if self.settings.database_url is None:
            self._postgres = postgres_of(self.settings)
            self.url = self._postgres.start(self._report)
        else:
            self.url = self.settings.database_url

        async def prepare() -> list[str]:
            async with Database(self.url, max_size=2, name="patron-migrate") as db:
                return await prepare_house(db)

        for name in asyncio.run(prepare()):
            self._report(f"migrated {name}")
        return self.url

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Watch over the processes until `stop` is called; `ready` is called when the web process
        answers for the first time."""
        waiting = True
        while not self._stop.is_set():
            for child in self.children:
                child.watch()
            self._watch_postgres()
            if waiting and answers(self.settings):
                waiting = False
                ready()
            self._stop.wait(WATCH_SECONDS if not waiting else WATCH_SECONDS / 4)

    def _watch_postgres(self) -> None:
        """Start PostgreSQL again when it died, beside the watch: its recovery may take long."""
        if self._postgres is None or (self._reviving and self._reviving.is_alive()):
            return
        if not self._postgres.running:
            self._reviving = threading.Thread(target=self._revive, args=(self._postgres,))
            self._reviving.start()

    def _revive(self, postgres: PostgresServer) -> None:
        log.error("PostgreSQL died, starting it again")
        try:
            postgres.start(self._report)
        except PostgresError as error:
            # The house stays: web answers 503 and the worker waits until the cause is mended.
            log.error("PostgreSQL does not start", extra={"reason": str(error)})
            self._stop.wait(RESTART_SECONDS[-1])

    def stop(self) -> None:
        self._stop.set()

    def close(self) -> None:
        """Stop web first (it takes no more), then the worker, then PostgreSQL."""
        if self._reviving is not None:
            self._reviving.join()
        for child in self.children:
            child.stop()
            child.wait(STOP_SECONDS)
        if self._postgres is not None:
            self._postgres.stop()
        self._occupancy.leave()


def _refuse_taken(settings: Settings) -> None:
    """Problem 409 when the web process could not listen; a house that has just ended may let go of
    its port a moment later."""
    host, port = settings.listen_host, settings.listen_port
    end = monotonic() + PORT_SECONDS
    while True:
        try:
            create_server((host, port), family=AF_INET6 if ":" in host else AF_INET).close()
            return
        except OSError as error:
            if monotonic() > end:
                raise conflict(
                    f"nothing can listen on port {port} of {host}: {error.strerror}",
                    remedy="end what listens there (a demo?), or set listen_port in patron.toml",
                ) from error
        threading.Event().wait(WATCH_SECONDS)


def _command(module: str) -> list[str]:
    """The command of a process that ends when we do."""
    return [sys.executable, "-m", module, str(os.getpid())]


def serve(settings: Settings, report: Report) -> None:
    """Run the house in the foreground until SIGTERM, Ctrl-C, or the end of its terminal."""
    house = House(settings, report)
    for name in endings():
        signal.signal(name, lambda *_: house.stop())
    try:
        house.start()
        house.run(lambda: report(f"ready at http://{settings.listen_host}:{settings.listen_port}"))
    finally:
        house.close()
