"""A night's training: what does no better than popularity is not used, and the same past leads to
the same models."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from patron.recommend import pace, shelf, tasks
from patron.recommend.blend.types import Blends
from patron.recommend.history.reading import Past
from patron.recommend.history.shaping import Rows, shaped
from patron.recommend.placements.definition import Area, Placement
from patron.recommend.popular import tuning as popularity
from patron.recommend.popular.types import Groups
from patron.recommend.rules.types import Context, Strategy
from patron.recommend.serving.goods import columns
from patron.recommend.serving.opened import opened
from patron.recommend.serving.placing import Book
from patron.recommend.serving.strategies import Moment, Strategies
from patron.recommend.serving.visitors import Seen
from patron.recommend.training import reports, train
from patron.recommend.training.asking import MOST, About, asked
from patron.recommend.training.placing import placed
from patron.recommend.training.report import Report
from patron.recommend.training.sources import SOURCES, Wares
from patron.recommend.training.train import Training
from patron.recommend.types import Interactions


class Older(msgspec.Struct, frozen=True):
    """Decisions as an older version wrote them."""

    decisions: list[Any]


NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
START = int((NOW - timedelta(days=60)).timestamp())


def deeds(visits: list[list[int]], kind: int = 0, people: int = 0) -> Interactions:
    """Visits (or, of kind 2, orders), an hour after each other, one product a minute; by as many
    people in turn, or each by somebody else."""
    columns = [
        (
            number % people if people else number,
            item,
            START + number * 3_600 + (place * 60 if kind < 2 else 0),
            kind,
            number if kind == 2 else -1,
        )
        for number, items in enumerate(visits)
        for place, item in enumerate(items)
    ]
    table = np.array(columns, np.int64).reshape(-1, 5)
    rows = Rows(
        table[:, 0], table[:, 1].astype(np.int32), table[:, 2], table[:, 3].astype(np.int8),
        table[:, 4].astype(np.int32),
    )  # fmt: skip
    return shaped(rows, np.arange(max(len(visits), 1)), 40)


def material(history: Interactions) -> tasks.Material:
    items = [f"p{n:02}" for n in range(history.items)]
    goods = columns([None] * len(items), items, "USD")
    return tasks.Material(Past(history, items, 7), Wares(goods, items), Book())


def trained(history: Interactions, folder: Path) -> Report:
    return tasks.train(material(history), folder, NOW, seconds=0)


def pairs(count: int) -> list[list[int]]:
    """Visits of pairs that belong together."""
    draw = np.random.default_rng(5)
    return [[2 * n, 2 * n + 1] for n in draw.integers(0, 20, count).tolist()]


def noise(count: int) -> list[list[int]]:
    """Visits without any sense, but that a few products are in most of them."""
    draw = np.random.default_rng(5)
    share = 1.0 / np.arange(1, 41) ** 2
    return [draw.choice(40, 3, p=share / share.sum()).tolist() for _ in range(count)]


def test_what_finds_more_than_popularity_is_used(tmp_path: Path) -> None:
    report = trained(deeds(pairs(1_200)), tmp_path)
    by_name = {one.name: one for one in report.sources}
    session = by_name["session"]
    assert session.used and session.score is not None and session.bar is not None
    assert session.score > 2 * session.bar and session.questions >= 100
    assert "does better than popularity" in session.why
    assert by_name["companions"].questions == 0
    assert "too little happened" in by_name["companions"].why
    opened = shelf.Shelf(tmp_path).models()
    assert opened is not None and "session" in opened.label.models
    assert opened.label.models["session"].score == session.score
    placements = {one.placement: one for one in report.placements}
    viewed = placements["also_viewed"]
    assert viewed.measured.hit_rate > viewed.best_sellers.hit_rate
    assert 0 < viewed.measured.coverage <= 1
    assert reports.told(tmp_path) == report


def test_the_days_held_back_have_no_part_in_what_is_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are for judging alone; what is used is then counted from everything."""
    known: dict[str, list[int]] = {}

    def watched(name: str, work: Any) -> Any:
        def done(history: Interactions, *more: Any) -> Any:
            known.setdefault(name, []).append(int(history.at.max()))
            return work(history, *more)

        return done

    sources = [
        msgspec.structs.replace(
            one, search=watched("search", one.search), fit=watched(one.name, one.fit)
        )
        for one in SOURCES
    ]
    monkeypatch.setattr(train, "SOURCES", sources)
    monkeypatch.setattr(popularity, "chosen", watched("search", popularity.chosen))
    history = deeds(pairs(1_200))
    report = trained(history, tmp_path)
    last, until = int(history.at.max()), report.held_back_from
    assert until is not None and until < last and len(known["search"]) == 1 + len(sources)
    assert max(known["search"]) <= until
    assert known["session"][0] <= until and known["session"][1:] == [last]


