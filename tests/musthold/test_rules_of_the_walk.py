"""The rules of the walk, each broken on purpose from outside: lanes, poison, outage, history."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest

import outside
from musthold.inside import Inside, consent, item, open_shop, quick_cart_journey, soon
from patron.events.inbox import Inbox
from patron.events.types import Source, Trust
from patron.kit.clock import SystemClock
from patron.kit.db import Database
from patron.kit.migrate import HOUSE
from patron.shops import store as shops
from postbox import Mailbox, mailbox
from running import HANG, Running, eventually

pytestmark = pytest.mark.slow

BACKLOG = 2_000
PUBLIC = 1_600  # four fifths: the rest is reserved for server keys


@pytest.fixture(scope="module")
def box() -> Iterator[Mailbox]:
    with mailbox() as box:
        yield box


@pytest.fixture(scope="module")
def shop(box: Mailbox) -> Iterator[Running]:
    with open_shop(
        **box.settings,
        ingest_backlog_limit=BACKLOG,
    ) as house:
        quick_cart_journey(house)
        yield house


@pytest.fixture
def inside(shop: Running) -> Inside:
    return Inside(shop)


def send(shop: Running, name: str, count: int, key: str = "", **more: Any) -> httpx.Response:
    """One batch of views with the message ids `name`-0 …"""
    batch = [
        {"type": "track", "event": "Product Viewed", "userId": f"u{n % 30}",
         "messageId": f"{name}-{n}", "properties": {"product_id": "tea"}}
        for n in range(count)
    ]  # fmt: skip
    return outside.post(
        f"{shop.url}/v1/batch",
        json={"batch": batch, **more},
        auth=(key or shop.server_key, ""),
        timeout=30,
    )


def sent(shop: Running, name: str) -> bool:
    return send(shop, name, 100).status_code == 200


@contextmanager
def paused_walk(inside: Inside) -> Iterator[None]:
    with inside.connect() as holder:
        holder.execute("SELECT * FROM walk FOR UPDATE")
        yield
        holder.rollback()


@contextmanager
def broken(inside: Inside, table: str, when: str, error: str) -> Iterator[None]:
    """Rows of `table` for which `when` holds cannot be written: SQLSTATE `error`."""
    with inside.connect() as connection:
        connection.execute(
            f"CREATE FUNCTION choke() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {when} THEN"
            f" RAISE EXCEPTION 'this cannot be digested' USING ERRCODE = '{error}'; END IF;"
            " RETURN NEW; END $$"
        )
        connection.execute(
            f"CREATE TRIGGER choke BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION choke()"
        )
    try:
        yield
    finally:
        # Between two tries of the walk: in the middle of one, the events that had failed so far
        # would be the few that are buried.
        with inside.connect() as connection:
            connection.execute("SELECT * FROM walk FOR UPDATE")
            connection.execute("DROP FUNCTION choke CASCADE")


def figure(shop: Running, name: str) -> float:
    text = outside.get(f"{shop.url}/metrics/worker", timeout=30).text
    found = [line for line in text.splitlines() if line.startswith(name)]
    return max((float(line.rsplit(" ", 1)[1]) for line in found), default=0)


def doctor(shop: Running, what: str) -> list[dict[str, Any]]:
    found = json.loads(shop.command("doctor", "--no-mail", "--json").stdout)
    return [one for one in found if one["what"] == what]


# --- lanes -----------------------------------------------------------------------------------


def test_public_keys_cannot_fill_the_share_that_is_reserved(shop: Running, inside: Inside) -> None:
    taken: list[str] = []
    with paused_walk(inside):

        def full() -> bool:
            name = f"public-{len(taken)}"
            answer = send(shop, name, 100, shop.write_key)
            if answer.status_code == 200:
                taken.append(name)
                assert len(taken) * 100 <= BACKLOG, "the inbox has no bound"
                return False
            assert answer.status_code == 429, answer.text
            assert int(answer.headers["retry-after"]) > 0
            return True

        eventually(full, "a full inbox")
        assert len(taken) * 100 >= PUBLIC - 200
        assert send(shop, "reserved", 200).status_code == 200
        assert send(shop, "public-late", 100, shop.write_key).status_code == 429
    inside.walked()
    logged = inside.logged()
    expected = {f"{name}-{n}" for name in taken for n in range(100)}
    assert expected | {f"reserved-{n}" for n in range(200)} <= set(logged)
    assert not [mark for mark in logged if mark.startswith("public-late")]
    eventually(lambda: send(shop, "later", 1, shop.write_key).status_code == 200, "room again")


def test_imports_walk_when_nothing_else_waits(shop: Running, inside: Inside) -> None:
    history = [
        {"type": "track", "event": "Looked", "userId": f"u{n % 30}", "messageId": f"old-{n}",
         "timestamp": "2025-05-05T00:00:00Z"}
        for n in range(1_000)
    ]  # fmt: skip

    async def bring() -> None:
        async with Database(inside.url, max_size=1, name="a test") as db, db.unit(HOUSE) as tx:
            acme = await shops.by_slug(tx, "acme")
        assert acme is not None
        inbox = Inbox(inside.url, SystemClock())
        await inbox.append(
            acme, history, trust=Trust.SERVER, source=Source.IMPORT, backfill=True, lane="import"
        )
        await inbox.close()

    with paused_walk(inside):
        asyncio.run(bring())
        assert send(shop, "live", 300).status_code == 200
    inside.walked()
    last_live = inside.value("SELECT max(position) FROM event WHERE message_id LIKE 'live-%'")
    first_old = inside.value("SELECT min(position) FROM event WHERE message_id LIKE 'old-%'")
    assert inside.value("SELECT count(*) FROM event WHERE message_id LIKE 'live-%'") == 300
    assert last_live < first_old
    assert inside.events("name = 'Looked'") == 1_000


def test_three_workers_of_one_shop_walk_every_event_once(shop: Running, inside: Inside) -> None:
    inside.walked()
    before = inside.position()
    environ = {**shop.environ, "PATRON_DATABASE_URL": inside.url}
    with (shop.folder / "others.log").open("wb") as log:
        others = [
            subprocess.Popen(
                [sys.executable, "-m", "patron.app.worker"], env=environ, stdout=log, stderr=log
            )
            for _ in range(2)
        ]
    try:
        eventually(
            lambda: (
                inside.value(
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'patron-walk'"
                )
                >= 3
            ),
            "three walkers",
        )
        for part in range(40):
            eventually(partial(sent, shop, f"many-{part}"), "a batch")
        inside.walked()
    finally:
        for other in others:
            other.send_signal(signal.SIGTERM)
        assert [other.wait(HANG) for other in others] == [0, 0]
    positions = inside.rows("SELECT position FROM event WHERE message_id LIKE 'many-%' ORDER BY 1")
    assert [p for (p,) in positions] == list(range(before + 1, before + 4_001))


# --- poison and outage -----------------------------------------------------------------------


def test_one_poison_event_among_a_thousand(shop: Running, inside: Inside) -> None:
    letters = len(inside.dead_letters())
    batch = [
        {"type": "track", "event": "Poisoned" if n == 617 else "Wholesome", "userId": f"u{n % 30}",
         "messageId": f"dish-{n}"}
        for n in range(1_000)
    ]  # fmt: skip
    with broken(inside, "event", "NEW.name = 'Poisoned'", "22023"):
        answer = outside.post(
            f"{shop.url}/v1/batch", json={"batch": batch}, auth=(shop.server_key, ""), timeout=30
        )
        assert answer.status_code == 200
        inside.walked()
        assert inside.events("message_id LIKE 'dish-%'") == 999
        listed = shop.call("GET", "/api/events/dead-letters").json()["items"]
        assert len(listed) == letters + 1
        assert listed[0]["reason"] == "poison"
        assert "cannot be digested" in listed[0]["detail"]
        assert "dish-617" in json.dumps(listed[0]["event"])
    # After the fix it is run again, under the position that is its turn now.
    order = {"what": "dead-letters", "ids": [listed[0]["id"]]}
    assert shop.call("POST", "/api/events/replay", json=order).status_code in (200, 201)
    inside.walked()
    assert inside.events("message_id LIKE 'dish-%'") == 1_000
    assert len(inside.dead_letters()) == letters


def test_a_bug_that_hits_many_events_stops_the_walk_and_alarms(
    shop: Running, inside: Inside
) -> None:
    inside.walked()
    letters, stands = len(inside.dead_letters()), inside.position()
    with broken(inside, "event", "true", "22023"):
        assert send(shop, "bug", 300).status_code == 200
        eventually(lambda: figure(shop, "patron_walk_halted") == 1, "the alarm")
        assert "nothing was buried" in shop.log()
        eventually(lambda: doctor(shop, "acme: walk")[0]["state"] == "failed", "the doctor's word")
        assert send(shop, "meanwhile", 10).status_code == 200
        assert inside.position() == stands
    inside.walked()
    assert inside.position() == stands + 310
    assert len(inside.dead_letters()) == letters
    eventually(lambda: figure(shop, "patron_walk_halted") == 0, "the end of the alarm")


def test_when_journeys_fail_events_and_profiles_are_kept_and_the_mail_comes_later(
    shop: Running, inside: Inside, box: Mailbox
) -> None:
    address = "zoe@people.example"
    with broken(inside, "run", "true", "22023"):
        more = {"userId": "zoe", "context": {"traits": {"email": address}}}
        shop.track("Email Subscribed", consent(address), **more)
        shop.track("Product Added", {"cart_id": "zoe", **item("tea")}, userId="zoe")
        inside.walked()
        assert inside.events("user_id = 'zoe'") == 2
        shown = shop.call("GET", "/api/profiles/user_id:zoe").json()
        assert shown["totals"]["Product Added"]["count"] == 1
        eventually(lambda: inside.value("SELECT count(*) FROM acting") >= 1, "the postponed part")
        assert "wait for segments or journeys" in doctor(shop, "acme: walk")[-1]["detail"]
        assert inside.rows("SELECT 1 FROM dead_letter WHERE detail LIKE '%digested%'") == []
    inside.rows("UPDATE acting SET due_at = now()")
    eventually(lambda: box.to(address), "the mail")
    assert inside.value("SELECT count(*) FROM acting") == 0
    assert not soon(lambda: len(box.to(address)) > 1, 1)


# --- history is silent -----------------------------------------------------------------------


def test_history_is_recorded_everywhere_and_starts_nothing(
    shop: Running, inside: Inside, box: Mailbox
) -> None:
    address = "old@people.example"
    now = datetime.now(UTC).isoformat()
    batch: list[dict[str, Any]] = [
        {"type": "track", "event": "Email Subscribed", "userId": "old", "timestamp": now,
         "messageId": "h-0", "properties": consent(address),
         "context": {"traits": {"email": address}}},
        {"type": "track", "event": "Product Added", "userId": "old", "timestamp": now,
         "messageId": "h-1", "properties": {"cart_id": "old", **item("tea")}},
    ]  # fmt: skip
    answer = outside.post(
        f"{shop.url}/v1/import",
        json={"batch": batch, "backfill": True},
        auth=(shop.server_key, ""),
    )
    assert answer.status_code == 200
    inside.walked()
    shown = shop.call("GET", "/api/profiles/user_id:old").json()
    assert shown["reach"]["email"]["consent"] == "granted"
    assert shown["totals"]["Product Added"]["count"] == 1
    assert not soon(lambda: bool(box.to(address)), 3)
    origin = inside.value("SELECT origin_id FROM identifier WHERE value = 'old'")
    assert inside.value("SELECT count(*) FROM run WHERE origin_id = %s", (origin,)) == 0
    shop.run("lake", "copy")
    assert inside.in_lake()["h-0"] == inside.in_lake()["h-1"] == 1


# --- dedup -----------------------------------------------------------------------------------


def test_a_retry_is_the_same_event_whatever_time_it_was_sent_and_who_died(
    shop: Running, inside: Inside
) -> None:
    made = datetime.now(UTC) - timedelta(minutes=3)

    def attempt(key: str, minutes: int) -> None:
        event = {
            "type": "track", "event": "Retried", "userId": "u1", "messageId": "the-same",
            "originalTimestamp": made.isoformat(), "timestamp": made.isoformat(),
        }  # fmt: skip
        body = {"batch": [event], "sentAt": (made + timedelta(minutes=minutes)).isoformat()}
        answer = outside.post(f"{shop.url}/v1/batch", json=body, auth=(key, ""), timeout=30)
        assert answer.status_code == 200

    attempt(shop.write_key, 0)
    inside.walked()
    shop.kill("worker")
    attempt(shop.write_key, 1)
    inside.walked()
    shop.kill("web")
    eventually(shop.ready, "the door")
    attempt(shop.write_key, 2)
    inside.walked()
    assert inside.events("message_id = 'the-same'") == 1
    # The public key is anybody's: its message ids keep none of the server's events out.
    attempt(shop.server_key, 3)
    attempt(shop.server_key, 4)
    inside.walked()
    assert inside.events("message_id = 'the-same'") == 2
