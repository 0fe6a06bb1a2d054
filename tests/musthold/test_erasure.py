"""After an erasure, a search for the person finds nothing: in no table, no file, no lake."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import polars
import psycopg
import pytest
from psycopg import sql

from postbox import Mailbox, mailbox
from running import Running, eventually, running

ADDRESS, USER, BROWSER = "ada.rare@people.example", "customer-rare-4711", "browser-rare-0815"
NEEDLES = [ADDRESS.encode(), USER.encode(), BROWSER.encode(), b"Augusta-Rare"]


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
    named = {"traits": {"email": ADDRESS, "firstName": "Augusta-Rare"}}
    who = {"userId": USER, "anonymousId": BROWSER, "context": named}
    shop.track("Email Subscribed", {"email": ADDRESS, "text": "Yes"}, **who)
    cart = {"cart_id": "c-rare", "product_id": "tea", "name": "Tea", "price": 4, "quantity": 1}
    shop.track("Product Added", cart, **who)
    eventually(lambda: box.to(ADDRESS), "her cart mail")
    shop.track("Order Completed", {"order_id": "o-rare", "revenue": 4, "email": ADDRESS}, **who)
    httpx.post(
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
    shop.run("lake", "copy")


def in_the_database(url: str) -> list[str]:
    """Every table and column that holds one of the needles, the inbox's raw bodies included."""
    found = []
    with psycopg.connect(url) as connection:
        columns = connection.execute(
            "SELECT table_schema, table_name, column_name FROM information_schema.columns"
            " JOIN information_schema.tables USING (table_schema, table_name)"
            " WHERE table_schema IN ('patron', 'shop_acme') AND table_type = 'BASE TABLE'"
            " AND data_type IN ('text', 'json', 'jsonb', 'bytea', 'ARRAY', 'character varying')"
        ).fetchall()
        for schema, table, column in columns:
            look = sql.SQL(
                "SELECT count(*) FROM {}.{} WHERE EXISTS (SELECT FROM unnest(%s::bytea[]) n"
                " WHERE position(n IN CASE WHEN pg_typeof({}) = 'bytea'::regtype"
                " THEN {}::text::bytea ELSE convert_to({}::text, 'UTF8') END) > 0)"
            ).format(*(sql.Identifier(name) for name in (schema, table, column, column, column)))
            needles = [*NEEDLES, *(needle.hex().encode() for needle in NEEDLES)]
            row = connection.execute(look, (needles,)).fetchone()
            if row is not None and row[0]:
                found.append(f"{schema}.{table}.{column}")
    return sorted(found)


def in_the_lake(folder: Path) -> int:
    """Rows of the newest snapshot and of every other file of the lake that hold a needle."""
    hits = 0
    for path in folder.rglob("*.parquet"):
        if "_delta_log" not in path.parts:
            text = repr(polars.read_parquet(path).rows()).encode()
            hits += any(needle in text for needle in NEEDLES)
    return hits


def in_files(folder: Path) -> list[str]:
    """Plain files of the data folder that hold a needle; PostgreSQL's own are asked by SQL."""
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file()
        and "postgres" not in path.relative_to(folder).parts[:1]
        and any(needle in path.read_bytes() for needle in NEEDLES)
    ]


def test_nothing_is_found_of_an_erased_person(shop: Running, box: Mailbox) -> None:
    live(shop, box)
    data = shop.folder / "data"
    url = shop.database_url()
    before = in_the_database(url)
    places = ("identifier", "event", "outbox", "rejected", "consent", "answer", "cart", "inbox")
    for place in places:
        assert any(f".{place}" in where for where in before), f"nothing of her in {place}: {before}"
    assert in_the_lake(data / "shops" / "acme" / "lake") > 0

    gone = shop.call("DELETE", f"/api/profiles/user_id:{USER}")

    assert gone.status_code == 200, gone.text
    shop.run("lake", "copy")
    assert shop.call("GET", f"/api/profiles/user_id:{USER}").status_code == 404
    assert in_the_database(url) == []
    assert in_the_lake(data / "shops" / "acme" / "lake") == 0
    assert in_files(data) == []


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
