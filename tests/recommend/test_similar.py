"""Similar products: by who looked at both, by description while nobody looked, and a step up."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from patron.recommend.similar import content, query
from patron.recommend.similar.fit import fit
from patron.recommend.similar.types import Described, Index, Params, undescribed
from patron.recommend.similar.words import Words, words
from patron.recommend.types import Kind
from recommend.shops import DAY, NOW, Act, history, nothing

VIEW, BUY = Kind.VIEW, Kind.BUY
PARAMS = Params()

TITLES = ["Red leather boots", "Brown leather boots", "Rote Stiefel", "Garden hose 20 m",
          "Garden hose 50 m", "Kettle", "Brown leather boots, wide"]  # fmt: skip
PATHS = ["Shoes > Boots", "Garden > Watering", "Kitchen"]


def described() -> Described:
    return Described(
        TITLES,
        np.array([0, 0, 0, 1, 1, 2, 0], np.int32),
        PATHS,
        np.array([0, 0, 1, 2, 2, -1, 0], np.int32),
        np.array([9_000, 12_000, 20_000, 2_000, 3_000, -1, 12_000], np.int64),
        np.array([-1, 7, -1, -1, -1, -1, 7], np.int32),
    )


def shopful(visits: list[list[int]], *, items: int = 7, age: int = 1) -> list[Act]:
    return [
        (p, i, NOW - age * DAY + k, VIEW) for p, v in enumerate(visits) for k, i in enumerate(v)
    ]


def same(one: Index, other: Index) -> bool:
    pairs = zip(msgspec.structs.astuple(one), msgspec.structs.astuple(other), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def test_a_product_nobody_saw_leans_on_its_description() -> None:
    found = fit(nothing(7), PARAMS, described())
    assert query.like(found, 0, 9).items.tolist()[0] == 1
    assert query.like(found, 3, 1).items.tolist() == [4]
    assert len(query.also_viewed(found, 0, 9)) == 0
    # Variants of one product are not like each other; of an unknown product nothing is known.
    assert 6 not in query.like(found, 1, 9).items
    assert len(query.like(found, 99, 9)) == len(query.like(found, -1, 9)) == 0
    assert same(found, fit(nothing(7), PARAMS, described(), compiled=False))


def test_a_product_many_saw_leans_on_its_visitors() -> None:
    visits = [[0, 5] for _ in range(60)] + [[0, 3], [1, 5], [4, 2]] * 3
    found = fit(history(shopful(visits), items=7), PARAMS, described())
    assert query.like(found, 0, 1).items.tolist() == [5]
    assert query.also_viewed(found, 0, 9).items.tolist() == [5, 3]
    # What is much the same but new comes in behind it.
    assert 1 in query.like(found, 0, 9).items
    scores = query.like(found, 0, 9).scores
    assert scores.tolist() == sorted(scores.tolist(), reverse=True)


def test_old_visits_fade_and_two_visits_are_no_likeness() -> None:
    acts = shopful([[0, 1]] * 40, age=300)
    acts += [(p + 100, i, t, k) for p, i, t, k in shopful([[0, 2]] * 20)]
    acts += [(p + 200, i, t, k) for p, i, t, k in shopful([[3, 4]] * 2)]
    found = fit(history(acts, items=5), PARAMS)
    assert query.also_viewed(found, 0, 9).items.tolist() == [2, 1]
    assert query.also_viewed(found, 3, 1).scores[0] < 0.35


def test_a_shop_without_views_has_the_people_who_bought() -> None:
    acts: list[Act] = [
        (p, i, NOW - (40 - p) * DAY, BUY) for p in range(30) for i in (p % 2, 2 + p % 2)
    ]
    found = fit(history(acts, items=4), PARAMS)
    assert query.also_viewed(found, 0, 1).items.tolist() == [2]
    assert query.also_viewed(found, 1, 1).items.tolist() == [3]


def test_a_visit_to_everything_says_nothing() -> None:
    bot = [(9, i, NOW - DAY + i, VIEW) for i in range(2_000)]
    acts = shopful([[0, 1]] * 12) + bot
    found = fit(history(acts, items=2_000), PARAMS)
    assert query.also_viewed(found, 0, 99).items.tolist() == [1]
    assert len(query.also_viewed(found, 1_500, 99)) == 0


def test_similar_to_several_says_which_one_speaks() -> None:
    found = fit(nothing(7), PARAMS, described())
    ranked, because = query.because(found, np.array([3, 0], np.int32), 9)
    speaker = dict(zip(ranked.items.tolist(), because.tolist(), strict=True))
    assert speaker[4] == 3
    assert speaker[1] == 0
    assert not {0, 3} & set(speaker)
    only, _ = query.because(found, np.array([3, 0], np.int32), 1, np.array([0.0, 1.0]))
    assert only.items.tolist() in ([1], [6])
    assert len(query.because(found, np.zeros(0, np.int32), 5)[0]) == 0


def test_a_step_up_is_the_same_category_and_dearer() -> None:
    found = fit(nothing(7), PARAMS, described())
    assert set(query.upsell(found, 0, 9).items.tolist()) == {1, 2, 6}
    assert query.upsell(found, 2, 9).items.tolist() == []
    assert query.upsell(found, 5, 9).items.tolist() == []  # it has no price
    dearer = described().price * np.array([1, 1, 2, 1, 1, 1, 1])
    assert 2 not in query.upsell(found, 0, 9, dearer).items  # more than three times as dear
    assert len(query.upsell(found, 99, 9)) == 0


@pytest.mark.parametrize("price", [0, -5, -1])
def test_prices_of_zero_below_and_missing_are_unknown(price: int) -> None:
    odd = msgspec.structs.replace(described(), price=np.full(7, price, np.int64))
    found = fit(nothing(7), PARAMS, odd)
    assert (found.price == -1).all()
    assert (found.band == -1).all()
    assert query.like(found, 3, 1).items.tolist() == [4]
    assert len(query.upsell(found, 0, 9)) == 0


def test_equal_prices_are_in_one_band() -> None:
    many = msgspec.structs.replace(
        undescribed(20),
        category=np.zeros(20, np.int32),
        paths=["All"],
        price=np.array([100] * 15 + [200] * 5, np.int64),
    )
    band = content.bands(many)
    assert len(set(band[:15].tolist())) == len(set(band[15:].tolist())) == 1
    assert band[15] > band[0]


def test_words_know_no_case_no_accents_and_need_no_blanks() -> None:
    found = words(["Über-Größe", "uber große", "红茶杯", "绿茶杯", "", "!!"])
    rows = [set(found.word[found.start[i] : found.start[i + 1]].tolist()) for i in range(6)]
    assert rows[0] & rows[1]
    assert len(rows[2] & rows[3]) == 2
    assert rows[4] == rows[5] == set()
    for row in range(4):
        values = found.weight[found.start[row] : found.start[row + 1]]
        assert (values**2).sum() == pytest.approx(1.0)


def test_compiled_and_plain_agree() -> None:
    rng = np.random.default_rng(5)
    visits = [rng.integers(0, 40, rng.integers(1, 9)).tolist() for _ in range(300)]
    past = history(shopful(visits), items=40)
    goods = Described(
        [" ".join(f"w{k}" for k in rng.integers(0, 25, 4)) for _ in range(40)],
        rng.integers(-1, 5, 40).astype(np.int32),
        ["a", "a > b", "a > b > c", "d", "d > e"],
        rng.integers(-1, 4, 40).astype(np.int32),
        rng.integers(-1, 9_000, 40).astype(np.int64),
        rng.integers(-1, 30, 40).astype(np.int32),
    )
    one = fit(past, PARAMS, goods, compiled=True)
    assert same(one, fit(past, PARAMS, goods, compiled=False))
    assert same(one, fit(past, PARAMS, goods, compiled=True))
    for item in range(40):
        mine = query.like(one, item, 99).items
        assert item not in mine
        assert len(set(mine.tolist())) == len(mine) <= PARAMS.kept
        family = goods.parent[item]
        assert family < 0 or family not in goods.parent[mine]


def test_degenerate_shops() -> None:
    for items in (0, 1, 2):
        found = fit(nothing(items), PARAMS)
        assert len(found) == items
        assert len(query.like(found, 0, 5)) == 0
    one = fit(history([(0, 0, NOW, VIEW)], items=1), PARAMS, undescribed(1))
    assert len(query.like(one, 0, 5)) == 0
    with pytest.raises(ValueError, match="2 products are described, but numbers go up to 3"):
        fit(nothing(3), PARAMS, undescribed(2))


def test_a_hundred_thousand_products_all_called_the_same() -> None:
    """Words that all have say nothing, and cost nothing."""
    count = 100_000
    goods = msgspec.structs.replace(
        undescribed(count),
        texts=["Blue shirt"] * count,
        category=np.zeros(count, np.int32),
        paths=["Shirts"],
        price=np.arange(count, dtype=np.int64) + 1,
    )
    found = fit(history([(0, 3, NOW, VIEW), (0, 4, NOW, VIEW)], items=count), PARAMS, goods)
    near = query.like(found, 50_000, 99).items
    assert len(near) > 0
    assert np.abs(near - 50_000).max() <= content.BESIDE
    assert len(found.item) <= count * PARAMS.kept


def test_texts_are_compared_anew_only_when_one_of_them_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not for another price; and not trusted when the file is damaged."""
    kept = tmp_path / "models" / "words.npz"
    asked: list[int] = []

    def counted(texts: Sequence[str]) -> Words:
        asked.append(len(texts))
        return words(texts)

    monkeypatch.setattr("patron.recommend.similar.kept.words", counted)

    def fits(**said: Any) -> None:
        goods = msgspec.structs.replace(described(), **said)
        past = history(shopful([[0, 5], [1, 4]] * 9), items=7)
        found = fit(past, PARAMS, msgspec.structs.replace(goods, kept=kept))
        expected = len(asked)
        assert same(found, fit(past, PARAMS, goods))
        del asked[expected:]

    fits()
    assert asked == [7]
    fits(price=described().price * 2)
    assert asked == [7]
    fits(texts=["another name", *described().texts[1:]])
    assert asked == [7, 7]
    kept.write_bytes(kept.read_bytes()[:-40])
    fits(texts=["another name", *described().texts[1:]])
    assert asked == [7, 7, 7] and "texts are compared anew" in caplog.text
    half = bytearray(kept.read_bytes())
    half[len(half) // 2] ^= 255
    kept.write_bytes(bytes(half))
    fits(texts=["another name", *described().texts[1:]])
    assert asked == [7] * 4
