"""A shop's Python code sends events with Segment's and RudderStack's own libraries, unchanged."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from conftest import House
from events.doors import envelopes, events_in, give_key
from patron.shops.types import KeyKind
from sdk.served_door import Served, served

CLIENTS = ("segment", "rudderstack")


def write_key(house: House) -> str:
    return house.run(lambda db: give_key(db, house.acme, KeyKind.PUBLIC, []))


def arrived(house: House) -> list[dict[str, Any]]:
    return events_in(house.run(lambda db: envelopes(db, house.acme)))


def sent(client: str, host: str, key: str, **how: Any) -> dict[str, Any]:
    """Run the client in a process of its own; what it reports."""
    return reported(sending(client, host, key, **how))


def sending(client: str, host: str, key: str, **how: Any) -> "subprocess.Popen[str]":
    script = Path(__file__).parent / "send.py"
    command = [
        sys.executable,
        str(script),
        json.dumps({"client": client, "host": host, "key": key, **how}),
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def reported(process: "subprocess.Popen[str]") -> dict[str, Any]:
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0
    report: dict[str, Any] = json.loads(output.splitlines()[-1])
    return report


@pytest.mark.parametrize("client", CLIENTS)
def test_every_call_arrives_as_it_was_made(house: House, client: str) -> None:
    with served(house.url) as server:
        assert sent(client, server.url, write_key(house), calls=True)["errors"] == []
    found = {event["type"]: event for event in arrived(house)}
    assert set(found) == {"identify", "track", "page", "screen", "group", "alias"}
    track = found["track"]
    assert track["event"] == "Order Completed"
    assert track["properties"]["products"] == [{"product_id": "1", "price": 4.2}]
    assert track["messageId"]
    assert track["userId"] == "u-1"
    assert "Ada 🍞" in json.dumps(found["identify"], ensure_ascii=False)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("gzip", [False, True])
def test_many_events_arrive_each_once(house: House, client: str, gzip: bool) -> None:
    with served(house.url) as server:
        report = sent(client, server.url, write_key(house), count=3_000, size=1_500, gzip=gzip)
    assert report["errors"] == []
    assert Counter(e["messageId"] for e in arrived(house)) == Counter(
        f"{client}-{n}" for n in range(3_000)
    )


@pytest.mark.parametrize("client", CLIENTS)
def test_refusals_for_the_moment_lose_nothing(house: House, client: str) -> None:
    with served(house.url, refuse=[429, 503, 429, 500]) as server:
        report = sent(client, server.url, write_key(house), count=250)
    assert report["errors"] == []
    assert {e["messageId"] for e in arrived(house)} == {f"{client}-{n}" for n in range(250)}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_that_restarts_in_the_middle_loses_nothing(
    house: House, client: str, how: signal.Signals
) -> None:
    with served(house.url) as server:
        process = sending(client, server.url, write_key(house), count=4_000, pause=0.03)
        for _ in range(2):
            at = len(arrived(house))
            _wait_until_more_than(house, at + 200)
            server.end(how)
            time.sleep(0.2)
            server.start()
        report = reported(process)
    assert report["errors"] == []
    found = Counter(e["messageId"] for e in arrived(house))
    assert set(found) == {f"{client}-{n}" for n in range(4_000)}
    if how is signal.SIGTERM:  # in good order, every call that was taken was also answered
        assert max(found.values()) == 1


@pytest.mark.parametrize("client", CLIENTS)
def test_a_wrong_key_is_told_and_not_tried_again(house: House, client: str) -> None:
    with served(house.url) as server:
        started = time.monotonic()
        report = sent(client, server.url, "wk_wrong", count=1)
        assert time.monotonic() - started < 15
    assert len(report["errors"]) == 1
    assert "401" in report["errors"][0]
    assert arrived(house) == []


def test_two_clients_and_a_thread_each(house: House) -> None:
    """Both libraries at once, several processes, one inbox: nothing is lost or mixed up."""
    key = write_key(house)
    with served(house.url) as server:
        reports: list[dict[str, Any]] = []
        threads = [
            threading.Thread(target=lambda c=client: reports.append(_one(server, c, key)))
            for client in CLIENTS
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [report["errors"] for report in reports] == [[], []]
    expected = {f"{client}-{n}" for client in CLIENTS for n in range(1_000)}
    assert Counter(e["messageId"] for e in arrived(house)) == Counter(expected)


def _one(server: Served, client: str, key: str) -> dict[str, Any]:
    return sent(client, server.url, key, count=1_000)


def _wait_until_more_than(house: House, count: int) -> None:
    end = time.monotonic() + 240
    while len(arrived(house)) <= count:
        assert time.monotonic() < end, "the client does not get on"
        time.sleep(0.05)
