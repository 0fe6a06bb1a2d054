"""The disk is full, the database is gone or hangs: nothing is lost or buried, all is said."""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest

import outside
from musthold.callers import Callers
from musthold.inside import Inside, item, open_shop, quick_cart_journey
from patron.kit.postgres.server import PostgresServer
from postbox import Mailbox, mailbox
from postgres_fixture import SMALL, postgres_folder, server_folder
from running import HANG, PATRON, Running, eventually

pytestmark = pytest.mark.slow


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """A file system of its own at `folder`. Skips the test where mounting is not possible."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0711", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"NO FULL DISK IS TRIED: mounting is not possible here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def log_of(house: Running) -> str:
    return (house.folder / "err.log").read_text("utf-8", "replace")


def figure(house: Running, name: str) -> float:
    """The greatest sample of a figure of the worker."""
    text = outside.get(f"{house.url}/metrics/worker", timeout=30).text
    found = [line for line in text.splitlines() if line.startswith(name)]
    return max((float(line.rsplit(" ", 1)[1]) for line in found), default=0)


def all_is_there(inside: Inside, callers: Callers) -> None:
    """Whatever was acknowledged is in the log once, and nothing was taken for poison."""
    inside.walked()
    logged = inside.logged()
    assert callers.taken <= set(logged)
    assert max(logged.values()) == 1
    assert inside.dead_letters() == []
    positions = sorted(p for (p,) in inside.rows("SELECT position FROM event"))
    assert positions == list(range(1, len(positions) + 1))


def batch(house: Running, name: str, count: int) -> set[str]:
    """Send `count` events with the server key; their message ids."""
    marks = [f"{name}-{n}" for n in range(count)]
    for start in range(0, count, 400):
        events = [
            {"type": "track", "event": "Product Viewed", "userId": f"w{n % 50}", "messageId": mark,
             "properties": {"product_id": f"p{n % 20}", "text": "x" * 600}}
            for n, mark in enumerate(marks[start : start + 400])
        ]  # fmt: skip
        answer = outside.post(
            f"{house.url}/v1/batch", json={"batch": events}, auth=(house.server_key, ""), timeout=30
        )
        assert answer.status_code == 200, answer.text
    return set(marks)


# --- a full disk -----------------------------------------------------------------------------


def fill(disk: Path) -> Path:
    """Take the last byte of a disk."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 65_536)
        except OSError:
            pass
    assert shutil.disk_usage(disk).free == 0
    return ballast


def test_a_full_disk_stops_the_walk_which_says_so_and_catches_up() -> None:
    with (
        server_folder() as folder,
        small_disk(folder / "data", 700),
        open_shop(folder=folder) as house,
    ):
        inside = Inside(house)
        batch(house, "before", 400)
        inside.walked()
        with inside.connect() as holder:
            holder.execute("SELECT * FROM walk FOR UPDATE")
            waiting = batch(house, "waiting", 20_000)
            stands = inside.position()
            ballast = fill(folder / "data")
        with Callers(house, 4) as callers:
            eventually(lambda: "walk stopped, will retry" in log_of(house), "word of the walk")
            eventually(lambda: len(callers.refused) >= 3, "a refusal")
            assert (inside.or_none(inside.position) or stands) < stands + 20_000
            assert callers.only_asked_to_come_again()
            found = house.command("doctor", "--no-mail", "--json").stdout
            assert "make room" in found
            ballast.unlink()
            taken = len(callers.taken)
            eventually(lambda: callers.more_than(taken + 50), "calls to be taken again")
        all_is_there(inside, callers)
        assert waiting <= set(inside.logged())
        eventually(lambda: figure(house, "patron_walk_halted") == 0, "the end of the alarm")


# --- connections are cut ---------------------------------------------------------------------


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as box:
        yield box


@pytest.fixture
def shop(box: Mailbox) -> Iterator[Running]:
    with open_shop(**box.settings) as house:
        quick_cart_journey(house)
        yield house


def cut(inside: Inside) -> int:
    """End every connection of Patron's processes; how many there were."""
    return len(
        inside.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE 'patron%%'"
        )
    )


def leave_cart(house: Running, who: str) -> None:
    address = f"{who}@people.example"
    events: list[dict[str, Any]] = [
        {"type": "identify", "userId": who, "traits": {"email": address}},
        {"type": "track", "event": "Email Subscribed", "userId": who,
         "properties": {"email": address, "list": "n", "text": "Yes", "where": "x"}},
        {"type": "track", "event": "Product Added", "userId": who,
         "properties": {"cart_id": who, **item("tea")}},
    ]  # fmt: skip
    # A client that is refused for the moment sends the same again, under the same message ids.
    for number, event in enumerate(events):
        event["messageId"] = f"cart-{who}-{number}"

    def sent() -> bool:
        answer = outside.post(
            f"{house.url}/v1/batch", json={"batch": events}, auth=(house.server_key, ""), timeout=30
        )
        assert answer.status_code in (200, 429, 503)
        return answer.status_code == 200

    eventually(sent, f"cart of {who}")


