"""A rule is tried before anything depends on it, over HTTP and on the command line."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

import outside
from running import Running, eventually, running

DAY = timedelta(days=1)
BUYERS = {
    "and": [
        {"orders": "number", "op": "at_least", "value": 2},
        {"not": {"event": "Product Viewed", "within": {"days": 7}}},
    ]
}


@pytest.fixture(scope="module")
def shop() -> Iterator[Running]:
    """Thirty people: every third ordered twice, every sixth of them looked at something since."""
    with running() as house:
        house.open_shop()
        house.start()
        now = datetime.now(UTC)
        batch: list[dict[str, Any]] = []
        for n in range(30):
            who = {"userId": f"u{n}"}
            traits = {"email": f"u{n}@people.example", "firstName": "Ann", "lastName": f"No{n}"}
            batch.append({"type": "identify", **who, "traits": traits})
            for order in range(2 if n % 3 == 0 else 0):
                said = {"order_id": f"o{n}-{order}", "revenue": 30, "currency": "USD"}
                at = (now - 20 * DAY).isoformat()
                call = {"type": "track", "event": "Order Completed", "timestamp": at}
                batch.append({**call, **who, "properties": said})
            if n % 6 == 0:
                view = {"type": "track", "event": "Product Viewed", "properties": {}}
                batch.append({**view, **who, "timestamp": (now - 2 * DAY).isoformat()})
        sent = outside.post(
            f"{house.url}/v1/batch", json={"batch": batch}, auth=(house.server_key, "")
        )
        assert sent.status_code == 200, sent.text

        def everybody() -> bool:
            found = ask(house, "preview", {"rule": {"event": "Identified"}})
            return bool(found.json()["count"] == 30)

        eventually(everybody, "the walk of everybody")
        yield house


def ask(house: Running, what: str, body: Any, key: str | None = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key or house.server_key}"}
    url = f"{house.url}/api/conditions/{what}"
    return outside.post(url, json=body, headers=headers, timeout=30)


def test_how_many_and_who(shop: Running) -> None:
    found = ask(shop, "preview", {"rule": BUYERS}).json()
    assert (found["count"], found["of"], found["looked_at"]) == (5, 30, 30)
    assert found["complete"] is True and found["said"] == "5 of 30 people"
    assert {one["name"] for one in found["sample"]} == {f"Ann No{n}" for n in (3, 9, 15, 21, 27)}
    again = ask(shop, "preview", {"rule": BUYERS}).json()
    assert again["sample"] == found["sample"]
    all_of_them = ask(shop, "preview", {"rule": {"not": BUYERS}}).json()
    assert all_of_them["count"] == 25 and len(all_of_them["sample"]) == 10


def test_why_she_and_until_when(shop: Running) -> None:
    in_it = ask(shop, "explain", {"rule": BUYERS, "person": "user_id:u3"}).json()
    assert in_it["holds"] is True and in_it["changes_at"] is None
    assert in_it["why"] == [
        "the number of orders is 2",
        "did not look at a product in the last 1 week",
    ]
    out = ask(shop, "explain", {"rule": BUYERS, "person": "email:u6@people.example"}).json()
    assert out["holds"] is False and out["why"][0].startswith(
        "looked at a product once in the last"
    )
    ahead = datetime.fromisoformat(out["changes_at"]) - datetime.now(UTC)
    assert 4.9 * DAY < ahead < 5 * DAY


@pytest.mark.parametrize(
    ("what", "body", "path"),
    [
        ("preview", {"rule": {"trait": "a", "op": "bigger"}}, "rule.op"),
        ("preview", {"rule": {"and": [{"sample": 500, "key": "a"}]}}, "rule.and[0].sample"),
        ("explain", {"rule": {"event": "A", "since": "start"}, "person": "x"}, "rule.since"),
        ("explain", {"rule": {"event": "A"}, "person": "email:nobody@x.example"}, "person"),
        ("explain", {"rule": {"event": "A"}, "person": "\0"}, "person"),
    ],
)
def test_what_is_wrong_is_told_with_its_path(
    shop: Running, what: str, body: Any, path: str
) -> None:
    refused = ask(shop, what, body)
    assert refused.status_code == 400, refused.text
    problem = refused.json()
    assert problem["path"] == path and problem["remedy"]


def test_people_are_seen_with_a_key_that_may_see_them_and_in_their_shop_only(
    shop: Running,
) -> None:
    for what, body in (
        ("preview", {"rule": BUYERS}),
        ("explain", {"rule": BUYERS, "person": "user_id:u3"}),
    ):
        assert ask(shop, what, body, "sk_none").status_code == 401
        made = shop.run("key", "create", "events only", "--scope", "events:read", "--shop", "acme")
        assert ask(shop, what, body, made["secret"]).status_code == 403
    other = shop.run(
        "shop", "create", "Bolt", "--currency", "EUR", "--time-zone", "Europe/Berlin",
        "--url", "https://bolt.example", "--owner", "owner@bolt.example",
    )  # fmt: skip
    assert other["shop"]["settings"]["phone_region"] == "DE"  # where its clocks hang
    nobody = ask(shop, "preview", {"rule": {"event": "Identified"}}, other["server_key"]).json()
    assert (nobody["count"], nobody["of"], nobody["sample"]) == (0, 0, [])
    stranger = {"rule": BUYERS, "person": "user_id:u3"}
    assert ask(shop, "explain", stranger, other["server_key"]).status_code == 400


def test_the_command_line_says_the_same(shop: Running, tmp_path: Path) -> None:
    rule = tmp_path / "rule.json"
    rule.write_text(json.dumps(BUYERS), "utf-8")
    found = shop.run("segment", "preview", str(rule), "--shop", "acme")
    assert (found["count"], found["of"], found["complete"]) == (5, 30, True)
    told = shop.command("segment", "preview", str(rule), "--shop", "acme").stdout
    assert told.startswith("5 of 30 people, in ") and "Ann No9" in told
    why = shop.run("segment", "explain", str(rule), "user_id:u3", "--shop", "acme")
    assert why["holds"] is True
    said = shop.command("segment", "explain", str(rule), "user_id:u6", "--shop", "acme").stdout
    assert said.startswith("It does not hold:\n  looked at a product once in the last 1 week")
    assert "Without anything happening it can change on " in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no JSON"),
        ('{"evnt": "A"}', "exactly one of these fields"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_holds_no_rule(
    shop: Running, tmp_path: Path, text: str | None, words: str
) -> None:
    rule = tmp_path / "rule.json"
    if text is not None:
        rule.write_text(text, "utf-8")
    done = shop.command("segment", "preview", str(rule), "--shop", "acme")
    assert done.returncode == 1
    assert words in " ".join(done.stderr.split())
