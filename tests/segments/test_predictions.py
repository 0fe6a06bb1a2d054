"""Predictions: scores that the shop brings, and what Patron makes of orders by itself."""

import gzip
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from conftest import House
from known import NOW, Known
from patron.app import people
from patron.app.predictions.reading import bring
from patron.kit.ids import new_id
from patron.kit.problems import Problem
from patron.profiles import store as profiles
from patron.segments import filling, saving, tasks
from patron.segments.members import store as members
from patron.segments.predictions import bgnbd, keeping, nightly, store
from patron.segments.predictions.bgnbd import Buyers, Fitted
from patron.segments.predictions.keeping import Score
from patron.segments.predictions.types import OWN, Foretold, Kind, cuts_of, percentile
from patron.segments.rules.language import parse
from patron.segments.rules.reading import Misread
from patron.segments.saved import store as saved
from stage import Stage, play
from tale import save

CDNOW = Path(__file__).parents[3] / "shared/data/cdnow/CDNOW_sample.txt.gz"
PAPER = Fitted(0.243, 4.414, 0.793, 2.426)


@pytest.mark.skipif(not CDNOW.is_file(), reason="the CDNOW sample is not here")
def test_the_paper_is_reproduced() -> None:
    """Table 2 of the paper: the tenth of CDNOW's customers, fitted on the first 39 weeks."""
    with gzip.open(CDNOW, "rt") as file:
        rows = [line.split() for line in file]
    whose: dict[str, int] = {}
    who = np.array([whose.setdefault(row[1], len(whose)) for row in rows])
    day = np.array([date.fromisoformat(row[2]).toordinal() for row in rows])
    end = date(1997, 9, 30).toordinal()
    early = day <= end
    buyers = bgnbd.buyers_of(who[early], day[early], len(whose), end)
    assert len(buyers) == 2_357
    fitted = bgnbd.fit(buyers)
    assert fitted is not None
    found = [fitted.r, fitted.alpha, fitted.a, fitted.b]
    assert [round(one, 3) for one in found] == [0.243, 4.414, 0.793, 2.426]
    assert round(fitted.likelihood, 1) == -9_582.4
    later = np.unique(np.stack((who[~early], day[~early])), axis=1)[0]
    came = np.bincount(later, minlength=len(whose)).astype(float)
    assert bgnbd.tested(fitted, buyers, came, 39).wins


def test_what_is_expected_of_the_customer_that_the_paper_works_out() -> None:
    one = Buyers(np.array([2.0]), np.array([30.43]), np.array([38.86]))
    assert bgnbd.expected(PAPER, one, 39)[0] == pytest.approx(1.226, abs=5e-4)
    new = Buyers(np.array([0.0]), np.array([0.0]), np.array([10.0]))
    assert bgnbd.alive(PAPER, new)[0] == 1
    late = bgnbd.half_time(PAPER, Buyers(np.array([5.0]), np.array([30.0]), np.array([30.0])))
    assert late[0] == pytest.approx(34.414 * (2 ** (1 / 5.243) - 1))


def lives(count: int, weeks: int, seed: int) -> list[tuple[UUID, list[int]]]:
    """Days from 0 on which simulated customers order, by the model itself."""
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        rate, gone = draw.gamma(1.5, 1 / 5), draw.beta(0.8, 3.0)
        at = draw.uniform(0, weeks / 2)
        days = [int(at * 7)]
        while (at := at + draw.exponential(1 / rate)) < weeks:  # nobody leaves after the first
            days.append(int(at * 7))
            if draw.random() < gone:
                break
        found.append((new_id(), days))
    return found


