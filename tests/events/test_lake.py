"""The lake holds the log once, through crashes, restores and erasures, and others can read it."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import duckdb
import msgspec
import polars
import pyarrow
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from conftest import NOON, House
from patron.app.errands.housekeeping import Keeper
from patron.events.lake import copying
from patron.events.lake import store as lake_store
from patron.events.sorted import keeping
from patron.events.sorted.layout import sorted_of
from patron.kit.db import Database, Tx, begun, connect, execute
from patron.kit.lake import Lake, LakeError, lake_of
from patron.kit.settings import Settings
from patron.segments import store as segments

ADA, BEN = uuid4(), uuid4()


async def log_events(tx: Tx, first: int, last: int, origin: UUID = ADA, mark: str = "m") -> None:
    """Events of the positions first … last, as the walk would have left them."""
    await execute(tx, "CREATE TABLE IF NOT EXISTS event_all PARTITION OF event DEFAULT")
    await execute(
        tx,
        "INSERT INTO event (position, ts, received_at, origin_id, type, trust, source, flags, name,"
        " message_id, user_id, body) SELECT p, %s + p * interval '1 hour', %s, %s, 0, 2, 1, 0,"
        " 'Order Completed', %s || p, '', %s FROM generate_series(%s::bigint, %s::bigint) p",
        (NOON, NOON, origin, mark, '{"properties":{"say":"a \\"b\\",\\nc"}}', first, last),
    )
    await execute(tx, "UPDATE walk SET position = %s", (last,))


class Shed:
    """A lake in a folder of the test, and a way to run its writer."""

    def __init__(self, house: House, folder: Path) -> None:
        self.house = house
        self.folder = folder
        self.lake = Lake(str(folder / "lake"))

    def log(self, first: int, last: int, origin: UUID = ADA, mark: str = "m") -> None:
        self.house.unit(lambda tx: log_events(tx, first, last, origin, mark))

    def copy(self) -> copying.Copied:
        async def story(_: object) -> copying.Copied:
            async with await connect(self.house.url, "lake") as connection:
                kept = copying.Cut(self.folder / "cut", merged=segments.merged_lines)
                return await copying.copy(connection, self.house.acme, self.lake, kept, NOON)

        return self.house.run(story)

    def positions(self) -> list[int]:
        sql = "SELECT position FROM read_parquet($files) ORDER BY position"
        with duckdb.connect() as db:
            return [p for (p,) in db.execute(sql, {"files": self.lake.files()}).fetchall()]


@pytest.fixture
def shed(house: House, tmp_path: Path) -> Shed:
    return Shed(house, tmp_path)


def test_every_event_is_copied_once_and_read_by_duckdb_and_polars(shed: Shed) -> None:
    shed.log(1, 900)
    assert shed.copy().events == 900
    shed.log(901, 1000)
    assert shed.copy().events == 100
    assert shed.copy().events == 0
    assert shed.positions() == list(range(1, 1001))
    frame = polars.read_delta(shed.lake.uri)
    assert frame.height == 1000
    first = frame.filter(polars.col("position") == 1).to_dicts()[0]
    assert first["ts"] == NOON + timedelta(hours=1)
    assert first["type"] == "track"
    assert (first["user_id"], first["anonymous_id"]) == ("", None)
    assert msgspec.json.decode(first["body"])["properties"]["say"] == 'a "b",\nc'
    assert sorted(frame["month"].unique()) == ["2026-03", "2026-04"]


def test_a_crash_between_the_lakes_commit_and_ours_copies_nothing_twice(shed: Shed) -> None:
    shed.log(1, 10)
    shed.copy()
    shed.house.unit(lambda tx: execute(tx, "UPDATE walk SET lake_position = 0"))
    shed.log(11, 20)
    assert shed.copy().events == 10
    assert shed.positions() == list(range(1, 21))


def test_a_second_writer_is_refused(shed: Shed) -> None:
    shed.log(1, 5)

    async def story(_: object) -> None:
        async with await connect(shed.house.url, "first") as first:
            async with begun(first, shed.house.acme.schema):
                assert await lake_store.try_lock(first, shed.house.acme.schema)
            async with await connect(shed.house.url, "second") as second:
                with pytest.raises(copying.Busy):
                    await copying.copy(
                        second, shed.house.acme, shed.lake, copying.Cut(shed.folder), NOON
                    )

    shed.house.run(story)
    shed.copy()
    columns = shed.lake.table()
    assert columns is not None
    with pytest.raises(LakeError, match="holds the log up to 5, not 0"):
        shed.lake.append(columns.to_pyarrow_table(), epoch_of(shed), 0, 5)


def test_a_commit_that_lost_a_race_is_not_put_behind_the_winners(
    shed: Shed, monkeypatch: pytest.MonkeyPatch
) -> None:
    shed.log(1, 10)
    shed.copy()
    stale = shed.lake.table()
    shed.log(11, 20)
    shed.copy()
    (rows,) = shed.lake.rows_after(10)
    monkeypatch.setattr(shed.lake, "table", lambda: stale)
    with pytest.raises(CommitFailedError):
        shed.lake.append(pyarrow.Table.from_batches([rows]), epoch_of(shed), 10, 20)
    monkeypatch.undo()
    assert shed.positions() == list(range(1, 21))


def epoch_of(shed: Shed) -> str:
    return str(shed.house.unit(lake_store.state).epoch)


@pytest.mark.parametrize("written_after_the_restore", [0, 10, 30])
def test_a_restored_database_cuts_the_lake_back(shed: Shed, written_after_the_restore: int) -> None:
    shed.log(1, 50)
    shed.copy()
    before = epoch_of(shed)
    shed.log(51, 70)
    shed.copy()

    async def restore(tx: Tx) -> None:
        await execute(tx, "DELETE FROM event WHERE position > 50")
        await execute(tx, "UPDATE walk SET position = 50, lake_position = 50")

    shed.house.unit(restore)
    last = 50 + written_after_the_restore
    if written_after_the_restore:
        shed.log(51, last, mark="after")
    copied = shed.copy()
    assert copied.events == written_after_the_restore
    assert shed.positions() == list(range(1, last + 1))
    assert epoch_of(shed) != before
    assert copied.cut_to is not None
    cut = [msgspec.json.decode(line) for line in Path(copied.cut_to).read_bytes().splitlines()]
    assert [event["messageId"] for event in cut] == [f"m{p}" for p in range(51, 71)]
    assert cut[0]["event"] == "Order Completed"
    shed.log(last + 1, last + 5, BEN)
    assert shed.copy().events == 5
    assert shed.positions() == list(range(1, last + 6))
    shed.house.unit(lambda tx: lake_store.queue_erasure(tx, [BEN], NOON))
    assert shed.copy().erased == 5
    assert shed.positions() == list(range(1, last + 1))


@pytest.mark.parametrize("written_after_the_restore", [0, 10, 30])
def test_a_backup_from_before_the_first_copy_does_not_double_the_lake(
    shed: Shed, written_after_the_restore: int
) -> None:
    shed.log(1, 70)
    shed.copy()

    async def restore(tx: Tx) -> None:
        await execute(tx, "DELETE FROM event WHERE position > 50")
        await execute(tx, "UPDATE walk SET position = 50, lake_position = 0, epoch = NULL")

    shed.house.unit(restore)
    last = 50 + written_after_the_restore
    if written_after_the_restore:
        shed.log(51, last, mark="after")
    copied = shed.copy()
    assert shed.positions() == list(range(1, last + 1))
    assert copied.cut_to is not None
    cut = [msgspec.json.decode(line) for line in Path(copied.cut_to).read_bytes().splitlines()]
    assert [event["messageId"] for event in cut] == [f"m{p}" for p in range(51, 71)]
    assert shed.copy().cut_to is None


def test_the_same_backup_restored_again_cuts_again(shed: Shed) -> None:
    shed.log(1, 50)
    shed.copy()
    epoch = epoch_of(shed)

    async def restore(tx: Tx) -> None:
        await execute(tx, "DELETE FROM event WHERE position > 50")
        await execute(
            tx, "UPDATE walk SET position = 50, lake_position = 50, epoch = %s", (UUID(epoch),)
        )

    for life in ("first", "second", "third"):
        shed.log(51, 60, mark=life)
        shed.copy()
        assert shed.positions() == list(range(1, 61))
        shed.house.unit(restore)
        assert shed.copy().cut_to is not None
        assert shed.positions() == list(range(1, 51)), life


def test_an_erased_person_is_in_no_file_of_the_lake(shed: Shed) -> None:
    shed.log(1, 20, ADA)
    shed.copy()
    shed.log(21, 40, BEN)
    shed.copy()
    shed.house.unit(lambda tx: lake_store.queue_erasure(tx, [BEN], NOON))
    assert shed.copy().erased == 20
    assert shed.positions() == list(range(1, 21))
    everything = b"".join(p.read_bytes() for p in shed.folder.rglob("*") if p.is_file())
    assert str(ADA).encode() in b"".join(
        str(o).encode() for o in polars.read_delta(shed.lake.uri)["origin_id"].unique()
    )
    assert str(BEN).encode() not in everything
    live = {Path(uri).name for uri in shed.lake.files()}
    kept = (shed.folder / "lake").rglob("*.parquet")
    assert {p.name for p in kept if "_delta_log" not in p.parts} == live
    assert shed.copy().erased == 0


def test_many_small_files_are_merged(shed: Shed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("patron.kit.lake.COMPACT_FILES", 4)
    for start in range(1, 50, 10):
        shed.log(start, start + 9)
        before = shed.lake.files()
        compacted = shed.copy().compacted
    assert compacted
    assert shed.positions() == list(range(1, 51))
    with duckdb.connect() as db:  # who had begun to read goes on
        assert len(db.read_parquet(before)) == 40
    assert len(DeltaTable(shed.lake.uri).file_uris()) == 1


def test_the_sorted_copy_waits_for_the_walk_within_a_bound_and_is_made_up_for(
    shed: Shed, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, shop = shed.house, shed.house.acme
    shed.lake = lake_of(shed.folder, shop.slug)
    monkeypatch.setattr(keeping, "MUCH", 100)
    monkeypatch.setattr(keeping, "LATER", 400)

    def held() -> int:
        there = sorted_of(shed.folder, shop.slug).manifest()
        return 0 if there is None else there.position

    async def wait_for_the_walk(tx: Tx) -> None:
        await execute(
            tx,
            "WITH of AS (INSERT INTO lane (kind, process, started_at) VALUES ('live', 'p', %s)"
            " RETURNING id) INSERT INTO inbox SELECT 0, id, 1, %s, %s, %s, '[]' FROM of",
            (NOON, NOON, copying.FULL_BATCH, copying.FULL_BATCH),
        )

    async def is_due(db: Database) -> bool:
        keeper = Keeper(Settings(data_dir=shed.folder), house.clock, db)
        return await keeper._lake_is_due(shop, house.clock.now() + timedelta(minutes=2))

    async def walked(tx: Tx) -> None:
        await execute(tx, "UPDATE lane SET cursor_seq = 1")

    shed.log(1, 50)
    shed.copy()
    assert held() == 50
    house.unit(wait_for_the_walk)
    logged = 50
    for upto, sorted_upto in ((449, 50), (450, 450), (700, 450)):
        shed.log(logged + 1, upto)
        logged = upto
        shed.copy()
        assert held() == sorted_upto
    assert not house.run(is_due)
    house.unit(walked)
    assert house.run(is_due)  # the lake itself lacks nothing
    assert shed.copy().events == 0
    assert held() == 700
    assert not house.run(is_due)


def test_a_lake_may_begin_with_events_that_were_all_erased(shed: Shed) -> None:
    async def only_positions(tx: Tx) -> None:
        await execute(tx, "UPDATE walk SET position = 3")

    shed.house.unit(only_positions)
    assert shed.copy().position == 3
    shed.log(4, 5)
    assert shed.copy().events == 2
    assert shed.positions() == [4, 5]
