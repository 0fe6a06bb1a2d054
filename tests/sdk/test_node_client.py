"""A shop's Node code sends events with Segment's own library, unchanged."""

import json
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from conftest import House
from events.doors import envelopes, events_in, give_key
from patron.shops.types import KeyKind
from sdk.served_door import served

NODE = Path(__file__).parent / "node"

pytestmark = pytest.mark.skipif(
    not shutil.which("node") or not (NODE / "node_modules/@segment/analytics-node").exists(),
    reason="the Node client is not installed: run `npm ci` in tests/sdk/node",
)


def write_key(house: House) -> str:
    return house.run(lambda db: give_key(db, house.acme, KeyKind.PUBLIC, []))


def arrived(house: House) -> list[dict[str, Any]]:
    return events_in(house.run(lambda db: envelopes(db, house.acme)))


def sending(
    url: str, key: str, count: int, *, flush_at: int = 100, pause_ms: int = 0
) -> "subprocess.Popen[str]":
    command = ["node", "send.mjs", url, key, str(count), str(flush_at), str(pause_ms)]
    return subprocess.Popen(command, cwd=NODE, stdout=subprocess.PIPE, text=True)


def failures(process: "subprocess.Popen[str]") -> list[str]:
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0
    found: list[str] = json.loads(output.splitlines()[-1])["failures"]
    return found


def tracks(house: House) -> "Counter[str]":
    return Counter(e["messageId"] for e in arrived(house) if e["type"] == "track")


@pytest.mark.parametrize("flush_at", [1, 100, 500])
def test_every_call_arrives_whatever_the_size_of_the_batches(house: House, flush_at: int) -> None:
    count = 3 if flush_at == 1 else 2_500
    with served(house.url) as server:
        assert failures(sending(server.url, write_key(house), count, flush_at=flush_at)) == []
    assert tracks(house) == Counter(f"node-{n}" for n in range(count))
    types = Counter(e["type"] for e in arrived(house))
    assert types == Counter(track=count, identify=1, page=1, group=1, alias=1, screen=1)
    identify = next(e for e in arrived(house) if e["type"] == "identify")
    assert identify["traits"]["name"] == "Ada 🍞"


def test_refusals_for_the_moment_lose_nothing(house: House) -> None:
    with served(house.url, refuse=[429, 503, 500, 429]) as server:
        assert failures(sending(server.url, write_key(house), 300)) == []
    assert set(tracks(house)) == {f"node-{n}" for n in range(300)}


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_that_restarts_in_the_middle_loses_nothing(
    house: House, how: signal.Signals
) -> None:
    with served(house.url) as server:
        process = sending(server.url, write_key(house), 4_000, flush_at=20, pause_ms=30)
        end = time.monotonic() + 240
        while sum(tracks(house).values()) < 500:
            assert time.monotonic() < end, "the client does not get on"
            time.sleep(0.05)
        server.end(how)
        time.sleep(0.2)
        server.start()
        assert failures(process) == []
    assert set(tracks(house)) == {f"node-{n}" for n in range(4_000)}
