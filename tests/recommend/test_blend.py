"""Several strategies share a link of a chain, and only where the days held back say so."""

import sys
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import House
from patron.recommend.blend.learning import joined
from patron.recommend.blend.reciprocal import falling, fused
from patron.recommend.blend.types import Decision, Way
from patron.recommend.placements.definition import Placement
from patron.recommend.rules.types import Context, Offer, Strategy
from patron.recommend.serving.goods import columns
from patron.recommend.serving.strategies import NO_ITEMS, Moment, Strategies
from patron.recommend.serving.visitors import Seen
from patron.recommend.training import blending
from patron.recommend.training.asking import Posed
from patron.recommend.training.placing import blends
from patron.recommend.training.report import BlendReport
from patron.recommend.types import Scored
from recommend.floor import Floor, a_past, play, product

WEIGHTS = st.sampled_from([[], [1.0, 0.25, 0.5, 0.0, 2.0]])
LISTS = st.lists(st.lists(st.integers(0, 30), unique=True, max_size=20), min_size=1, max_size=5)
PLACEMENT = Placement(
    key="home",
    name="Home",
    count=4,
    chain=[Strategy.FOR_YOU],
    blend=[Strategy.SESSION, Strategy.BEST_SELLERS],
)


@given(LISTS, st.sampled_from([10.0, 60.0]), WEIGHTS)
def test_places_are_added_up_as_the_paper_says(
    lists: list[list[int]], constant: float, weights: list[float]
) -> None:
    expected: dict[int, float] = {}
    for one, weight in zip(lists, weights or [1.0] * 5, strict=False):
        for place, item in enumerate(one, start=1):
            expected[item] = expected.get(item, 0.0) + weight / (constant + place)
    arrays = [np.array(one, np.int32) for one in lists]
    found = fused(arrays, constant, 100, weights[: len(lists)])
    assert set(found.items.tolist()) == set(expected)
    for item, score in zip(found.items.tolist(), found.scores.tolist(), strict=True):
        assert abs(score - expected[item]) < 1e-12
    order = list(zip((-found.scores).tolist(), found.items.tolist(), strict=True))
    assert order == sorted(order)
    for row, (item, list_) in enumerate(zip(found.items, found.spoke, strict=True)):
        places = [one.index(item) for one in lists if item in one]
        assert lists[list_].index(item) == min(places) == found.place[row]
    assert (np.diff(falling(len(found))) < 0).all()


class Planted:
    """Strategies that know what is wanted: each question of a different one. With a share
    below 0 one says nothing."""

    def __init__(self, know: dict[Strategy, float]) -> None:
        self.know = know
        self.goods = columns([None] * 400, [f"p{n}" for n in range(400)], "USD")

    def propose(self, strategy: str, moment: Moment, n: int, *, fallback: bool) -> Offer | None:
        wanted, luck = int(moment.context.product), float(moment.context.now)
        low, high = {"for_you": (0.0, 0.5), "session": (0.5, 1.0)}.get(strategy, (2.0, 2.0))
        share = self.know.get(Strategy(strategy), 0.0)
        if share < 0:
            return None
        draw = np.random.default_rng([wanted, *strategy.encode()])
        items = draw.permutation(np.arange(100, 400, dtype=np.int32))[:n]
        if low <= luck % 1 < low + (high - low) * share:
            items = np.insert(items[:-1], 1, np.int32(wanted))
        return Offer(strategy, Scored(items.astype(np.int32), falling(len(items))))


def asked(count: int) -> list[Posed]:
    none, never = NO_ITEMS, np.empty(0, np.int64)
    seen = Seen(0, none, np.empty(0), none, none, none, never, none, none, none)
    draw = np.random.default_rng(3)
    return [
        Posed(
            Moment(
                Context(now=n + draw.random(), n=0, product=n % 90), seen, NO_ITEMS, np.empty(0)
            ),
            np.array([n % 90], np.int32),
        )
        for n in range(count)
    ]


