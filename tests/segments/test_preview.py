"""Everybody is asked, a few at a time; who runs out of time says what was counted so far."""

from datetime import timedelta
from typing import Any

from conftest import House
from patron.segments import trying
from patron.segments.rules.language import parse
from patron.segments.trying import preview
from stage import Stage, play

VIEWED = {"event": "Page Viewed", "count": {"op": "at_least", "value": 2}}


async def visitors(stage: Stage, count: int) -> None:
    """Every second one looked twice."""
    once = [stage.event("Page Viewed", f"u:v{n}") for n in range(count)]
    twice = [stage.event("Page Viewed", f"u:v{n}", timedelta(hours=1)) for n in range(0, count, 2)]
    await stage.walk(*once, *twice)


def test_people_are_asked_page_by_page(house: House, monkeypatch: Any) -> None:
    monkeypatch.setattr(trying, "AT_ONCE", 4)
    heard: list[tuple[int, int]] = []

    async def story(stage: Stage) -> None:
        await visitors(stage, 10)
        found = await preview(
            stage.db,
            stage.shop,
            parse(VIEWED),
            stage.now,
            told=lambda looked_at, of: heard.append((looked_at, of)),
        )
        assert (found.count, found.looked_at, found.of, found.complete) == (5, 10, 10, True)
        assert len({one.id for one in found.sample}) == 5

    play(house, story)
    assert heard == [(4, 10), (8, 10), (10, 10)]


def test_those_who_did_too_much_for_one_page_are_asked_in_halves(
    house: House, monkeypatch: Any
) -> None:
    monkeypatch.setattr(trying, "EVENTS_AT_ONCE", 3)

    async def story(stage: Stage) -> None:
        await visitors(stage, 9)
        views = [stage.event("Page Viewed", "u:v1", timedelta(days=n)) for n in range(20)]
        await stage.walk(*views)
        found = await preview(stage.db, stage.shop, parse(VIEWED), stage.now)
        assert (found.count, found.of) == (6, 9)

    play(house, story)


def test_when_time_runs_out_the_count_is_a_least_one(house: House, monkeypatch: Any) -> None:
    monkeypatch.setattr(trying, "AT_ONCE", 4)
    times = iter([0.0, 1.0, 2.0, 9.0, 9.0])
    monkeypatch.setattr(trying, "monotonic", lambda: next(times))

    async def story(stage: Stage) -> None:
        await visitors(stage, 10)
        found = await preview(stage.db, stage.shop, parse(VIEWED), stage.now, seconds=8)
        assert (found.count, found.looked_at, found.of, found.complete) == (4, 8, 10, False)
        assert found.said == "at least 4 of 10 people; 8 were looked at"

    play(house, story)


def test_a_shop_without_people(house: House) -> None:
    async def story(stage: Stage) -> None:
        found = await preview(stage.db, stage.shop, parse(VIEWED), stage.now)
        assert (found.count, found.of, found.complete, found.sample) == (0, 0, True, [])

    play(house, story)