def test_what_finds_no_more_is_not_used_and_says_so(tmp_path: Path) -> None:
    report = trained(deeds(noise(1_500), people=300), tmp_path)
    refused = [one for one in report.sources if not one.used]
    assert refused
    for one in refused:
        assert "no better than popularity" in one.why
        assert one.score is not None and one.bar is not None and one.score <= one.bar
    opened = shelf.Shelf(tmp_path).models()
    assert opened is not None
    assert not {one.name for one in refused} & set(opened.label.models)
    later = tasks.refresh(material(deeds(noise(1_500), people=300)), tmp_path, NOW)
    assert not {one.name for one in refused} & set(later.models)


def test_whatever_answers_is_judged_and_the_worse_of_two_is_silent(tmp_path: Path) -> None:
    # Everybody buys her own two things each time, so both ways to ask the model find them.
    habits = [[2 * (n % 20), 2 * (n % 20) + 1] for n in range(800)]
    report = trained(deeds(habits, kind=2, people=20), tmp_path)
    judged = {one.name: one for one in report.sources}
    for name in ("again", "next_order"):
        assert judged[name].used and judged[name].questions >= 10, judged[name]
    few = msgspec.structs.replace(judged["next_order"], used=False)
    worse = [one if one.name != "next_order" else few for one in report.sources]
    later = report.made_at + timedelta(hours=1)
    reports.keep(tmp_path, msgspec.structs.replace(report, sources=worse, made_at=later))
    tasks.refresh(material(deeds(habits, kind=2, people=20)), tmp_path, later)
    found = shelf.Shelf(tmp_path).models()
    assert found is not None
    models = opened(found)
    assert models.again is not None and models.silent == {"next_order"}
    one = np.zeros(1, np.int32)
    seen = Seen(0, one, one.astype(float), one, one, one, one.astype(np.int64), one, one[:0],
                one[:0])  # fmt: skip
    moment = Moment(Context(now=float(START + 90 * 86_400), n=5), seen, one, np.zeros(1))
    strategies = Strategies(models, material(deeds(habits, kind=2)).wares.goods)
    assert strategies.propose("next_order", moment, 5, fallback=False) is None
    assert strategies.propose("again", moment, 5, fallback=False) is not None


def test_best_sellers_of_a_country_are_judged_by_what_each_country_gets(tmp_path: Path) -> None:
    draw = np.random.default_rng(2)
    visits = [(draw.permutation(8)[:3] + 8 * (n % 2)).tolist() for n in range(1_600)]
    history = deeds(visits, people=160)
    homes = Groups(
        np.arange(160, dtype=np.int32), (np.arange(160) % 2).astype(np.int32), ["EE", "LV"]
    )
    whole = material(history)
    whole = msgspec.structs.replace(
        whole, past=Past(history, whole.past.items, 7, homes), book=Book()
    )
    near = Placement(
        name="Near", chain=[Strategy.BEST_SELLERS], popular_in=Area.COUNTRY, count=4, key="near"
    )
    far = Placement(name="Far", chain=[Strategy.BEST_SELLERS], count=4, key="far")
    training = Training(whole.past, whole.wares, NOW, 0)
    training.run()
    told, _ = placed(training, [near, far])
    theirs, shops = (one.measured for one in told)
    assert theirs.ndcg > shops.ndcg and told[0].best_sellers == told[1].best_sellers


