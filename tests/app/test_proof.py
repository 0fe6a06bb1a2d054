"""The search for an erased person's names finds every spelling, in whatever it is kept."""

import asyncio
import base64
import hashlib
import json
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import NOON, House
from patron.app.care.proof import rewriting, searching
from patron.app.care.proof.needles import Needles, Sought
from patron.app.care.proof.proving import prove
from patron.app.care.proof.searching import Searched, search_files, search_tables
from patron.kit.db import execute
from patron.kit.settings import Settings
from patron.shops.retention.store import Traces

ADA, ID = "ada.rare@people.example", UUID("018f0000-1111-7222-8333-444455556666")
SHE = Sought([("email", ADA), ("phone", "+12025550147"), ("user_id", "42")], [ID])


@pytest.mark.parametrize(
    "kept",
    [
        ADA.encode(),
        ADA.upper().encode(),
        json.dumps({"to": ADA}).replace("@", "\\u0040").encode(),
        quote(ADA, safe="").encode(),
        ADA.encode().hex().encode(),
        ADA.encode("utf-16-le"),
        ADA.encode("utf-16"),
        hashlib.sha256(ADA.encode()).digest(),
        hashlib.sha256(ADA.encode()).hexdigest().upper().encode(),
        b"tel:12025550147",
        str(ID).encode(),
        ID.hex.upper().encode(),
        ID.bytes,
        b'{"userId": "42"}',
        b"user_id:42",
    ],
)
def test_each_spelling_is_found(kept: bytes) -> None:
    assert len(Needles(SHE).within(b"before" + kept + b"after")) == 1


@given(st.binary(max_size=9), st.binary(max_size=9), st.booleans())
def test_base64_is_found_wherever_it_begins(before: bytes, after: bytes, for_urls: bool) -> None:
    encode = base64.urlsafe_b64encode if for_urls else base64.b64encode
    assert Needles(SHE).within(encode(before + ADA.encode() + after)) == {"email"}


def test_what_is_not_hers_is_not_found() -> None:
    needles = Needles(SHE)
    assert needles.within(b'{"userId": "421", "price": 42, "email": "eve@people.example"}') == set()
    assert needles.short == ["user_id"]


def test_no_name_is_cut_in_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "PIECE", 64)
    needles = Needles(SHE)
    for at in range(0, 700, 7):
        (tmp_path / "f").write_bytes(b"." * at + ADA.encode() + b"." * 700)
        done = Searched()
        search_files([tmp_path], lambda _: False, needles, done)
        assert [one.what for one in done.found] == ["email"], at


def test_packed_values_are_unpacked_and_backups_are_named(tmp_path: Path) -> None:
    frame = polars.DataFrame(
        {"who": [ADA] * 1_000, "n": range(1_000), "deep": [{"a": [ADA]}] * 1_000}
    )
    frame.write_parquet(tmp_path / "a.parquet", compression="zstd")
    (tmp_path / "b.tar").write_bytes(ADA.encode())
    (tmp_path / ADA).write_bytes(b"")
    done = Searched()
    search_files([tmp_path], lambda _: False, Needles(SHE), done)
    assert {Path(one.where).name for one in done.found} == {"a.parquet", ADA}
    assert done.unread == [str(tmp_path / "b.tar")]


def test_every_column_of_every_table_is_searched(house: House) -> None:
    async def story(tx: object) -> None:
        for sql in (
            "CREATE TABLE odd (plain text, raw bytea, doc jsonb, ids uuid[], at int)",
            "INSERT INTO odd VALUES ('x', 'x', '{}', '{}', 1)",
            "CREATE TABLE split (id int, name text) PARTITION BY RANGE (id)",
            "CREATE TABLE split_1 PARTITION OF split FOR VALUES FROM (0) TO (9)",
            f"INSERT INTO split VALUES (1, '{ADA}')",
            f"INSERT INTO odd VALUES ('x', '{ADA.upper()}', '{{}}', '{{{ID}}}', 1)",
            f"""INSERT INTO odd VALUES ('x', 'x', '{{"a": ["{ADA}"]}}', '{{}}', 1)""",
            "ANALYZE split",
        ):
            await execute(tx, sql)  # type: ignore[arg-type]

    house.unit(story)
    done = Searched()
    search_tables(house.url, [house.acme.schema], Needles(SHE), done)
    schema = house.acme.schema
    assert {(one.where.removeprefix(f"{schema}."), one.what) for one in done.found} == {
        ("odd.raw", "email"), ("odd.doc", "email"), ("odd.ids", "profile id"),
        ("split_1.name", "email"),
    } | {(one.where, one.what) for one in done.found if one.where.startswith("column")}  # fmt: skip
    assert done.tables > 40


def test_what_another_shop_knows_of_her_is_its_own(house: House, tmp_path: Path) -> None:
    for shop in house.shops:
        kept = tmp_path / "shops" / shop.slug / "cut"
        kept.mkdir(parents=True)
        (kept / "cut.jsonl").write_bytes(ADA.encode())
        house.unit(lambda tx: execute(tx, f"CREATE TABLE odd AS SELECT '{ADA}' AS said"), shop)
    settings = Settings(data_dir=tmp_path)
    proof = asyncio.run(prove(settings, house.url, house.acme, SHE, NOON))
    assert {one.where for one in proof.found} == {
        f"{house.acme.schema}.odd.said", str(tmp_path / "shops" / "acme" / "cut" / "cut.jsonl"),
    }  # fmt: skip
    assert proof.unread == ["PostgreSQL's own files, which the shops share"]
    assert "found them here" in str(proof) and ADA not in str(proof)


@pytest.mark.parametrize(
    ("hour", "asked", "is_due"),
    [(2, 1, False), (3, 1, True), (5, 1, True), (6, 1, False), (14, 47, False), (14, 48, True)],
)
def test_files_are_written_anew_in_the_shops_night(
    house: House, hour: int, asked: int, is_due: bool
) -> None:
    now = datetime.fromisoformat(f"2026-03-02T{hour:02}:30:00-05:00")
    traces = Traces([], now - timedelta(hours=asked), [])
    assert rewriting.due(traces, house.acme, 3, now) is is_due
