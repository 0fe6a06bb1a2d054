"""After an erasure a search of every byte finds nothing of her, and nothing brings her back."""

import json
from collections.abc import Iterator

import psycopg
import pytest

import outside
from musthold.remains import in_files, in_the_dump, origins_of, spelled
from postbox import Mailbox, mailbox
from running import Running, eventually, running

ADDRESS, USER, BROWSER = "ada.rare@people.example", "customer-rare-4711", "browser-rare-0815"
PHONE = "+12025550147"
NAMES = [ADDRESS, USER, BROWSER, PHONE, "Augusta-Rare"]


@pytest.fixture(scope="module")
def box() -> Iterator[Mailbox]:
    with mailbox() as box:
        yield box


@pytest.fixture(scope="module")
def shop(box: Mailbox) -> Iterator[Running]:
    with running(
        **box.settings,
        lake_flush_seconds=3600,
    ) as house:
        house.open_shop()
        house.start()
        journey = house.call("GET", "/api/journeys/abandoned_cart").json()
        journey["definition"]["steps"][0]["wait"] = {"seconds": 1}
        journey["definition"]["holdout"] = 0
        body = {"name": journey["name"], "definition": journey["definition"]}
        house.call("PUT", "/api/journeys/abandoned_cart", json=body)
        yield house


def live(shop: Running, box: Mailbox) -> None:
    """Everything a person can leave behind: events, cart, mail, order, refusals, kept answers."""
    named = {"traits": {"email": ADDRESS, "firstName": "Augusta-Rare", "phone": PHONE}}
    who = {"userId": USER, "anonymousId": BROWSER, "context": named}
    shop.track("Email Subscribed", {"email": ADDRESS, "text": "Yes"}, **who)
    cart = {"cart_id": "c-rare", "product_id": "tea", "name": "Tea", "price": 4, "quantity": 1}
    shop.track("Product Added", cart, **who)
    eventually(lambda: box.to(ADDRESS), "her cart mail")
    shop.track("Order Completed", {"order_id": "o-rare", "revenue": 4, "email": ADDRESS}, **who)
    outside.post(
        f"{shop.url}/v1/track",
        json={"event": "", "userId": USER, "properties": {"email": ADDRESS}},
        auth=(shop.server_key, ""),
    )
    eventually(lambda: shop.call("GET", "/api/events/rejected").json()["items"], "a refusal")
    consent = {"state": "granted", "address": ADDRESS, "text_shown": "Yes"}
    said = shop.call(
        "POST",
        f"/api/profiles/user_id:{USER}/consents",
        json=consent,
        headers={"Idempotency-Key": "rare"},
    )
    assert said.status_code == 201, said.text
    she = f"user_id:{USER}"
    for path, body in (
        (f"/api/profiles/{she}/tags", {"tag": f"knows {USER}"}),
        (f"/api/profiles/{she}/notes", {"text": f"Writes from {ADDRESS}."}),
        ("/api/lists", {"name": "Trade fair", "key": "trade-fair"}),
        ("/api/lists/trade-fair/members", {"people": [she, f"email:{ADDRESS}"]}),
        ("/api/segments", {"name": "Tea", "key": "tea", "rule": {"event": "Product Added"}}),
    ):
        assert shop.call("POST", path, json=body).is_success, path
    eventually(lambda: shop.call("GET", "/api/segments/tea/members").json()["items"], "a member")
    assert shop.call("GET", f"/api/profiles/{she}/export").is_success
    shop.run("lake", "copy")


def where(hits: set[tuple[str, str]]) -> set[str]:
    return {place.split("/")[0] for place, _ in hits}


