"""What the lake answers: a notebook, SQL at the command line, and the doctor."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import duckdb
import pytest
from typer.testing import CliRunner

from conftest import NOON
from events.test_lake import ADA, BEN, Shed, shed
from patron.app.cli.main import build
from patron.app.notebook import open_shop
from patron.kit.db import Tx, execute
from patron.kit.lake import lake_of

__all__ = ["shed"]


def test_a_notebook_reads_the_events_as_the_lake_has_them(shed: Shed) -> None:
    shed.lake = lake_of(shed.folder, shed.house.acme.slug)
    shop = open_shop(shed.house.acme.slug, shed.folder)
    with pytest.raises(FileNotFoundError, match="patron lake copy"):
        shop.events()
    shed.log(1, 30)
    shed.copy()
    events = shop.events()
    assert events.filter("position > 10").aggregate("count(*)").fetchall() == [(20,)]
    assert events.pl().height == events.to_arrow_table().num_rows == 30
    assert {row[0].tzinfo is None for row in events.select("ts").fetchall()} == {False}
    last = duckdb.sql("SELECT max(position) FROM events")  # by the variable's name
    assert last is not None and last.fetchall() == [(30,)]
    late = shop.events("Order Completed", since=NOON + timedelta(hours=21))
    assert sorted(late.pl()["position"]) == list(range(21, 31))
    assert shop.events("Nobody's").pl().is_empty()
    with pytest.raises(FileNotFoundError, match="no shop 'nobody'"):
        open_shop("nobody", shed.folder)


def at_the_command_line(shed: Shed, monkeypatch: pytest.MonkeyPatch, *words: str) -> Any:
    monkeypatch.setenv("PATRON_DATABASE_URL", shed.house.url)
    monkeypatch.setenv("PATRON_DATA_DIR", str(shed.folder))
    return CliRunner().invoke(build(words[0]), list(words))


def test_questions_in_sql_are_answered_whatever_is_asked_for(
    shed: Shed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(query: str, *how: str) -> Any:
        return at_the_command_line(shed, monkeypatch, "lake", "sql", query, "--shop", "acme", *how)

    def told(query: str) -> Any:
        return json.loads(asked(query, "--json").stdout)

    shed.lake = lake_of(shed.folder, shed.house.acme.slug)
    empty = asked("SELECT 1")
    assert (empty.exit_code, "patron lake copy" in empty.stderr) == (1, True)
    shed.log(1, 30)
    shed.copy()
    row = told("SELECT * FROM events WHERE position = 1")[0]
    assert (row["ts"], row["position"]) == ("2026-03-02 08:00:00-05:00", 1)
    assert told(
        "SELECT sum(position) AS total, max(ts) - min(ts) AS span, 1.5::DECIMAL(9, 2) AS price,"
        " interval 2 month AS months, date_trunc('day', min(ts)) AS day FROM events"
    ) == [
        {"total": 465, "span": "1 day, 5:00:00", "price": "1.50", "months": "2 months, 0:00:00",
         "day": "2026-03-02 00:00:00-05:00"}
    ]  # fmt: skip
    assert told("SELECT count(DISTINCT person(origin_id)) AS people FROM events") == [{"people": 1}]
    share = "SELECT 0.5::DOUBLE AS half, 'nan'::DOUBLE AS none, true AS yes, NULL AS nothing"
    assert told(share) == [{"half": 0.5, "none": "nan", "yes": True, "nothing": None}]
    assert told("DESCRIBE events")[0]["column_name"] == "position"
    assert told("") == told("SELECT 1 WHERE false") == []
    assert "08:00:00" in asked("SELECT ts FROM events WHERE position = 1").stdout
    wrong = asked("SELECT nothing FROM events")
    assert (wrong.exit_code, "DESCRIBE events" in wrong.stderr) == (1, True)


def test_who_became_one_person_stands_beside_the_lake_until_it_is_undone(
    shed: Shed, monkeypatch: pytest.MonkeyPatch
) -> None:
    shed.lake = lake_of(shed.folder, shed.house.acme.slug)
    shop_folder = shed.folder / "shops" / shed.house.acme.slug

    def known(root: UUID) -> list[tuple[str, str]]:
        async def meet(tx: Tx) -> None:
            await execute(
                tx,
                "INSERT INTO origin (id, root_id, first_seen, last_seen, totals)"
                " VALUES (%s, %s, %s, %s, ''), (%s, %s, %s, %s, '')"
                " ON CONFLICT (id) DO UPDATE SET root_id = excluded.root_id",
                (ADA, ADA, NOON, NOON, BEN, root, NOON, NOON),
            )

        shed.house.unit(meet)
        copied = at_the_command_line(shed, monkeypatch, "lake", "copy", "--shop", "acme")
        assert copied.exit_code == 0, copied.stderr
        found = open_shop(shed.house.acme.slug, shed.folder).people().fetchall()
        assert [path.name for path in (shop_folder / "lake").glob("people*")] == ["people.parquet"]
        return found

    shed.log(1, 10, ADA)
    assert known(ADA) == [(str(BEN), str(ADA))]
    shed.log(11, 20, BEN)
    shed.copy()
    shop = open_shop(shed.house.acme.slug, shed.folder)
    both = shop.events().join(shop.people(), "origin_id", how="left")
    whose = both.aggregate("coalesce(person_id, origin_id) AS who, count(*)", "who")
    assert whose.fetchall() == [(str(ADA), 20)]
    (shop_folder / "lake" / "people.new").write_text(str(BEN))  # a writer died
    assert known(BEN) == []
    everything = (shop_folder / "lake" / "people.parquet").read_bytes()
    assert str(BEN).encode() not in everything


def test_the_doctor_sees_a_database_that_knows_less_than_its_lake(
    shed: Shed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seen() -> tuple[str, str]:
        answer = at_the_command_line(shed, monkeypatch, "doctor", "--no-mail", "--json")
        (lake,) = [one for one in json.loads(answer.stdout) if one["what"] == "acme: lake"]
        return lake["state"], lake["remedy"]

    async def restore(tx: Tx) -> None:
        await execute(tx, "DELETE FROM event WHERE position > 50")
        await execute(tx, "UPDATE walk SET position = 50, lake_position = 50")

    shed.lake = lake_of(shed.folder, shed.house.acme.slug)
    shed.log(1, 50)
    shed.copy()
    shed.log(51, 70)
    shed.copy()
    assert seen()[0] == "ok"
    shed.house.unit(restore)
    state, remedy = seen()
    assert (state, "`patron lake copy` cuts" in remedy) == ("failed", True)
    shed.copy()
    assert seen()[0] == "ok"
