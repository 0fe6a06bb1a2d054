"""Stopping, starting and dying: no accepted request is dropped, nothing is left behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial

import psutil
import pytest

import outside
from musthold.callers import Callers
from musthold.inside import Inside, open_shop
from running import HANG, Running, eventually, running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def one_house() -> Iterator[Running]:
    with open_shop() as house:
        yield house


@pytest.fixture
def shop(one_house: Running) -> Running:
    """A house that runs, whatever the test before did to it."""
    assert one_house.process is not None
    if one_house.process.poll() is not None:
        one_house.start()
    return one_house


def test_stopping_under_load_drops_no_accepted_request(shop: Running) -> None:
    inside = Inside(shop)
    url = inside.url
    callers = Callers(shop, name="stop")
    eventually(lambda: len(callers.taken) > 500, "some load")
    assert shop.stop() == 0
    callers.stop()
    assert callers.only_asked_to_come_again()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", shop.port), 1)
    shop.start()
    assert inside.url == url
    inside.walked()
    logged = inside.logged()
    assert callers.taken <= set(logged)
    assert max(logged.values()) == 1


def test_a_stop_of_the_web_process_alone_drops_nothing_either(shop: Running) -> None:
    inside = Inside(shop)
    callers = Callers(shop, name="web")
    try:
        for goal in (300, 900):
            eventually(partial(callers.more_than, goal), f"{goal} calls")
            shop.part("web").send_signal(signal.SIGTERM)
        eventually(lambda: len(callers.taken) > 1_500, "the web process to come back")
    finally:
        callers.stop()
    assert callers.only_asked_to_come_again()
    inside.walked()
    logged = inside.logged()
    assert callers.taken <= set(logged)
    assert max(logged.values()) == 1


def said(house: Running) -> int:
    """How often the house has said that it is ready."""
    return (house.folder / "err.log").read_text().count(f"ready at {house.url}")


def test_a_cold_start_is_quick_and_says_when_it_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    with running() as house:
        house.open_shop()
        house.start()
        told = partial(said, house)
        before = eventually(told, "the word of the first start")
        assert house.stop() == 0
        monkeypatch.setattr(house, "ready", lambda: told() > before)
        started = time.monotonic()
        house.start()
        assert time.monotonic() - started < 30  # the benchmark `start` holds it to 4 s
        assert (
            outside.get(f"{house.url}/healthz").status_code == 200
        )  # it was true when it was said
        assert house.stop() == 0


def test_a_signal_may_interrupt_the_wait_for_it_anywhere() -> None:
    """Some thousand signals while the house waits as it does between two looks; with a lock that
    knows no second visit the process hangs within a moment."""
    story = """
import signal, time
from patron.kit.stopping import Stop
stop, told = Stop(), []
def tell(*_):
    told.append(stop.set())
    stop._is_set = len(told) > 5_000
signal.signal(signal.SIGALRM, tell)
signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
while not stop.is_set():
    stop.wait(0.0001)
signal.setitimer(signal.ITIMER_REAL, 0)
"""
    subprocess.run([sys.executable, "-c", story], check=True, timeout=60)


def processes_of(house: Running) -> list[psutil.Process]:
    """Web, worker, their children and jobs of this installation; not PostgreSQL."""
    found = []
    for process in psutil.process_iter():
        try:
            environ = process.environ()
            command = process.cmdline()
        except psutil.Error:
            continue
        if not command:
            continue  # it has ended, and nobody has noticed yet
        ours = environ.get("PATRON_DATA_DIR", "").startswith(str(house.folder))
        if ours and "postgres" not in command[0] and process.pid != os.getpid():
            found.append(process)
    return found


def test_a_killed_supervisor_leaves_nobody_behind_and_the_next_start_goes_on(
    shop: Running,
) -> None:
    inside = Inside(shop)
    callers = Callers(shop, 4, "orphans")
    eventually(lambda: len(callers.taken) > 200, "some load")
    assert shop.process is not None
    shop.process.kill()
    shop.process.wait()
    eventually(lambda: processes_of(shop) == [], "the end of web and worker")
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", shop.port), 1)
    shop.start()
    before = len(callers.taken)
    eventually(lambda: len(callers.taken) > before + 100, "calls to be taken again")
    callers.stop()
    inside.walked()
    logged = inside.logged()
    assert callers.taken <= set(logged)
    assert max(logged.values()) == 1
    positions = sorted(p for (p,) in inside.rows("SELECT position FROM event"))
    assert positions == list(range(1, len(positions) + 1))
    assert [inside.value("SELECT count(*) FROM lane") > 0] == [True]


def test_a_second_installation_on_the_same_folder_is_refused_and_disturbs_nobody(
    shop: Running,
) -> None:
    done = subprocess.run(
        [str(sys.executable).replace("python", "patron"), "serve"],
        env={**shop.environ, "PATRON_LISTEN_PORT": str(shop.port + 1)},
        capture_output=True,
        text=True,
        timeout=HANG,
    )
    assert done.returncode != 0
    assert "already" in done.stderr
    assert shop.ready()
    shop.track("Product Viewed", {"product_id": "tea"}, userId="u1")
    Inside(shop).walked()


def test_a_web_server_that_lost_its_own_master_makes_room_for_the_next(shop: Running) -> None:
    callers = Callers(shop, 4, "master")
    try:
        eventually(lambda: len(callers.taken) > 100, "some load")
        master = shop.part("web")
        workers = master.children()
        assert workers
        master.kill()
        eventually(lambda: not any(worker.is_running() for worker in workers), "the orphans' end")
        eventually(lambda: shop.part("web").pid != master.pid, "a new web process")
        eventually(shop.ready, "the door")
        before = len(callers.taken)
        eventually(lambda: len(callers.taken) > before + 100, "calls to be taken again")
    finally:
        callers.stop()
    inside = Inside(shop)
    inside.walked()
    logged = inside.logged()
    assert callers.taken <= set(logged)
    assert max(logged.values()) == 1
