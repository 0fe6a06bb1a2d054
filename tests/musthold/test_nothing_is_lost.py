"""100,000 events from three client libraries at once, while everything is killed in turn.

Afterwards the log and the lake hold each event once, the people's totals are what a naive recount
says, and each mail that was due left once; where that is not known, it is said.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import pytest

import outside
from musthold.inside import Inside, quick_cart_journey
from musthold.plan import buyers, message_id, totals
from patron.segments.last.reading import ENTERED
from patron.segments.telling import OF_OURS
from postbox import Mailbox, mailbox
from running import HANG, Running, eventually, running

HERE = Path(__file__).parent
NODE_MODULES = HERE.parent / "sdk/node/node_modules"
CLIENTS = {"segment": 33_334, "rudderstack": 33_333, "node": 33_333}
RATE = 1_000
SEED = 20_260_302
KILLS = ("web", "worker", "postgres") * 4

pytestmark = pytest.mark.slow


class SlowMailbox(Mailbox):
    """Takes its time over each mail, so that a kill meets mails in the middle of their delivery."""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        answer = await super().handle_DATA(server, session, envelope)
        await server.loop.run_in_executor(None, time.sleep, 0.15)
        return answer


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox(SlowMailbox()) as box:
        yield box


@pytest.fixture
def shop(box: Mailbox) -> Iterator[Running]:
    with running(
        **box.settings,
        lake_flush_events=20_000,
        send_max_in_flight=4,
    ) as house:
        house.open_shop()
        house.start()
        quick_cart_journey(house, seconds=1)
        yield house


def speaker(shop: Running, client: str) -> "subprocess.Popen[str]":
    count = CLIENTS[client]
    key = shop.server_key if client == "segment" else shop.write_key
    if client == "node":
        command = ["node", str(HERE / "speak.cjs"), shop.url, key, str(count), "200", str(RATE)]
    else:
        how = {
            "client": client, "key": key, "host": shop.url, "count": count, "rate": RATE,
            "upload_size": 200, "carts": client == "segment",
        }  # fmt: skip
        command = [sys.executable, str(HERE / "speak.py"), json.dumps(how)]
    environ = {**os.environ, "NODE_PATH": str(NODE_MODULES)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ)


def arrived(inside: Inside) -> int:
    """How many events are on disk, walked or not: so far have the clients come."""
    return int(
        inside.value(
            "SELECT (SELECT position FROM walk) + coalesce(sum(i.count), 0) FROM inbox i"
            " LEFT JOIN lane l ON l.id = i.lane WHERE i.seq > coalesce(l.cursor_seq, 0)"
        )
    )


def kill_everything_in_turn(
    shop: Running, inside: Inside, speakers: "list[subprocess.Popen[str]]"
) -> list[str]:
    """Kill one after the other whenever a random number of events more has come in."""
    random = Random(SEED)
    victims = random.sample(KILLS, len(KILLS))
    marks = sorted(random.sample(range(3_000, 70_000), len(victims)))
    for mark, victim in zip(marks, victims, strict=True):

        def reached(mark: int = mark) -> bool:
            return (inside.or_none(lambda: arrived(inside)) or 0) >= mark

        eventually(reached, f"arrival of event {mark} (then {victim} is killed)")
        if victim == "postgres":
            inside.kill_postgres()
        else:
            shop.kill(victim)
    assert any(one.poll() is None for one in speakers), "all was sent before the last kill"
    return victims


def not_delivered(speaker: "subprocess.Popen[str]") -> list[str]:
    output, _ = speaker.communicate(timeout=HANG)
    assert speaker.returncode == 0
    failed: list[str] = json.loads(output.splitlines()[-1])["failed"]
    return failed


def all_messages_ended(inside: Inside, people: int) -> None:
    """Every timer has fired, every message has come to its end, and that was told to the inbox."""

    def ended() -> bool:
        inside.pass_leases()
        if inside.value("SELECT count(*) FROM outbox WHERE untold IS NOT NULL"):
            return False
        return len(inside.messages()) >= people and set(inside.states()) <= {"sent", "ambiguous"}

    eventually(lambda: inside.or_none(ended), "the end of all messages")


def profile_totals(shop: Running, users: list[str]) -> "Counter[tuple[str, str]]":
    with outside.client(
        base_url=shop.url, headers={"Authorization": f"Bearer {shop.server_key}"}, timeout=30
    ) as client:

        def of(user: str) -> dict[tuple[str, str], int]:
            answer = client.get(f"/api/profiles/user_id:{user}")
            assert answer.status_code == 200, answer.text
            said = answer.json()["totals"]
            # What Patron itself tells, of mails and segments, is not in the plan of the clients.
            own = {"Email Sent", ENTERED, *OF_OURS}
            return {(user, name): total["count"] for name, total in said.items() if name not in own}

        with ThreadPoolExecutor(4) as pool:
            return Counter({key: n for part in pool.map(of, users) for key, n in part.items()})


@pytest.mark.skipif(
    not shutil.which("node") or not (NODE_MODULES / "@segment/analytics-node").exists(),
    reason="the Node client is not installed: run `npm ci` in tests/sdk/node",
)
def test_what_was_acknowledged_is_there_once_whoever_is_killed(shop: Running, box: Mailbox) -> None:
    inside = Inside(shop)
    assert inside.position() == 0
    with ExitStack() as ended:
        speakers = [ended.enter_context(speaker(shop, client)) for client in CLIENTS]
        for one in speakers:
            ended.callback(one.kill)
        kill_everything_in_turn(shop, inside, speakers)
        failed = [mark for one in speakers for mark in not_delivered(one)]
    sent = {message_id(client, n) for client, count in CLIENTS.items() for n in range(count)}
    assert len(sent) == 100_000
    acknowledged = sent - set(failed)
    inside.walked()

    logged = inside.logged()
    ours = Counter({mark: n for mark, n in logged.items() if mark in sent})
    assert max(ours.values()) == 1
    assert acknowledged <= set(ours), "an acknowledged event is missing"
    assert failed == [], "the clients gave up on something although everything came back"
    assert inside.dead_letters() == []
    # Mails go on being told: the log grows beside us.
    positions = sorted(p for (p,) in inside.rows("SELECT position FROM event"))
    assert len(positions) >= logged.total()
    assert positions == list(range(1, len(positions) + 1))

    expected = sum(
        (totals(count, carts=client == "segment") for client, count in CLIENTS.items()), Counter()
    )
    assert profile_totals(shop, sorted({user for user, _ in expected})) == expected

    people = buyers(CLIENTS["segment"])
    all_messages_ended(inside, len(people))
    eventually(lambda: inside.unwalked() == 0, "the walk of what was told about the mails")
    found = inside.messages()
    assert len(found) == len(people)
    assert {message["address"] for message in found} == set(people)
    arrived = Counter(box.recipients)
    for message in found:
        times = arrived[message["address"]]
        assert times == 1 or (message["state"] == "ambiguous" and times == 0), message
    doubtful = [message for message in found if message["state"] == "ambiguous"]
    shown = shop.run("message", "list", "--state", "ambiguous", "--limit", "500")
    assert len(shown) == len(doubtful)

    shop.run("lake", "copy")
    assert inside.in_lake() == inside.logged()
    assert len(inside.in_lake("position")) == inside.position()