def test_a_shop_that_was_never_judged_asks_for_it_once(tmp_path: Path) -> None:
    few = deeds(pairs(pace.ENOUGH_ORDERS // 2), kind=2)
    tasks.refresh(material(few), tmp_path, NOW)
    assert not reports.is_asked_for(tmp_path)
    many = deeds(pairs(pace.ENOUGH_ORDERS), kind=2)
    tasks.refresh(material(many), tmp_path, NOW + timedelta(hours=1))
    assert reports.is_asked_for(tmp_path)
    reports.taken_up(tmp_path)
    trained(many, tmp_path)
    tasks.refresh(material(many), tmp_path, NOW + timedelta(hours=2))
    assert not reports.is_asked_for(tmp_path)


def test_decisions_of_another_version_keep_no_model_from_being_counted(tmp_path: Path) -> None:
    """They are left out until the next night; the decisions that can be read are kept."""
    whole = deeds(pairs(400))
    trained(whole, tmp_path)
    found = shelf.Shelf(tmp_path).models()
    assert found is not None
    none = np.empty(0, np.int32)
    ours = Blends([], none, none, np.empty(0), none, none, np.empty(0))
    for hour, (index, kept) in enumerate(((ours, True), (Older([]), False)), start=1):
        later = NOW + timedelta(hours=hour)
        shelf.write(tmp_path, found.items, {"blend": (index, shelf.About())}, later)
        done = tasks.refresh(material(whole), tmp_path, later + timedelta(minutes=1))
        assert ("blend" in done.models) is kept and "session" in done.models


def sums(folder: Path) -> dict[str, str]:
    opened = shelf.Shelf(folder).models()
    assert opened is not None
    return opened.label.checksums


def test_the_same_past_leads_to_the_same_models(tmp_path: Path) -> None:
    history = deeds(pairs(400), people=50)
    first = trained(history, tmp_path / "a")
    second = trained(history, tmp_path / "b")
    assert sums(tmp_path / "a") == sums(tmp_path / "b")
    plain = [
        [msgspec.structs.replace(one, seconds=0.0) for one in report.sources]
        for report in (first, second)
    ]
    assert plain[0] == plain[1] and first.placements == second.placements


ODD: dict[str, Any] = {
    "one product": deeds([[0]] * 50),
    "one customer": deeds([[n % 40, (n + 1) % 40] for n in range(80)], people=1),
    "all orders the same": deeds([[1, 2, 3]] * 60, kind=2, people=20),
    "one deed": deeds([[0]]),
    "nothing": deeds([]),
}


@pytest.mark.parametrize("shop", ODD)
def test_odd_shops_are_trained_too(tmp_path: Path, shop: str) -> None:
    report = trained(ODD[shop], tmp_path)
    assert report.products == 40
    opened = shelf.Shelf(tmp_path).models()
    assert opened is not None
    assert ("popular" in opened.label.models) == (shop != "nothing")
    assert tasks.refresh(material(ODD[shop]), tmp_path, NOW).products == 40


def test_questions_are_bounded_and_know_only_what_was_before() -> None:
    before, after = deeds(pairs(50), people=10), deeds(pairs(4_000), people=10)
    for about in About:
        questions = asked(about, before, after)
        assert len(questions) <= MOST
        for question in questions[:50]:
            assert len(question.wanted)
            assert not set(question.wanted.tolist()) & set(question.avoid.tolist())
            assert (question.moment.ages >= 0).all()
