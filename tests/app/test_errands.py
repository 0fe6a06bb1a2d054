"""A job that hangs is ended, said and left out for a while; a new shop's models do not wait."""

import asyncio
import logging
from datetime import timedelta
from pathlib import Path

import pytest

from conftest import House
from patron.app.errands import running as errands
from patron.app.errands.housekeeping import Keeper
from patron.app.errands.running import DONE, RESTS, Errands
from patron.events.lake import store as lake
from patron.kit.clock import monotonic
from patron.kit.db import Database
from patron.kit.migrate import HOUSE
from patron.kit.settings import Settings
from patron.recommend.shelf import shelf_of
from patron.recommend.training import reports
from patron.recommend.training.report import Counted, Report
from patron.shops import store as shops
from patron.shops.types import Shop

NOTED = "from pathlib import Path; import sys; Path(sys.argv[1] + sys.argv[2]).touch()\n"
HANGS = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])  # holds our output too
time.sleep(60)
"""


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which `python -m` finds jobs of ours, each of which writes down that it ran."""
    monkeypatch.chdir(tmp_path)
    texts = {"hangs": HANGS, "quick": "print('{}')", "broken": "raise SystemExit(3)"}
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(NOTED + text)
    monkeypatch.setitem(errands.LIMITS, "hangs", 1.0)
    return tmp_path


def counted(shop: Shop, job: str, outcome: str) -> float:
    return float(DONE.labels(shop.slug, job, outcome)._value.get())


def test_a_job_that_hangs_keeps_no_other_shop_waiting(
    house: House, jobs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    acme, bolt = (Errands(house.clock, lambda: False) for _ in house.shops)
    before = counted(house.acme, "hangs", "hung")

    async def story() -> None:
        began = monotonic()
        await asyncio.gather(
            acme.run("hangs", house.acme, "hangs"), bolt.run("quick", house.bolt, "quick")
        )
        assert monotonic() - began < 20
        assert (jobs / f"quick{house.bolt.slug}").exists()
        (jobs / f"hangs{house.acme.slug}").unlink()
        await acme.run("hangs", house.acme, "hangs")
        assert not (jobs / f"hangs{house.acme.slug}").exists()
        await acme.run("quick", house.acme, "quick")
        assert (jobs / f"quick{house.acme.slug}").exists()
        house.clock.advance(RESTS[0])
        await acme.run("hangs", house.acme, "hangs")
        assert (jobs / f"hangs{house.acme.slug}").exists()

    with caplog.at_level(logging.ERROR):
        asyncio.run(story())
    assert counted(house.acme, "hangs", "hung") == before + 2
    said = [one for one in caplog.records if "job hangs was ended" in one.getMessage()]
    assert [getattr(one, "again") for one in said] == ["1:00:00", "6:00:00"]  # noqa: B009


def test_a_worker_that_stops_takes_a_deaf_job_along(
    house: House, jobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errands, "GRACE_SECONDS", 0.3)
    monkeypatch.setitem(errands.LIMITS, "hangs", 60.0)
    began = jobs / f"hangs{house.acme.slug}"
    stopping = Errands(house.clock, began.exists)
    hung = counted(house.acme, "hangs", "hung")
    asyncio.run(asyncio.wait_for(stopping.run("hangs", house.acme, "hangs"), 20))
    assert began.exists() and counted(house.acme, "hangs", "hung") == hung


def test_one_job_that_fails_keeps_no_other_of_the_shop_from_being_done(
    house: House, jobs: Path
) -> None:
    async def story(db: Database) -> None:
        own = Errands(house.clock, lambda: False)
        keeper = Keeper(Settings(data_dir=jobs), house.clock, db)
        done = []

        async def broken(shop: Shop, _: object) -> None:
            await own.run("broken", shop, "broken")

        async def quick(shop: Shop, _: object) -> None:
            await own.run("quick", shop, "quick")
            done.append("quick")

        with pytest.raises(RuntimeError, match="job broken of shop acme ended with 3"):
            await keeper._in_turn(house.acme, house.clock.now(), [broken, quick])
        assert done == ["quick"]

    house.run(story)


def test_a_new_shop_is_counted_each_time_it_has_doubled_until_it_was_judged(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    async def noted(self: Errands, job: str, shop: Shop, module: str = "") -> None:
        ran.append(job)

    monkeypatch.setattr(Errands, "run", noted)
    models = shelf_of(tmp_path, house.acme.slug)

    async def story(db: Database) -> list[tuple[int, list[str]]]:
        keeper, found = Keeper(Settings(data_dir=tmp_path), house.clock, db), []
        for position in (0, 500, 1_000, 1_500, 2_500):
            async with db.unit(house.acme.schema) as tx:
                await lake.set_lake_position(tx, position)
            ran.clear()
            await keeper._models(house.acme, house.clock.now())
            found.append((position, list(ran)))
        reports.ask_for_training(models)
        ran.clear()
        await keeper._models(house.acme, house.clock.now())
        assert ran == ["train"] and not reports.is_asked_for(models)
        reports.keep(models, Report(house.clock.now(), 1, 0, 0, 0, 0, None, 0.0, []))
        async with db.unit(house.acme.schema) as tx:
            await lake.set_lake_position(tx, 9_000)
        ran.clear()
        await keeper._models(house.acme, house.clock.now())
        assert ran == []
        return found

    counted_at = [position for position, jobs in house.run(story) if jobs == ["refresh"]]
    assert counted_at == [0, 1_000, 2_500]


def test_models_are_counted_as_often_as_that_is_cheap(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four hours of a morning at which something happens all the time, and a quiet day."""
    models = shelf_of(tmp_path, house.acme.slug)
    began = (house.clock.now() + timedelta(days=1)).replace(hour=16, minute=0)
    ran: list[tuple[str, timedelta]] = []
    seconds, held = 18.0, 0

    async def noted(self: Errands, job: str, shop: Shop, module: str = "") -> None:
        now = house.clock.now()
        ran.append((job, now - began))
        reports.note(models, Counted(now, held, 9, 1, 1.0, seconds, job == "train"))

    monkeypatch.setattr(Errands, "run", noted)

    async def look(keeper: Keeper, db: Database, minutes: int, *, busy: bool) -> list[float]:
        nonlocal held
        ran.clear()
        start = house.clock.now()
        for _ in range(minutes):
            house.clock.advance(timedelta(minutes=1))
            if busy:
                held += 1
                async with db.unit(house.acme.schema) as tx:
                    await lake.set_lake_position(tx, held)
            await keeper._models(house.acme, house.clock.now())
        assert {job for job, _ in ran} <= {"refresh"}
        return [(at + began - start) / timedelta(minutes=1) for _, at in ran]

    async def story(db: Database) -> None:
        nonlocal seconds
        async with db.unit(HOUSE) as tx:
            many = len(await shops.every(tx))
        seconds = 18.0 / many
        house.clock.set(began)
        reports.keep(models, Report(house.clock.now(), 1, 0, 0, 0, 0, None, 0.0, []))
        keeper = Keeper(Settings(data_dir=tmp_path), house.clock, db)
        assert await look(keeper, db, 60, busy=True) == [1, 16, 31, 46]
        seconds = 90.0 / many
        assert await look(keeper, db, 180, busy=True) == [1, 76, 151]
        seconds = 1.0
        assert await look(keeper, db, 300, busy=False) == [46]  # of what had come before
        assert await look(keeper, db, 400, busy=False) == [106]  # six hours are over

    house.run(story)
