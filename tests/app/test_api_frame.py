"""The frame of the API: problem documents, keys and scopes, Idempotency-Key, health, the docs."""

import asyncio
import gzip
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import outside
from conftest import House
from patron.app.server import build
from patron.kit.clock import SystemClock
from patron.kit.db import Database
from patron.kit.migrate import HOUSE
from patron.kit.postgres.programs import binary
from patron.kit.settings import Settings
from patron.shops import access
from patron.shops import store as shops
from patron.shops.found import make_key
from patron.shops.types import KeyKind
from running import Running, eventually, running


@pytest.fixture(scope="module")
def shop() -> Iterator[Running]:
    with running() as house:
        house.open_shop()
        house.start()
        yield house


def test_health_and_metrics(shop: Running) -> None:
    assert outside.get(f"{shop.url}/healthz").json() == {"status": "ok"}
    for path, status in (("/healthz", 200), ("/readyz", 200), ("/api/shop", 401)):
        asked = outside.head(f"{shop.url}{path}")  # as many a monitor does
        assert (asked.status_code, asked.content) == (status, b"")
    assert outside.get(f"{shop.url}/readyz").json() == {"status": "ok"}
    text = outside.get(f"{shop.url}/metrics").text
    assert "patron_inbox_pending_bytes" in text

    def worker() -> bool:
        answer = outside.get(f"{shop.url}/metrics/worker")
        return answer.status_code == 200 and "patron_walk_halted" in answer.text

    assert eventually(worker, "the worker's figures")


def test_every_line_of_a_log_for_machines_is_json(shop: Running) -> None:
    def lines() -> list[str]:
        said = [(shop.folder / f"{name}.log").read_text() for name in ("out", "err")]
        return "".join(said).splitlines()

    assert eventually(lambda: any("ready at" in line for line in lines()), "word of the start")
    for child in shop.part("web").children():  # the server's own words about it count too
        child.kill()
    assert eventually(lambda: any("worker" in line for line in lines()), "word of the death")
    assert eventually(shop.ready, "another worker")
    assert [line for line in lines() if not json.loads(line)["message"]] == []


def test_errors_are_problem_documents_with_a_remedy(shop: Running) -> None:
    answer = outside.get(f"{shop.url}/api/shop")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "patron key create" in answer.json()["remedy"]
    for given, told in (
        ("Bearer sk_of_nobody", "unknown or revoked"),
        (f"Bearer {shop.write_key}", "a write key only sends events"),
        ("Basic c2tfeDo=", "was sent 'Basic'"),
    ):
        refused = outside.get(f"{shop.url}/api/shop", headers={"Authorization": given})
        assert (refused.status_code, told in refused.json()["detail"]) == (401, True)
    nowhere = shop.call("GET", "/api/nowhere")
    assert nowhere.status_code == 404
    assert "GET /api/nowhere" in nowhere.json()["detail"]
    assert nowhere.json()["remedy"]
    method = shop.call("PATCH", "/api/journeys")
    assert method.status_code == 405
    assert "PATCH /api/journeys" in method.json()["detail"]
    assert "GET" in method.headers["allow"]
    missing = shop.call("GET", "/api/journeys/nope").json()
    assert ("nope" in missing["detail"], bool(missing["remedy"])) == (True, True)
    odd = shop.call("POST", "/api/keys", json={"name": 5}).json()
    assert (odd["path"], "got `int`" in odd["detail"]) == ("name", True)
    extra = shop.call("POST", "/api/keys", json={"name": "x", "colour": "red"}).json()
    assert (extra["path"], extra["status"], bool(extra["remedy"])) == ("colour", 400, True)
    assert shop.call("POST", "/api/keys", json={}).json()["path"] == "name"
    empty = shop.call("POST", "/api/keys").json()
    assert (empty["status"], "the body is missing" in empty["detail"]) == (400, True)
    packed = shop.call(
        "POST", "/api/keys", content=gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"}
    )
    assert (packed.status_code, "'gzip'" in packed.json()["detail"]) == (415, True)
    assert packed.json()["remedy"]
    none = shop.call("POST", "/api/keys", content=b"[1").json()
    assert none["detail"].startswith("the request cannot be read")
    number = shop.call("PATCH", "/api/shop/settings", json={"marketing_hours_between": "x"})
    assert "marketing_hours_between = 'x'" in number.json()["detail"]
    wrong = shop.call("PATCH", "/api/shop/settings", json={"brand_colour": "red"})
    assert wrong.status_code == 400
    assert "brand_colour" in wrong.json()["detail"]
    assert "brand_color" in wrong.json()["remedy"]