@pytest.fixture(autouse=True)
def without_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if LightGBM were not installed."""
    monkeypatch.setitem(sys.modules, "lightgbm", None)


def decided(know: dict[Strategy, float], count: int = 600) -> Any:
    strategies = cast("Strategies", Planted(know))
    ruling = blending.judged(PLACEMENT, strategies, asked(count), np.ones(400, np.int64))
    return ruling.report, ruling


def test_a_blend_that_finds_more_is_used_and_one_that_does_not_is_not() -> None:
    report, ruling = decided({Strategy.FOR_YOU: 1.0, Strategy.SESSION: 1.0})
    decision = ruling.decision
    assert report.used and decision is not None and ruling.forest is None
    assert "pip install 'patron[rank]'" in report.trees_why
    assert decision.link == ["for_you", "session"] and decision.is_about(PLACEMENT)
    assert report.ranks_gain.low > 0 and report.ranks.ndcg > report.chain.ndcg
    assert "better than the chain" in report.why and report.questions == 300
    assert decided({Strategy.FOR_YOU: 1.0, Strategy.SESSION: 1.0})[0] == report
    report, ruling = decided({Strategy.FOR_YOU: 1.0})
    assert not report.used and ruling.decision is None
    assert report.ranks_gain.low <= 0 and "no better for sure" in report.why
    report, ruling = decided({Strategy.SESSION: 0.06}, 240)  # more, but it may be chance
    assert report.ranks_gain.value > 0 and not report.used and ruling.decision is None
    report, ruling = decided({Strategy.FOR_YOU: -1.0, Strategy.SESSION: 1.0})
    assert report.link == ["session"] and report.why.startswith("session stands first")
    report, ruling = decided({Strategy.FOR_YOU: 1.0, Strategy.SESSION: 1.0}, 150)
    assert ruling.decision is None and "too little happened (150 of 200 questions)" in report.why


def test_many_questions_of_one_person_are_no_many_proofs() -> None:
    """Six people find more and four find less, each in twenty visits."""
    few = asked(200)
    wanted = np.array([int(one.wanted[0]) for one in few], np.int32)
    nothing = np.full((200, 10), -1, np.int32)
    found, other = nothing.copy(), nothing.copy()
    theirs = np.arange(200) // 20
    found[theirs % 5 < 3, 0] = wanted[theirs % 5 < 3]
    other[theirs % 5 >= 3, 0] = wanted[theirs % 5 >= 3]
    each = blending.gain(found, other, few)
    known = [
        msgspec.structs.replace(one, person=int(who)) for one, who in zip(few, theirs, strict=True)
    ]
    people = blending.gain(found, other, known)
    assert each.value == people.value == pytest.approx(0.2)
    assert each.low > 0 > people.low


@pytest.mark.parametrize(("better", "used"), [(1, False), (60, True)])
def test_trees_are_used_only_if_they_find_more_for_sure(
    better: int, used: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def learned(_: object, __: object, ___: object, late: blending.Quiz) -> blending.Learned:
        rows = late.of_chain().copy()
        for row, wanted in zip(rows[:better], late.wanted, strict=False):
            row[0] = wanted[0]
        return blending.Learned(joined([]), rows)

    monkeypatch.setattr(blending, "trees", learned)
    report, ruling = decided({Strategy.FOR_YOU: 1.0})
    assert report.trees_gain.value > 0 and (report.way == Way.TREES) is used
    assert (ruling.decision is not None) is used and ("not used" in report.trees_why) is not used


def test_an_edited_placement_is_answered_by_its_chain_until_it_is_judged() -> None:
    _, ruling = decided({Strategy.FOR_YOU: 1.0, Strategy.SESSION: 1.0})
    kept = blends([ruling])
    decision = ruling.decision
    assert kept is not None and kept.of(PLACEMENT) == decision
    other = msgspec.structs.replace(PLACEMENT, chain=[Strategy.FOR_YOU, Strategy.NEW])
    assert kept.of(other) is None
    assert kept.of(msgspec.structs.replace(PLACEMENT, blend=[Strategy.SESSION])) is None
    renamed = msgspec.structs.replace(PLACEMENT, name="Start", count=9)
    assert kept.of(renamed) == decision


def test_an_answer_of_a_shared_link_names_who_spoke(house: House, tmp_path: Path) -> None:
    goods = [product(id, 1_000) for id in ("lamp", "bulb", "cup", "tea", "vase", "rug")]

    async def story(floor: Floor) -> None:
        await floor.stock(*goods)
        await a_past(floor)
        await floor.train(refresh=True)
        alone = await floor.answer("also_viewed", product="lamp")
        engine = await floor.engine()
        placement = engine.book.placements["also_viewed"]
        chain = [*placement.chain, *placement.fallback]
        link = [Strategy.ALSO_VIEWED, Strategy.TOGETHER]
        decision = Decision("also_viewed", chain, placement.blend, link, Way.RANKS, 60.0)
        ruling = blending.Ruling(BlendReport(True, "", 0), decision)
        engine.models = msgspec.structs.replace(engine.models, blend=blends([ruling]))
        engine.strategies = Strategies(engine.models, engine.stock.goods)
        both = await floor.answer("also_viewed", product="lamp")
        assert {one["id"] for one in both["items"]} == {one["id"] for one in alone["items"]}
        first = {one["codes"][0] for one in both["items"] if "fallback" not in one["codes"]}
        assert first <= {"also_viewed", "together", "similar"} and first
        scores = [one["score"] for one in both["items"]]
        assert scores[0] == 1.0 and scores == sorted(scores, reverse=True)

    play(house, tmp_path, story)
