"""What is old goes, a little at a time, and what is kept of whom can be seen."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from app.audited import Api, told
from conftest import NOON, House
from events.test_lake import Shed
from patron.app.care import leftovers
from patron.app.errands.housekeeping import Keeper
from patron.app.retention import sweeping
from patron.app.retention.files import Files
from patron.app.retention.kinds import KINDS, Kind
from patron.events.lake import copying
from patron.kit.db import Database, Tx, connect, execute, tuples, value
from patron.kit.ids import new_id
from patron.kit.settings import Settings, SettingsError, load
from patron.profiles import walk
from patron.profiles.erasure.naming import Names
from patron.shops.audit import store as audit
from patron.shops.audit.types import PATRON
from patron.shops.retention import store as retention
from profiles.stories import identified, seen

LONG_AGO = NOON - timedelta(days=3 * 365)
OLD, YOUNG = NOON - timedelta(days=800), NOON - timedelta(days=10)


def kind(name: str) -> Kind:
    return next(one for one in KINDS if one.name == name)


async def furnish(tx: Tx, house: House, at: datetime) -> None:
    """One of everything that goes by age, from the moment `at`."""
    await execute(
        tx,
        "INSERT INTO outbox (id, state, source, run_id, step_visit, origin_id, channel, purpose,"
        " template, arm, context, queued_at, due_at, expires_at, done_at, address, detail, story)"
        " VALUES (%s, 'sent', 'j', %s, '1', %s, 'email', 'marketing', 't', 'treatment', %s, %s, %s,"
        " %s, %s, 'ada@x.example', %s, '[{}]')",
        (
            *(new_id(), new_id(), new_id(), json.dumps({"cart_id": str(new_id()), "name": "Ada"})),
            *(at, at, at, at, json.dumps({"rehearsal": True, "subject": "Ada"})),
        ),
    )
    await execute(
        tx,
        "INSERT INTO cart (id, key, origin_id, opened_at, changed_at, closed_at, closed_reason,"
        " items, value, currency) VALUES (%s, 'k', %s, %s, %s, %s, 'expired', '[]', 0, 'USD')",
        (new_id(), new_id(), at, at, at),
    )
    await execute(
        tx,
        "INSERT INTO dead_letter (at, received_at, reason, detail, payload)"
        " VALUES (%s, %s, 'poison', '', '')",
        (at, at),
    )
    await audit.record(tx, PATRON, "something", None, {}, at)


async def count(tx: Tx, table: str, where: str = "true") -> int:
    return int(await value(tx, f"SELECT count(*) FROM {table} WHERE {where}"))


def sweep(house: House, settings: Settings, now: datetime = NOON) -> dict[str, int]:
    return house.run(lambda db: sweeping.sweep(db, house.acme, settings, now))


def test_what_is_old_goes_and_what_is_young_stays(house: House, tmp_path: Path) -> None:
    async def story(tx: Tx) -> None:
        await furnish(tx, house, OLD)
        await furnish(tx, house, YOUNG)

    house.unit(story)
    gone = sweep(house, Settings(data_dir=tmp_path))
    assert {name: gone[name] for name in ("messages", "carts", "dead_letters", "audit")} == {
        "messages": 1, "carts": 1, "dead_letters": 1, "audit": 1,
    }  # fmt: skip

    async def look(tx: Tx) -> None:
        assert await count(tx, "cart") == await count(tx, "dead_letter") == 1
        assert await count(tx, "audit") == 1
        emptied, whole = await tuples(
            tx, "SELECT address, context, detail, story FROM outbox ORDER BY done_at"
        )
        assert emptied[0] is None and "cart_id" in emptied[1] and "name" not in emptied[1]
        assert emptied[2:] == ({"rehearsal": True}, [])
        assert whole[0] == "ada@x.example"

    house.unit(look)


def test_nothing_goes_where_the_owner_keeps_everything(house: House, tmp_path: Path) -> None:
    house.unit(lambda tx: furnish(tx, house, LONG_AGO))
    for_ever = Settings(
        data_dir=tmp_path,
        dead_letter_retention_days=0,
        message_retention_months=0,
        cart_retention_months=0,
        anonymous_retention_months=0,
        audit_retention_months=0,
    )
    assert {name: n for name, n in sweep(house, for_ever).items() if n} == {}


def test_much_goes_in_small_steps(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "STEPS_AT_ONCE", 2)
    letters = kind("dead_letters")
    monkeypatch.setattr(sweeping, "KINDS", [msgspec.structs.replace(letters, batch=10)])
    fill = (
        "INSERT INTO dead_letter (at, received_at, reason, detail, payload)"
        " SELECT %s, %s, '', '', '' FROM generate_series(1, 45)"
    )
    house.unit(lambda tx: execute(tx, fill, (OLD, OLD)))
    settings = Settings(data_dir=tmp_path)
    went = [
        sweep(house, settings, NOON + timedelta(minutes=n)).get("dead_letters") for n in range(4)
    ]
    assert went == [20, 20, 5, None], "an hour's rest when nothing is left"
    (shown,) = house.run(
        lambda db: sweeping.report(db, house.acme, settings, tmp_path, NOON + timedelta(minutes=4))
    )
    assert (shown.last_gone, shown.gone) == (45, 45)
    assert shown.next_at == NOON + timedelta(minutes=62)


def test_visitors_nobody_knew_are_forgotten_and_known_ones_are_not(
    house: House, tmp_path: Path
) -> None:
    async def story(tx: Tx) -> None:
        batch = [
            seen(browser="long-gone", ts=LONG_AGO),
            seen(browser="back-again", ts=LONG_AGO),
            identified("ada", "hers", email="ada@x.example", ts=LONG_AGO),
        ]
        await walk.resolve(tx, house.acme, batch, NOON, house.signer)
        await walk.resolve(tx, house.acme, [seen(browser="back-again")], NOON, house.signer)

    house.unit(story)
    assert sweep(house, Settings(data_dir=tmp_path))["anonymous"] == 1

    async def look(tx: Tx) -> list[str]:
        assert await count(tx, "tombstone") == 0
        found = await tuples(tx, "SELECT value FROM identifier ORDER BY value")
        return [name for (name,) in found]

    assert house.unit(look) == ["ada", "ada@x.example", "back-again", "hers"]


def test_files_go_by_their_age(tmp_path: Path) -> None:
    names = ("cut-20250101T000000-7.jsonl", "cut-20260228T000000-9.jsonl")
    for name in names:
        (tmp_path / name).touch()
    files = Files(tmp_path)
    assert files.oldest() == datetime.fromisoformat("2025-01-01T00:00:00Z")
    assert files.expire(NOON - timedelta(days=90)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [names[1]]
    assert Files(tmp_path / "none").oldest() is None


def test_whole_months_leave_the_lake_and_nothing_else_is_disturbed(
    house: House, tmp_path: Path
) -> None:
    shed = Shed(house, tmp_path)
    shed.log(1, 2_000)  # an hour each: March to May
    shed.copy()
    months = shed.lake.months()
    assert months == ["2026-03", "2026-04", "2026-05"]

    async def keep_from(month: str) -> copying.Copied:
        async with await connect(house.url, "lake") as connection:
            kept = copying.Cut(tmp_path / "cut", oldest=month)
            return await copying.copy(connection, house.acme, shed.lake, kept, NOON)

    done = house.run(lambda _: keep_from("2026-04"))
    assert (done.months, done.events, done.cut_to) == (1, 0, None)
    assert shed.lake.months() == months[1:]
    assert not list((tmp_path / "lake").glob("month=2026-03/*.parquet"))
    assert house.run(lambda _: keep_from("2026-04")).months == 0
    shed.log(2_001, 2_010)
    assert (shed.copy().events, shed.copy().cut_to) == (10, None), "how far it is stays known"
    with duckdb.connect() as db:
        sql = "SELECT min(position), max(position) FROM read_parquet($files)"
        first, last = db.execute(sql, {"files": shed.lake.files()}).fetchone() or (0, 0)
    assert 600 < first < 800 and last == 2_010

    async def restored(tx: Tx) -> None:  # to a backup from before the last ten
        await execute(tx, "DELETE FROM event WHERE position > 2000")
        await execute(tx, "UPDATE walk SET position = 2000, lake_position = 2000")

    house.unit(restored)
    cut = shed.copy().cut_to
    assert cut is not None and len(Path(cut).read_text().splitlines()) == 10
    shed.house.unit(lambda tx: execute(tx, "DELETE FROM event"))
    assert house.run(lambda _: keep_from("2027-01")).months == 2
    shed.log(2_001, 2_002, mark="n")
    assert shed.copy().events == 2
    assert shed.positions() == [2_001, 2_002]


def test_the_worker_writes_over_what_an_erasure_left_in_the_shops_night(
    house: House, tmp_path: Path
) -> None:
    async def erased(tx: Tx) -> None:
        await execute(tx, "CREATE TABLE event_2026_03 PARTITION OF event DEFAULT")
        await retention.leave_trace(tx, ["event_2026_03", "event_1999_01"], NOON)

    async def night(db: Database) -> list[bool]:
        settings = Settings(data_dir=tmp_path, erasure_rewrite_hour=3)
        keeper = Keeper(settings, house.clock, db)
        waits = []
        for hour in (1, 7, 8):  # in New York it is five hours earlier
            now = NOON.replace(day=3, hour=hour)
            await keeper._write_over_traces(house.acme, now)
            async with db.unit(house.acme.schema) as tx:
                waits.append(await retention.traces(tx) is not None)
        return waits

    house.unit(erased)
    files = "SELECT pg_relation_filepath('outbox')"
    old = house.unit(lambda tx: value(tx, files))
    assert house.run(night) == [True, True, False]
    assert house.unit(lambda tx: value(tx, files)) != old, "written anew"


def test_every_kind_is_shown_with_its_setting_and_what_is_lost(
    house: House, tmp_path: Path
) -> None:
    house.unit(lambda tx: furnish(tx, house, OLD))

    async def story(api: Api) -> list[dict[str, Any]]:
        await sweeping.sweep(api.web.db, house.acme, api.web.settings, NOON)
        return list((await api.call("GET", "/api/retention")).json())

    shown = {one["kind"]: one for one in told(house, tmp_path, story)}
    assert list(shown) == [one.name for one in KINDS]
    for one in shown.values():
        assert one["lost"] and one["what"]
        assert one["setting"] is None or one["setting"] in Settings.__struct_fields__
    messages = shown["messages"]
    assert (messages["kept"], messages["unit"], messages["last_gone"]) == (24, "months", 1)
    assert messages["oldest"] is None
    assert messages["next_at"].startswith("2026-03-02T13:00")
    assert shown["lake"]["kept"] == 0 and shown["anonymous"]["last_at"]


def test_the_lake_keeps_no_less_than_the_database() -> None:
    given = {"PATRON_LAKE_RETENTION_MONTHS": "6", "PATRON_EVENT_RETENTION_MONTHS": "13"}
    with pytest.raises(SettingsError, match="lake_retention_months = 6 is less than"):
        load(None, given)
    assert load(None, {**given, "PATRON_LAKE_RETENTION_MONTHS": "13"}).lake_retention_months == 13


def test_months_are_counted_in_the_calendar() -> None:
    settings = Settings(audit_retention_months=1, lake_retention_months=13)
    last_of_march = datetime.fromisoformat("2026-03-31T10:00:00Z")
    before = kind("audit").before(settings, last_of_march)
    assert before == datetime.fromisoformat("2026-02-28T10:00:00Z")
    assert sweeping.oldest_month(settings, last_of_march) == "2025-02"


def test_an_erased_person_leaves_the_reports_of_imports(tmp_path: Path) -> None:
    report = tmp_path / "people-1.problems.csv"
    lines = [
        b"row,column,value,problem,remedy\r\n",
        b'2,email,"Ada@X.example","not\r\nan address",mend\r\n',
        b"3,user_id,42,twice,mend\r\n",
        b"4,price,42.42,too much,mend\r\n",
    ]
    report.write_bytes(b"".join(lines))
    standing = {"file": "people.csv", "report_size": 4, "examples": [{"row": 2, "value": "42"}]}
    (tmp_path / "people-1.json").write_text(json.dumps(standing))
    names = Names([("email", "ada@x.example"), ("user_id", "42")], "US")
    assert leftovers.erase_reports(tmp_path, names.within) == 3
    left = report.read_bytes()
    assert len(left) == sum(map(len, lines))
    assert b"Ada" not in left and b"user_id" not in left
    assert left.startswith(lines[0]) and left.endswith(lines[3])
    assert json.loads((tmp_path / "people-1.json").read_text())["examples"] == [
        {"row": 2, "value": leftovers.GONE}
    ]