@pytest.mark.parametrize(
    ("method", "path", "body", "place", "remedy"),
    [
        ("GET", "/api/products?limit=abc", None, "limit", "give a whole number"),
        ("GET", "/api/messages?state=gone", None, "state", "give one of queued, claimed"),
        ("GET", "/api/carts", None, "profile", "give text (Id, or `email:…`"),
        ("POST", "/api/profiles/x/consents", {}, "state", "give state: one of granted, withdrawn"),
        ("POST", "/api/profiles/x/consents", {"state": "yes"}, "state", "give one of granted"),
        (
            "POST", "/api/profiles/x/consents", {"state": "granted", "at": "noon"}, "at",
            "give a time with its zone, such as 2026-03-02T12:00:00Z",
        ),
        ("POST", "/api/profiles/x/consents", {"stat": 1}, "stat", "the fields are state, "),
        ("POST", "/api/lists/x/members", {"people": 1}, "people", "give a list, each text of at"),
        ("POST", "/api/lists/x/members", {"people": ["a", 1]}, "people[1]", "give text of at most"),
        ("POST", "/api/products", [1], None, "give an object with products"),
    ],
)  # fmt: skip
def test_what_a_field_takes_stands_in_the_remedy(
    shop: Running, method: str, path: str, body: Any, place: str | None, remedy: str
) -> None:
    refused = shop.call(method, path, json=body) if body is not None else shop.call(method, path)
    said = refused.json()
    assert refused.status_code == 400, said
    assert said.get("path") == place
    assert said["remedy"].startswith(remedy)
    assert place is None or place in said["detail"]


def test_a_key_may_do_what_its_scopes_say_and_no_more(shop: Running) -> None:
    made = shop.call(
        "POST", "/api/keys", json={"name": "reader", "scopes": ["profiles:read"]}
    ).json()
    reader = {"Authorization": f"Bearer {made['secret']}"}
    refused = shop.call("GET", "/api/shop", headers=reader)
    assert refused.status_code == 403
    assert "shop:admin" in refused.json()["detail"]
    none = shop.call("POST", "/api/keys", json={"name": "x"})
    assert (none.status_code, none.json()["path"]) == (400, "scopes")
    assert "ingest" in none.json()["remedy"]
    unknown = shop.call("POST", "/api/keys", json={"name": "x", "scopes": ["everything"]})
    assert unknown.status_code == 400
    assert unknown.json()["path"] == "scopes"
    gone = shop.call("DELETE", f"/api/keys/{made['key']['id']}")
    assert gone.status_code == 204
    again = shop.call("DELETE", f"/api/keys/{made['key']['id']}")
    assert again.status_code == 404
    listed = shop.call("GET", "/api/keys").json()["items"]
    assert {key["name"] for key in listed} >= {"website", "owner", "reader"}
    assert made["secret"] not in str(listed)


