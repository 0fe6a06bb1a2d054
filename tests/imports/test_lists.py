"""Customers, products and stored events come in from the files other systems write."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from conftest import House
from imports.files import counts, imported, logged, previewed, write_csv
from patron.catalog import store as catalog
from patron.kit.db import Tx, value
from patron.profiles import store as profiles
from patron.profiles.erasure import store as erasure


def consent_of(house: House, user_id: str) -> tuple[str | None, str]:
    """Where she may be written to, and what she said about it."""

    async def look(tx: Tx) -> tuple[str | None, str]:
        found = await value(
            tx,
            "SELECT origin_id FROM identifier WHERE kind = 'user_id' AND value = %s",
            (user_id,),
        )
        reach = await profiles.reach(tx, found, "email", "marketing")
        return reach.address, reach.consent

    return house.unit(look)


def test_customers_come_with_their_traits_and_their_word(house: House, tmp_path: Path) -> None:
    header = ["Customer ID", "First Name", "Last Name", "Email", "Accepts Email Marketing",
              "Default Address City", "Default Address Country Code", "Phone", "Total Spent",
              "Tags", "Shoe Size"]  # fmt: skip
    rows = [
        ["'9001", "Ann", "Lee", "ann@example.com", "yes", "Boston", "US", "(617) 555-0123",
         "120.50", "vip, wholesale", "38"],
        ["9002", "Bob", "Ray", "bob@example.com", "no", "", "", "", "0.00", "", ""],
        ["9003", "Cat", "Moe", "cat@example.com", "maybe", "", "", "12", "", "", ""],
        ["9004", "Dan", "Foe", "", "yes", "", "", "", "", "", ""],
    ]  # fmt: skip
    file = write_csv(tmp_path / "customers.csv", header, rows)
    outcome = imported(house, tmp_path, "profiles", str(file))
    assert counts(house) == {"Identified": 4, "Email Subscribed": 1, "Email Unsubscribed": 1}
    said = next(e for e in logged(house) if e["user"] == "9001")
    traits = said["body"]["traits"]
    assert traits["address"] == {"city": "Boston", "country": "US"}
    assert (traits["phone"], traits["total_spent"]) == ("+16175550123", 120.5)
    assert (traits["tags"], traits["Shoe Size"]) == (["vip", "wholesale"], "38")
    assert consent_of(house, said["user"]) == ("ann@example.com", "granted")
    assert consent_of(house, "9002") == ("bob@example.com", "withdrawn")
    assert consent_of(house, "9003") == ("cat@example.com", "none")
    assert outcome["problems"] == {
        "Accepts Email Marketing: is neither yes nor no": 1,
        "Phone: is no phone number in US": 1,
    }


def test_an_undated_yes_never_overrules_what_a_customer_told_patron(
    house: House, tmp_path: Path
) -> None:
    """She unsubscribed here after the shop was opened; the shop system's list knows nothing."""
    events = tmp_path / "word.jsonl"
    call = {
        "type": "track",
        "event": "Unsubscribed",
        "userId": "u1",
        "timestamp": "2026-06-01T00:00:00Z",
        "properties": {"email": "eve@example.com", "channel": "email"},
        "context": {"externalIds": [
            {"id": "eve@example.com", "type": "email", "collection": "users", "encoding": "none"}
        ]},
    }  # fmt: skip
    events.write_text(json.dumps(call) + "\n", "utf-8")
    imported(house, tmp_path, "events", str(events))
    header = ["user_id", "email", "accepts_marketing", "consent_at"]
    undated = write_csv(tmp_path / "list.csv", header, [["u1", "eve@example.com", "TRUE", ""]])
    preview = previewed(house, tmp_path, "profiles", str(undated))
    assert preview["map"]["columns"]["accepts_email"] == "accepts_marketing"
    imported(house, tmp_path, "profiles", str(undated))
    assert consent_of(house, "u1") == ("eve@example.com", "withdrawn")
    later = [["u1", "eve@example.com", "TRUE", "2026-06-02"]]
    imported(house, tmp_path, "profiles", str(write_csv(tmp_path / "later.csv", header, later)))
    assert consent_of(house, "u1") == ("eve@example.com", "granted")


def test_products_and_variants_come_with_prices_in_minor_units(
    house: House, tmp_path: Path
) -> None:
    header = [
        "Handle", "Title", "Vendor", "Variant SKU", "Variant Price", "Variant Compare At Price",
        "Variant Inventory Qty", "Variant Barcode", "Colour",
    ]  # fmt: skip
    rows = [
        ["tea-pot", "Tea pot", "Hollin", "TP-S", "12.50", "15.00", "3", "4006381333931", "red"],
        ["tea-pot", "", "", "TP-L", "19.90", "", "0", "", "blue"],
        ["cup", "Cup", "Hollin", "", "free", "", "2", "", ""],
    ]
    file = write_csv(tmp_path / "products_export.csv", header, rows)
    outcome = imported(house, tmp_path, "products", str(file))
    assert outcome["problems"] == {"Variant Price: cannot be understood": 1}

    async def look(tx: Tx) -> dict[str, object]:
        found = await catalog.find(tx, ["TP-L", "4006381333931", "cup"])
        return {
            key: (i.product_id, i.variant_id, i.price, i.compare_at, i.stock)
            for key, i in found.items()
        }

    assert house.unit(look) == {
        "TP-L": ("tea-pot", "TP-L", 1990, None, 0),
        "4006381333931": ("tea-pot", "TP-S", 1250, 1500, 3),
        "cup": ("cup", None, None, None, 2),
    }
    again = imported(house, tmp_path, "products", str(file), "--again")
    assert again["new"] == 0


