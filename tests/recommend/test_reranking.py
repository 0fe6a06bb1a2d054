"""Trees learn which of the offered products were cared for; whoever answers needs no LightGBM."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patron.recommend import shelf, tasks
from patron.recommend.blend import learning
from patron.recommend.blend.features import features, names
from patron.recommend.blend.learning import Group, NotInstalledError, flat, joined, learned
from patron.recommend.blend.link import reranked
from patron.recommend.blend.reciprocal import fused
from patron.recommend.blend.trees import predicted
from patron.recommend.blend.types import Decision, Way
from patron.recommend.rules.types import NONE, Context, Offer, Strategy
from patron.recommend.serving.goods import columns
from patron.recommend.serving.opened import opened
from patron.recommend.serving.strategies import NO_ITEMS, Moment, Strategies
from patron.recommend.training import blending
from patron.recommend.training.placing import blends
from patron.recommend.training.report import BlendReport
from patron.recommend.types import Scored
from recommend.test_blend import PLACEMENT, Planted, asked
from recommend.test_training import NOW, deeds, material, pairs

LINK = [Strategy.FOR_YOU, Strategy.SESSION]


def lightgbm_or_skip() -> Any:
    """LightGBM, where it is installed with the library of the system that it needs."""
    try:
        return learning.loaded()
    except NotInstalledError as error:
        pytest.skip(str(error))


def groups(count: int, seed: int = 5, columns: int = 6) -> list[Group]:
    """Questions in which the second column tells what is wanted, mostly."""
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        rows = draw.normal(size=(30, columns))
        score = rows[:, 1] + 0.5 * np.abs(rows[:, 2]) + draw.normal(scale=0.5, size=30)
        found.append(Group(rows, score >= np.sort(score)[-2]))
    return found


def test_flat_trees_say_what_lightgbm_says() -> None:
    lightgbm = lightgbm_or_skip()
    some = groups(150)
    rows = np.concatenate([one.rows for one in some])
    labels = np.concatenate([one.wanted for one in some]).astype(np.int32)
    data = lightgbm.Dataset(rows, labels, group=[30] * 150)
    booster = lightgbm.train(learning._PARAMS, data, num_boost_round=40)
    forest = flat([one["tree_structure"] for one in booster.dump_model()["tree_info"]])
    assert len(forest.root) == 40
    asked_for = np.concatenate([rows, np.round(rows, 1), np.zeros((1, 6))])
    said = booster.predict(asked_for)
    for compiled in (True, False):
        assert np.array_equal(predicted(forest, asked_for, compiled=compiled), said)


def test_the_same_questions_teach_the_same_and_what_matters_is_learned() -> None:
    lightgbm_or_skip()
    one, two = learned(groups(200)), learned(groups(200))
    for name in ("root", "feature", "threshold", "left", "right", "value"):
        assert np.array_equal(getattr(one, name), getattr(two, name))
    hits = [
        bool(group.wanted[np.argsort(-predicted(one, group.rows))[:2]].any())
        for group in groups(100, seed=9)
    ]
    assert sum(hits) > 70  # chance would be 13


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(0, 40))
def test_compiled_and_plain_walks_agree(seed: int, trees: int, rows: int) -> None:
    draw = np.random.default_rng(seed)

    def grown(depth: int) -> dict[str, Any]:
        if depth == 0 or draw.random() < 0.2:
            return {"leaf_value": float(draw.normal())}
        return {
            "split_feature": int(draw.integers(0, 3)),
            "threshold": round(float(draw.normal()), 1),
            "left_child": grown(depth - 1),
            "right_child": grown(depth - 1),
        }

    many = [flat([grown(4) for _ in range(trees)]) for _ in range(2)]
    table = draw.normal(size=(rows, 3)).round(1)
    for forest in (*many, joined(many)):
        plain = predicted(forest, table, compiled=False)
        assert np.array_equal(plain, predicted(forest, table, compiled=True))
    both = joined(many)
    second = type(both)(both.root[trees:], *[getattr(both, n) for n in NAMES])
    assert np.array_equal(predicted(second, table), predicted(many[1], table))


NAMES = ("feature", "threshold", "left", "right", "value")


def moment() -> Moment:
    (one,) = asked(1)
    return Moment(Context(now=0.0, n=0, product=NONE), one.moment.seen, NO_ITEMS, np.empty(0))


def test_trees_order_the_first_hundred_anew_and_lose_none() -> None:
    lightgbm_or_skip()
    goods = columns([None] * 400, [f"p{n}" for n in range(400)], "USD")
    draw = np.random.default_rng(1)
    lists = [draw.permutation(400)[:150].astype(np.int32) for _ in LINK]
    found = fused(lists, 60.0, 200)
    said = {
        one: Offer(one, Scored(items, items.astype(np.float32)))
        for one, items in zip(LINK, lists, strict=True)
    }
    width = len(names(LINK))
    rows = features(goods, moment(), LINK, said, found)
    assert rows.shape == (200, width) and np.isfinite(rows).all()
    forest = learned(groups(300, columns=width))
    best = reranked(goods, LINK, moment(), said, found, forest)
    assert sorted(best.items.tolist()) == sorted(found.items.tolist())
    assert best.items[100:].tolist() == found.items[100:].tolist()


def test_trees_are_used_where_they_do_better_and_not_elsewhere() -> None:
    lightgbm_or_skip()
    goods = columns([None] * 400, [f"p{n}" for n in range(400)], "USD")

    def decided(know: dict[Strategy, float]) -> blending.Ruling:
        planted = Planted(know)
        planted.goods = goods
        strategies = cast("Strategies", planted)
        return blending.judged(PLACEMENT, strategies, asked(1_200), np.ones(400, np.int64))

    # The wanted is at the second place of a list, the first is never wanted: places cannot say so.
    ruling = decided({Strategy.FOR_YOU: 1.0, Strategy.SESSION: 1.0})
    report, decision = ruling.report, ruling.decision
    assert report.trees is not None and report.ranks is not None and decision is not None
    assert decision.way is Way.TREES and report.way == "trees" and ruling.forest is not None
    assert report.trees.ndcg > report.ranks.ndcg and "better than the blend" in report.trees_why
    kept = blends([ruling, ruling])
    assert kept is not None and len(kept.forests["home"].root) == len(ruling.forest.root)
    report = decided({}).report
    assert (not report.used and "no better than the chain for sure" in report.trees_why) or (
        report.trees_why.startswith("no trees")
    )


def test_without_the_extra_everything_works_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(NotInstalledError, match=r"pip install 'patron\[rank\]'"):
        learned(groups(20))


def test_who_answers_never_loads_lightgbm() -> None:
    loads = "import sys, patron.app.server; print('lightgbm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", loads], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_what_was_decided_stands_on_the_shelf_and_a_recount_keeps_it(tmp_path: Path) -> None:
    tree = {
        "split_feature": 1, "threshold": 0.5,
        "left_child": {"leaf_value": -1.0}, "right_child": {"leaf_value": 2.0},
    }  # fmt: skip
    chain = [*PLACEMENT.chain, *PLACEMENT.fallback]
    decision = Decision("home", chain, PLACEMENT.blend, LINK, Way.TREES, 60.0)
    said = BlendReport(used=True, why="", questions=0)
    decided = blends([blending.Ruling(said, decision, flat([tree, {"leaf_value": 0.25}]))])
    assert decided is not None
    history = deeds(pairs(200))
    shelf.write(tmp_path, ["p00"], {tasks.BLEND: (decided, shelf.About())}, NOW)
    tasks.refresh(material(history), tmp_path, NOW + timedelta(hours=6))
    found = shelf.Shelf(tmp_path).models()
    assert found is not None and {"session", "blend"} <= set(found.label.models)
    models = opened(found)
    assert models.blend is not None
    kept = models.blend.of(PLACEMENT)
    assert kept is not None and (kept.way, kept.first, kept.last) == (Way.TREES, 0, 2)
    rows = np.array([[0.0, 0.5], [0.0, 0.6]])
    assert predicted(models.blend.forests["home"], rows).tolist() == [-0.75, 2.25]