def test_nothing_is_found_of_an_erased_person(shop: Running, box: Mailbox) -> None:
    live(shop, box)
    data, url = shop.folder / "data", shop.database_url()
    ids = origins_of(url, USER)
    needles = spelled(NAMES, ids)
    kept = data / "shops" / "acme"
    cut = kept / "cut" / "cut-20260101T000000-1.jsonl"
    cut.parent.mkdir(exist_ok=True)
    cut.write_text(json.dumps({"userId": USER, "traits": {"email": ADDRESS}}) + "\n")
    shop.command("backup", str(shop.folder / "before.tar"))
    before = in_files(data, needles)
    assert where(before) == {"postgres", "shops"}
    assert {name for place, name in before if "parquet" in place} >= {ADDRESS, USER, BROWSER}
    assert in_the_dump(url, needles) == {*NAMES, *ids}

    gone = shop.run(
        "profile", "erase", f"user_id:{USER}", "--yes", "--now", "--also", str(shop.folder)
    )

    proof = gone["proof"]
    assert (proof["found"], proof["later"]) == ([], [])
    assert proof["unread"] == [str(shop.folder / "before.tar")]
    assert proof["tables"] > 40 and proof["files"] > 200
    assert shop.call("GET", f"/api/profiles/user_id:{USER}").status_code == 404
    assert in_the_dump(url, needles) == set()
    assert in_files(data, needles) == set(), "PostgreSQL's own files and its log included"
    logs = b"".join(path.read_bytes() for path in shop.folder.glob("*.log")).lower()
    assert {name for form, name in needles.items() if form in logs} == set()


def test_the_proof_finds_what_an_erasure_has_missed(shop: Running) -> None:
    who = {"userId": "customer-odd-1", "anonymousId": "browser-odd-1"}
    shop.track("Product Viewed", {"product_id": "tea"}, **who)
    seen = "/api/profiles/user_id:customer-odd-1"
    eventually(lambda: shop.call("GET", seen).is_success, "a profile")
    with psycopg.connect(shop.database_url(), autocommit=True) as connection:
        connection.execute("CREATE TABLE shop_acme.tomorrow (id int, kept jsonb)")
        connection.execute(
            "INSERT INTO shop_acme.tomorrow VALUES (1, %s)", ('{"a": ["Customer-Odd-1"]}',)
        )
    note = shop.folder / "data" / "note.bin"
    note.write_bytes(b"\x00" * 70_000 + "browser-odd-1".encode("utf-16-le"))

    answer = shop.call("DELETE", f"{seen}?prove=true")
    assert answer.status_code == 200, shop.log()
    proof = answer.json()["proof"]

    with psycopg.connect(shop.database_url(), autocommit=True) as connection:
        connection.execute("DROP TABLE shop_acme.tomorrow")
    note.unlink()
    places = {(one["where"], one["what"]) for one in proof["found"]}
    assert places == {
        ("shop_acme.tomorrow.kept", "user_id"), (str(note), "anonymous_id"),
    }  # fmt: skip
    assert "3:00" in " ".join(proof["later"])


def test_a_restored_backup_does_not_bring_her_back(shop: Running) -> None:
    assert shop.stop() == 0
    restored = shop.run("restore", str(shop.folder / "before.tar"), "--yes")
    assert restored["buried"] == 1
    shop.start()
    shop.run("lake", "copy")
    assert shop.call("GET", f"/api/profiles/user_id:{USER}").status_code == 404
    assert in_the_dump(shop.database_url(), spelled(NAMES, [])) == set()
    kept = in_files(shop.folder / "data" / "shops", spelled(NAMES, []))
    assert kept == set()


def test_a_retry_does_not_bring_her_back_and_a_new_act_starts_a_new_person(shop: Running) -> None:
    old = {"userId": USER, "timestamp": "2026-01-05T10:00:00Z"}
    shop.track("Product Viewed", {"product_id": "tea"}, **old)
    shop.track("Product Viewed", {"product_id": "jam"}, userId="somebody-else")
    eventually(
        lambda: shop.call("GET", "/api/profiles/user_id:somebody-else").is_success, "the walk"
    )
    assert shop.call("GET", f"/api/profiles/user_id:{USER}").status_code == 404
    shop.track("Product Viewed", {"product_id": "tea"}, userId=USER)
    eventually(lambda: shop.call("GET", f"/api/profiles/user_id:{USER}").is_success, "a new person")
    fresh = shop.call("GET", f"/api/profiles/user_id:{USER}")
    assert fresh.json()["totals"]["Product Viewed"]["count"] == 1