def test_a_revoked_key_is_asked_for_anew_within_five_seconds(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, secret = make_key(KeyKind.PUBLIC, "page", [], house.clock.now())
    passed = [0.0]
    monkeypatch.setattr(access, "monotonic", lambda: passed[-1])

    async def story(db: Database) -> list[bool]:
        async with db.unit(HOUSE) as tx:
            await shops.insert_key(tx, house.acme.id, key, secret, house.clock.now())
        keys = access.Keys(db)
        opens = [await keys.find(secret) is not None]
        async with db.unit(HOUSE) as tx:
            await shops.revoke_key(tx, house.acme.id, key.id, house.clock.now())
        for seconds in (1.0, 5.1):
            passed.append(seconds)
            opens.append(await keys.find(secret) is not None)
        return opens

    assert house.run(story) == [True, True, False]


def test_a_write_with_an_idempotency_key_happens_once(shop: Running) -> None:
    head = {"Idempotency-Key": "order-77"}
    body = {"products": [{"id": "tea-77", "title": "Tea", "price": 4}]}
    first = shop.call("POST", "/api/products", json=body, headers=head)
    second = shop.call("POST", "/api/products", json=body, headers=head)
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json() != shop.call("POST", "/api/products", json=body).json()
    other = shop.call("POST", "/api/products", json={"products": []}, headers=head)
    assert other.status_code == 422
    assert "another body" in other.json()["detail"]
    long = shop.call("POST", "/api/products", json=body, headers={"Idempotency-Key": "k" * 201})
    assert (long.status_code, long.json()["path"]) == (400, "Idempotency-Key")


def test_no_answer_that_holds_a_secret_is_kept(shop: Running) -> None:
    head = {"Idempotency-Key": "till-1"}
    body = {"name": "till", "scopes": ["ingest"]}
    first = shop.call("POST", "/api/keys", json=body, headers=head)
    assert (first.status_code, first.headers["cache-control"]) == (201, "no-store")
    secret = first.json()["secret"]
    again = shop.call("POST", "/api/keys", json=body, headers=head)
    assert again.status_code == 409
    assert "shown once" in again.json()["detail"]
    assert "revoke" in again.json()["remedy"]
    names = [key["name"] for key in shop.call("GET", "/api/keys").json()["items"]]
    assert names.count("till") == 1
    dump = subprocess.run(
        [binary("pg_dump"), shop.database_url()], capture_output=True, check=True
    ).stdout.lower()
    assert b"till" in dump
    for told in (secret.encode(), secret.encode().hex().encode()):
        assert told not in dump


def test_of_many_at_once_with_one_idempotency_key_one_is_done(shop: Running) -> None:
    async def burst() -> list[httpx.Response]:
        headers = {"Authorization": f"Bearer {shop.server_key}", "Idempotency-Key": "burst"}
        body = {"name": "burst", "scopes": ["ingest"]}
        async with httpx.AsyncClient(base_url=shop.url, headers=headers, timeout=30) as client:
            return await asyncio.gather(*(client.post("/api/keys", json=body) for _ in range(12)))

    answers = asyncio.run(burst())
    assert {a.status_code for a in answers} <= {201, 409}
    names = [key["name"] for key in shop.call("GET", "/api/keys").json()["items"]]
    assert names.count("burst") == 1


def test_settings_are_changed_one_by_one(shop: Running) -> None:
    hosts = shop.call("PATCH", "/api/shop/settings", json={"more_hosts": ["https://a.example"]})
    assert (hosts.status_code, "more_hosts" in hosts.json()["detail"]) == (400, True)
    shop.call("PATCH", "/api/shop/settings", json={"more_hosts": ["pictures.acme.example"]})
    (seen,) = shop.run("shop", "list")
    assert seen["hosts"] == ["acme.example", "pictures.acme.example"]
    changed = shop.call("PATCH", "/api/shop/settings", json={"postal_address": "Mill Lane 4"})
    assert changed.json()["postal_address"] == "Mill Lane 4"
    kept = shop.call("PATCH", "/api/shop/settings", json={"brand_color": "#224466"}).json()
    assert (kept["postal_address"], kept["brand_color"]) == ("Mill Lane 4", "#224466")
    assert shop.call("GET", "/api/shop").json()["settings"] == kept
    for odd in ({"revenue": 5}, {"revenue": ""}, {"revenue": " Paid"}, {"revnue": "Paid"}):
        refused = shop.call("PATCH", "/api/shop/settings", json={"metrics": odd})
        assert (refused.status_code, refused.json()["path"]) == (400, "metrics")
    assert "revenue|refunded" in refused.json()["detail"]


def test_a_shop_moves_and_changes_hands(shop: Running) -> None:
    before = shop.call("GET", "/api/shop").json()
    told = shop.run("shop", "change", "--url", "https://new.example/", "--owner", "me@new.example")
    assert (told["public_url"], told["owner_email"]) == ("https://new.example", "me@new.example")
    after = shop.call("GET", "/api/shop").json()
    assert after["hosts"] == ["new.example", *before["settings"]["more_hosts"]]
    assert (after["name"], after["currency"]) == (before["name"], before["currency"])
    back = {name: before[name] for name in ("public_url", "owner_email", "time_zone", "name")}
    assert shop.call("PATCH", "/api/shop", json=back).json() == before
    for wrong in ({}, {"time_zone": "Berlin"}, {"owner_email": "me"}, {"currency": "EUR"}):
        assert shop.call("PATCH", "/api/shop", json=wrong).status_code == 400
    blank = shop.call("PATCH", "/api/shop", json={"name": " ", "owner_email": "me@new.example"})
    assert (blank.status_code, blank.json()["path"]) == (400, "name")
    assert shop.call("GET", "/api/shop").json() == before
    refused = shop.command("shop", "change", "--time-zone", "Berlin")
    assert (refused.returncode, "'Berlin' is unknown" in refused.stderr) == (1, True)


def test_the_document_describes_every_door_and_the_page_shows_it(shop: Running) -> None:
    document = outside.get(f"{shop.url}/api/openapi.json", timeout=60).json()
    paths = document["paths"]
    assert {"/v1/track", "/v1/batch", "/v1/t", "/api/shop", "/api/journeys"} <= paths.keys()
    for path, operations in paths.items():
        for operation in operations.values():
            assert operation.get("summary"), f"{path} has no summary"
            assert operation.get("tags"), f"{path} has no tag"
    page = outside.get(f"{shop.url}/api/docs")
    assert page.status_code == 200
    assert "/v1/track" in page.text
    assert (
        "http" not in page.text.replace(shop.url, "").replace("HTTP", "").lower().split("<main>")[0]
    )


def test_the_application_is_built_without_a_warning(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url="postgresql:///nowhere")
    assert callable(build(settings, SystemClock()))