def test_parameters_of_simulated_lives_are_found_again() -> None:
    some = lives(3_000, 100, 7)
    days = np.array([day for _, one in some for day in one])
    who = np.repeat(np.arange(len(some)), [len(one) for _, one in some])
    fitted = bgnbd.fit(bgnbd.buyers_of(who, days, len(some), 700))
    assert fitted is not None
    assert fitted.r == pytest.approx(1.5, rel=0.25) and fitted.alpha == pytest.approx(5, rel=0.25)
    mean = fitted.a / (fitted.a + fitted.b)
    assert mean == pytest.approx(0.8 / 3.8, rel=0.15), "the share that stays away after an order"


def test_nothing_is_published_that_is_good_for_nothing() -> None:
    zone = ZoneInfo("UTC")
    today = (NOW.date() - date(1970, 1, 1)).days

    def told(some: list[list[int]]) -> nightly.Made:
        ordered = [(new_id(), [today - day for day in one]) for one in some]
        return nightly.foretold(ordered, NOW, zone)

    assert told([[20], [30]]).said == "Orders of 84 days are needed; there are those of 30."
    few = told([[200, 150], *[[200]] * 300])
    assert "100 people who ordered again are needed" in few.said and "there are 1" in few.said
    # Everybody ordered each month and nobody will any more: no model of theirs sees it come.
    gone = told([[399, 370, 340, 310, 280, 250, 220, 190, 160, 130, 100]] * 150)
    assert gone.values is None and gone.said.endswith("So nothing is published.")
    some = lives(1_500, 100, 3)
    good = nightly.foretold([(id, [today - 700 + d for d in days]) for id, days in some], NOW, zone)
    assert good.values is not None and set(good.values) == set(OWN)
    assert all(0 <= one <= 1 for one in good.values["alive"].values())


def test_cuts_and_percentiles() -> None:
    cuts = cuts_of([float(n) for n in range(1, 101)])
    assert cuts[0] == 1 and cuts[98] == 99
    assert percentile(cuts, 100, 1) == 0 and percentile(cuts, 100, 100) == 99
    assert percentile(cuts, 24, 100) is None and cuts_of([]) == []


def test_why_it_holds() -> None:
    her = Known(predicted={"churn": Foretold(Kind.NUMBER, 0.7, 93)})
    best = {"predicted": "churn", "among_all": {"op": "at_least", "value": 90}}
    assert parse(best).evaluate(her, NOW).why == [
        "the prediction churn is more than that of 93% of all who have it"
    ]
    rule = {"predicted": "churn", "op": "less_than", "value": 0.5}
    assert parse(rule).evaluate(her, NOW).why == [
        "the prediction churn is 0.7, but asked was: is less than 0.5"
    ]
    assert parse(rule).evaluate(Known(), NOW).why == ["the prediction churn is not known"]


HIGH: dict[str, Any] = {"predicted": "churn", "op": "at_least", "value": 0.5}
SOON: dict[str, Any] = {"predicted": "back", "op": "in_the_next", "value": {"days": 7}}


async def _in(stage: Stage, key: str) -> dict[str, str]:
    """User ids of those in a segment, with the cause of their last change."""
    async with stage.unit() as tx:
        segment = await saved.by_key(tx, key)
        assert segment is not None
        found = await members.members(tx, segment.id, None, 100)
        known = await profiles.identifiers(tx, [one.id for one in found])
        names = {one.origin_id: one.value for one in known if one.kind == "user_id"}
        return {names[one.id]: one.cause for one in found}


async def _bring(stage: Stage, name: str, kind: Kind, **scores: Any) -> Any:
    some = [Score(n, f"user_id:{who}", value) for n, (who, value) in enumerate(scores.items())]
    async with stage.unit() as tx:
        return await keeping.bring(tx, stage.shop, name, None, kind, some, stage.now)


async def _fill(stage: Stage) -> None:
    await filling.fill(stage.db, stage.shop, None, stage.house.clock)