def test_stored_calls_pass_as_they_are_and_flat_logs_are_understood(
    house: House, tmp_path: Path
) -> None:
    calls = [
        {"type": "page", "messageId": "m1", "anonymousId": "a1", "name": "Home",
         "timestamp": "2025-03-01T10:00:00.123Z", "properties": {"url": "https://x.example/"},
         "context": {"page": {"path": "/"}}, "sentAt": "2025-03-01T11:00:00Z"},
        {"type": "track", "messageId": "m2", "userId": "u1", "event": "add_to_cart",
         "timestamp": "2025-03-01T10:01:00Z", "properties": {"items": [{"item_id": 7}]}},
        {"type": "identify", "messageId": "m3", "userId": "u1",
         "traits": {"email": "u1@example.com"}, "timestamp": "2025-03-01T10:02:00Z"},
        {"type": "track", "event": "Nobody did this"},
        {"type": "shout", "userId": "u1"},
        "no object",
    ]  # fmt: skip
    file = tmp_path / "calls.jsonl"
    file.write_text("".join(json.dumps(call) + "\n" for call in calls), "utf-8")
    outcome = imported(house, tmp_path, "events", str(file))
    assert outcome["faults"] == 3
    page, added, identified = logged(house)
    assert (page["name"], page["message"], page["ts"]) == (
        "Page Viewed", "m1", "2025-03-01T10:00:00.123+00:00",
    )  # fmt: skip
    assert page["body"]["properties"] == {"url": "https://x.example/", "name": "Home"}
    assert added["name"] == "Product Added"
    assert added["body"]["properties"]["product_id"] == "7"
    assert identified["body"]["traits"] == {"email": "u1@example.com"}

    flat = tmp_path / "flat.parquet"
    pq.write_table(
        pa.table(
            {
                "event_name": ["view_item", "view_item"],
                "event_timestamp": [1_740_823_200_000_000, 1_740_823_260_000_000],
                "user_pseudo_id": ["ga.1", "ga.1"],
                "user_id": pa.array([17.0, None]),
                "item_id": ["p1", "p2"],
            }
        ),
        flat,
    )
    imported(house, tmp_path, "events", str(flat))
    first, second = [e for e in logged(house) if e["anonymous"] == "ga.1"]
    assert (first["name"], first["user"], second["user"]) == ("Product Viewed", "17", None)
    assert first["ts"] == "2025-03-01T10:00:00+00:00"


def test_a_long_list_of_keys_is_read_whole(house: House, tmp_path: Path) -> None:
    """A key that appears late in the file is not lost."""
    file = tmp_path / "late.jsonl"
    rows = [
        {"event": "Looked", "userId": "u", "timestamp": 1_740_823_200 + n} for n in range(3_000)
    ]
    rows.append({"event": "Looked", "userId": "u", "timestamp": 1_740_900_000, "colour": "grün"})
    file.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), "utf-8")
    imported(house, tmp_path, "events", str(file))
    found = logged(house, "body->'properties'->>'colour' IS NOT NULL")
    assert [event["body"]["properties"] for event in found] == [{"colour": "grün"}]
    assert counts(house) == {"Looked": 3_001}


def test_an_old_list_brings_no_erased_customer_back(house: House, tmp_path: Path) -> None:
    header = ["user_id", "email", "first_name", "accepts_email", "created_at", "updated_at"]
    ann, cat, dan = (
        [who, f"{who}@example.com", who.title(), "no", "2024-01-02", "2024-03-04"]
        for who in ("ann", "cat", "dan")
    )
    first = write_csv(tmp_path / "first.csv", header, [ann, cat, dan])
    imported(house, tmp_path, "profiles", str(first))
    erased_at = datetime(2025, 5, 1, tzinfo=UTC)

    async def erase(tx: Tx) -> None:
        for who in ("ann", "cat", "dan"):
            root = await profiles.find(tx, f"user_id:{who}")
            assert root is not None
            await erasure.erase(tx, root, house.signer, erased_at)

    async def who_is_here(tx: Tx) -> list[str]:
        names = ("ann", "bob", "cat", "dan")
        return [who for who in names if await profiles.find(tx, f"user_id:{who}")]

    house.unit(erase)
    # Without times, of another day, beside somebody new; one by her address alone.
    bare = header[:4]
    rows = [
        ["ann", "ann@example.com", "Annie", "no"],
        ["", "cat@example.com", "Catherine", "no"],
        ["bob", "bob@example.com", "Bob", "no"],
    ]
    old = imported(house, tmp_path, "profiles", str(write_csv(tmp_path / "old.csv", bare, rows)))
    assert house.unit(who_is_here) == ["bob"]
    assert (old["events"], old["new"]) == (6, 2)
    assert old["left_out"] == {"events of people who were erased since (left out)": 4}
    rows = [
        ["ann", "ann@example.com", "Annie", "no", "2024-01-02", "2025-04-30"],
        ["cat", "cat@example.com", "Cat", "no", "2024-01-02", "2025-06-01"],
        ["dan", "dan@example.com", "Dan", "no", "2025-06-01", ""],
    ]
    newer = write_csv(tmp_path / "newer.csv", header, rows)
    outcome = imported(house, tmp_path, "profiles", str(newer))
    assert house.unit(who_is_here) == ["bob", "cat", "dan"]
    assert consent_of(house, "cat")[1] == consent_of(house, "dan")[1] == "withdrawn"
    assert outcome["left_out"] == {"events of people who were erased since (left out)": 2}
    again = imported(house, tmp_path, "profiles", str(newer), "--again")
    assert (again["new"], again["left_out"]) == (0, {})