def test_connections_cut_again_and_again_lose_nothing(shop: Running, box: Mailbox) -> None:
    inside = Inside(shop)
    people = [f"p{number}" for number in range(30)]
    with Callers(shop) as callers:
        for number, who in enumerate(people):
            leave_cart(shop, who)
            if number % 2:
                assert cut(inside) > 0
                taken = len(callers.taken)
                eventually(lambda taken=taken: callers.more_than(taken + 20), "calls again")  # type: ignore[misc]
    assert callers.only_asked_to_come_again()
    assert shop.ready()
    all_is_there(inside, callers)

    def ended() -> bool:
        inside.pass_leases()
        states = inside.states()
        return states.total() == len(people) and set(states) <= {"sent", "ambiguous"}

    eventually(ended, "the end of all messages")
    found = inside.messages()
    assert {message["address"] for message in found} == {f"{who}@people.example" for who in people}
    for message in found:
        times = len(box.to(message["address"]))
        assert times == 1 or (message["state"] == "ambiguous" and times == 0), message
    assert shop.process is not None
    assert shop.process.poll() is None


# --- the server is gone ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def other_server() -> Iterator[tuple[Running, PostgresServer]]:
    """An installation on a server that is not its own, so that nobody starts it again."""
    with postgres_folder() as folder:
        server = PostgresServer(folder, settings=SMALL)
        url = server.start()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE elsewhere")
        there = url.replace("/postgres", "/elsewhere", 1) if "/postgres" in url else url
        with open_shop(database_url=there) as house:
            yield house, server


def test_a_database_that_hangs_is_no_reason_to_hang(
    other_server: tuple[Running, PostgresServer],
) -> None:
    house, server = other_server
    inside = Inside(house, url=house.environ["PATRON_DATABASE_URL"])
    assert server.pid is not None
    postmaster = psutil.Process(server.pid)
    with Callers(house, 4, "hangs") as callers:
        eventually(lambda: callers.more_than(100) and inside.position() > 50, "some load")
        postmaster.send_signal(signal.SIGSTOP)
        # Whoever ends from here on stays in the list of processes: only the postmaster reaps.
        frozen = postmaster.children()
        for process in frozen:
            process.send_signal(signal.SIGSTOP)
        try:
            eventually(lambda: len(callers.refused) >= 4, "refusals")
            started = time.monotonic()
            assert outside.get(f"{house.url}/readyz", timeout=60).status_code == 503
            assert time.monotonic() - started < 35
            assert outside.get(f"{house.url}/healthz", timeout=20).status_code == 200
        finally:
            for process in (*frozen, postmaster):
                process.send_signal(signal.SIGCONT)
        taken = len(callers.taken)
        eventually(lambda: callers.more_than(taken + 50), "calls to be taken again")
    assert callers.only_asked_to_come_again()
    assert callers.slowest < 25  # the door answers after ten, a call in vain ends after thirty
    all_is_there(inside, callers)


def test_while_the_database_is_gone_nothing_is_acknowledged_and_afterwards_all_goes_on(
    other_server: tuple[Running, PostgresServer],
) -> None:
    house, server = other_server
    inside = Inside(house, url=house.environ["PATRON_DATABASE_URL"])
    with Callers(house, 4, "gone") as callers:
        eventually(lambda: callers.more_than(100) and inside.position() > 50, "some load")
        said_before = len(log_of(house))
        heard, complaints = house.folder / "tail.out", house.folder / "tail.err"
        with heard.open("wb") as out, complaints.open("wb") as err:
            listening = [PATRON, "events", "tail", "--limit", "1"]
            tail = subprocess.Popen(listening, env=house.environ, stdout=out, stderr=err)
        eventually(heard.read_text, "an event at the command line")
        server.stop()
        eventually(lambda: len(callers.refused) >= 4, "refusals")
        stands = len(callers.taken)
        with ThreadPoolExecutor(3) as askers:
            ready_ = askers.submit(httpx.get, f"{house.url}/readyz", timeout=HANG)
            asked_ = askers.submit(house.call, "GET", "/api/journeys")
            said_ = askers.submit(house.command, "doctor", "--no-mail", "--json")
            assert outside.get(f"{house.url}/healthz", timeout=30).status_code == 200
        ready, asked, said = ready_.result(), asked_.result(), said_.result().stdout
        assert (ready.status_code, ready.json()["status"]) == (503, "waiting")
        assert asked.status_code == 503, asked.text
        assert int(asked.headers["retry-after"]) > 0
        assert '"failed"' in said
        assert "walk stopped, will retry" in log_of(house)[said_before:]
        assert len(callers.taken) == stands, "taken without a database"
        eventually(complaints.read_text, "the command's word that the database is gone")
        server.start()
        eventually(lambda: callers.more_than(stands + 50), "calls to be taken again")
    assert callers.only_asked_to_come_again()
    assert callers.slowest < 25  # the door answers after ten, a call in vain ends after thirty
    eventually(house.ready, "readiness as soon as the server is back", 15)
    all_is_there(inside, callers)
    house.track("Heard Again", {}, userId="tail")
    eventually(lambda: "Heard Again" in heard.read_text(), "the event at the command line")
    tail.send_signal(signal.SIGINT)
    assert tail.wait(HANG) == 0
    said = " ".join(complaints.read_text().split())
    assert said == "patron: the database does not answer this waits until it does"
    assert house.stop() == 0