def test_a_new_version_moves_people_and_starts_nothing(house: House) -> None:
    async def story(stage: Stage) -> None:
        await stage.walk(*(stage.event("A", f"u:{who}") for who in ("ada", "eva", "ida")))
        done = await _bring(stage, "churn", Kind.NUMBER, ada=0.9, eva="0.2", nobody=1, ida="x")
        assert (done.version, done.people, done.left_out) == (1, 2, 2)
        assert [one.problem for one in done.problems] == [
            "nobody is known so", "the value is no number",
        ]  # fmt: skip
        back = (stage.now + timedelta(days=9)).isoformat()
        await _bring(stage, "back", Kind.DATE, eva=back)
        await save(stage, "high", HIGH)
        await save(stage, "soon", SOON)
        await _fill(stage)
        assert await _in(stage, "high") == {"ada": "definition"} and not await _in(stage, "soon")
        await _bring(stage, "churn", Kind.NUMBER, eva=0.6)
        await _fill(stage)
        assert await _in(stage, "high") == {"eva": "thresholds"}
        async with stage.unit() as tx:
            assert await members.untold(tx, 10) == []
            hers = await people.export(tx, stage.shop, "user_id:eva")
            assert [one["name"] for one in hers["predictions"]] == ["back", "churn"]
            with pytest.raises(Misread, match="the prediction back is a date"):
                await saving.check(tx, "x", {**HIGH, "predicted": "back"}, [])
            with pytest.raises(Misread, match="there is no prediction so named"):
                await saving.check(tx, "x", {**HIGH, "predicted": "luck"}, [])
        stage.pass_time(days=3)
        while await tasks.fire_due(stage.db, stage.shop, stage.now):
            pass
        assert await _in(stage, "soon") == {"eva": "clock"}
        for problem in ("is asked for by high", "is a number", "itself"):
            with pytest.raises(Problem, match=problem):
                async with stage.unit() as tx:
                    if problem == "is a number":
                        await keeping.bring(tx, stage.shop, "churn", None, Kind.DATE, [], stage.now)
                    await keeping.drop(tx, "churn" if "asked" in problem else "alive")

    play(house, story)


def test_patrons_own_are_made_in_the_night(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(stage: Stage) -> None:
        await stage.walk(stage.orders("u:ada"), stage.event("A", "u:eva"))
        async with stage.unit() as tx:
            assert await nightly.is_due(tx, stage.shop, stage.now)
        await _fill(stage)
        async with stage.unit() as tx:
            told = await store.every(tx)
            assert {one.name for one in told} == set(OWN) and {one.version for one in told} == {0}
            assert told[0].said == "Orders of 84 days are needed; there are those of 0."
            assert not await nightly.is_due(tx, stage.shop, stage.now)
            ada = await profiles.find(tx, "user_id:ada")
            assert ada is not None
        await save(stage, "gone", {"predicted": "alive", "op": "less_than", "value": 0.3})
        made = {name: {ada: 0.2} for name in OWN}
        monkeypatch.setattr(nightly, "foretold", lambda *_: nightly.Made("Good.", made))
        stage.pass_time(days=1)
        await _fill(stage)
        assert set(await _in(stage, "gone")) == {"ada"}

    play(house, story)


def test_a_file_of_scores(house: House, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("Email;Score\nada@customers.example;0,5\nADA@customers.example;0.7\nx@y.z;1\n")

    async def story(stage: Stage) -> None:
        event = stage.event("Identified", "u:ada")
        event.type, event.traits = event.type.IDENTIFY, {"email": "ada@customers.example"}
        await stage.walk(event)
        done = await bring(stage.db, stage.shop, "churn", path, Kind.NUMBER, "Risk", stage.now)
        assert (done.rows, done.people, done.left_out) == (3, 1, 2)
        assert [one.row for one in done.problems] == [2, 4]
        path.write_text("a,b\n1,2\n")
        with pytest.raises(Problem, match="do not name people and values"):
            await bring(stage.db, stage.shop, "churn", path, Kind.NUMBER, None, stage.now)

    play(house, story)
