"""An answer at the very edges of its rules, in numpy and compiled."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from goods import DAY, NOW, goods, moment, offer
from patron.recommend import compiling
from patron.recommend.rules.language import read_boost, read_filter
from patron.recommend.rules.rank import plainly
from patron.recommend.rules.ruleset import Apart, Pin, Rules
from patron.recommend.rules.types import Context, Goods, Offer, Ranked, Touched
from patron.recommend.types import Scored

Way = Callable[[Sequence[Offer], Goods, Rules, Context], Ranked]


@pytest.fixture(params=["numpy", "compiled"])
def way(request: pytest.FixtureRequest) -> Way:
    if request.param == "numpy":
        return plainly
    if not compiling.possible():
        pytest.skip("numba, the extra `fast`, is not installed")
    found: Way = import_module("patron.recommend.rules.sifting.quickly").rank
    return found


def scored(items: list[int], scores: list[float]) -> Offer:
    return Offer("together", Scored(np.array(items, np.int32), np.array(scores, np.float32)))


def answered(way: Way, offers: list[Offer], shop: Goods | None = None, **said: Any) -> list[int]:
    context = said.pop("context", None) or moment(10)
    found = way(offers, goods(8) if shop is None else shop, Rules(**said), context)
    return [int(item) for item in found.items]


def test_prices_at_the_limits_are_within_and_unknown_ones_are_not(way: Way) -> None:
    shop = goods(6, price=[-1, 0, 999, 1_000, 2_000, 2_001])
    six = [offer(list(range(6)))]
    assert answered(way, six, shop, price_from=1_000, price_to=2_000) == [3, 4]
    assert answered(way, six, shop, price_to=1_000) == [1, 2, 3]
    assert answered(way, six, shop, price_from=-10) == [1, 2, 3, 4, 5]


def test_what_she_viewed_or_bought_is_left_out_to_the_last_second(way: Way) -> None:
    four = [offer([0, 1, 2, 3])]
    assert answered(way, four, exclude_viewed=True, context=moment(viewed=[2])) == [0, 1, 3]
    last = NOW - 90 * DAY
    context = moment(bought=[1, 2], bought_at=[last, last - 1])
    assert answered(way, four, exclude_bought_days=90, context=context) == [0, 2, 3]


def test_of_what_is_equal_the_lower_number_comes_first_and_the_buried_after_the_fallback(
    way: Way,
) -> None:
    assert answered(way, [scored([3, 1, 2], [1, 1, 1])]) == [1, 2, 3]
    offers = [offer([0, 1]), offer([2], "best_sellers", is_fallback=True)]
    shop = goods(4, price=[500, 700, 700, 700])
    assert answered(way, offers, shop, buried=(read_filter("price = 5"),)) == [1, 2, 0]


def test_of_two_pins_that_object_to_each_other_the_one_in_front_stays(way: Way) -> None:
    shop = goods(8, parent=[-1] * 5 + [7, 7, -1])
    pins = (Pin(5, 2), Pin(6, 1))
    found = way([offer([0, 5])], shop, Rules(pins=pins), moment(3))
    assert found.items.tolist() == [6, 0]
    # It is asked twice, as a pin and as an offer, and counts once.
    assert found.dropped == {"parent": 1}


def test_what_may_not_stand_beside_a_pin_is_kept_out_in_either_direction(way: Way) -> None:
    shop = goods(3, price=[100, 200, 300])
    apart = (Apart(read_filter("price = 1"), read_filter("price = 3")),)
    for pin, left in ((0, [0, 1]), (2, [2, 1])):
        assert answered(way, [offer([0, 1, 2])], shop, apart=apart, pins=(Pin(pin, 1),)) == left


def test_relevance_at_the_limit_is_enough_and_what_is_no_number_is_none(way: Way) -> None:
    assert answered(way, [scored([0, 1, 2], [1, 0.5, 0.49])], min_relevance=0.5) == [0, 1]
    assert answered(way, [scored([0, 1], [-1, -3])], min_relevance=0.5) == [0]
    assert answered(way, [scored([0, 1], [np.nan, 0.1])]) == [1, 0]
    assert answered(way, [scored([0, 1], [np.inf, 0.1])]) == [1, 0]


def test_chance_takes_no_more_than_its_share(way: Way) -> None:
    two = [scored([0, 1], [0.79, 1.0])]
    orders = [answered(way, two, rotation=0.2, context=moment(seed=n)) for n in range(60)]
    assert {tuple(order) for order in orders} == {(1, 0)}
    orders = [answered(way, two, rotation=0.5, context=moment(seed=n)) for n in range(60)]
    assert {tuple(order) for order in orders} == {(1, 0), (0, 1)}


def test_weights_bring_nothing_to_naught_and_who_does_not_say_her_margin_is_usual(
    way: Way,
) -> None:
    shop = goods(4, margin=[0.1, 0.2, np.nan, 1.0])
    level = [scored([0, 1, 2], [1, 1, 1])]
    assert answered(way, level, shop, margin_weight=10) == [1, 2, 0]
    dear = goods(4, margin=[1.0] * 4)
    assert answered(way, [scored([3, 1], [1, 0.5])], dear, margin_weight=-1) == [3, 1]
    ignored = moment(ignored=[1, 3], ignored_times=[9, 9])
    assert answered(way, [scored([3, 1], [1, 0.5])], ignored_factor=0, context=ignored) == [3, 1]


def test_new_products_are_tried_by_chance_at_places_of_chance(way: Way) -> None:
    shop = goods(60, first_seen=[NOW - 400 * DAY] * 30 + [NOW - DAY] * 30)
    ten = [offer(list(range(20)))]
    places: set[int] = set()
    products: set[int] = set()
    for seed in range(200):
        context = moment(10, seed=seed, fresh=list(range(30, 60)))
        found = way(ten, shop, Rules(explore_share=0.1), context)
        tried = [n for n, codes in enumerate(found.reasons) if codes == ["explored"]]
        places.update(tried)
        products.update(int(found.items[n]) for n in tried)
    assert places == set(range(1, 10)) and len(products) > 25
    # Which of the new ones could not be tried is nobody's business: they were drawn.
    gone = goods(60, first_seen=[NOW - DAY] * 60, in_stock=[True] * 30 + [False] * 30)
    found = way(ten, gone, Rules(explore_share=1), moment(fresh=list(range(30, 60))))
    assert found.dropped == {}


def test_in_a_small_shop_new_products_are_tried_though_they_are_offered_anyway(way: Way) -> None:
    shop = goods(30, first_seen=[NOW - DAY, *[NOW - 400 * DAY] * 19, *[NOW - DAY] * 10])
    every = [offer(list(range(30)), "best_sellers")]
    seen: set[int] = set()
    for seed in range(60):
        context = moment(10, seed=seed, fresh=[0, *range(20, 30)])
        found = way(every, shop, Rules(explore_share=0.2), context)
        items = found.items.tolist()
        tried = [n for n, codes in enumerate(found.reasons) if codes == ["explored"]]
        assert len(tried) == 2 and len(set(items)) == 10
        # What is sought after stays in its order, what is new and sought after at its place.
        assert items[0] == 0 and found.reasons[0] == ["best_sellers"]
        assert [items[n] for n in range(10) if n not in tried] == list(range(8))
        seen.update(items[n] for n in tried)
    assert seen == set(range(20, 30))


def test_what_is_kept_of_a_product_is_forgotten_when_the_catalog_changes_it(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Touched, "MOST", 3)
    shop = goods(8, price=[500] * 8)
    rules = Rules(
        filters=(read_filter("price < 10"),),
        boosts=(
            read_boost("2 if price < 4 else 1"),
            read_boost("1 + context.cart_value / 10"),
            read_boost("3 if price = 2 else 1"),
        ),
    )
    context = moment(8, cart_value=1_000)

    def scores() -> dict[int, float]:
        found = way([scored(list(range(8)), [1] * 8)], shop, rules, context)
        return dict(zip(found.items.tolist(), found.scores.tolist(), strict=True))

    assert scores() == dict.fromkeys(range(8), 2.0)
    shop.price[1], shop.price[2] = 300, 5_000
    for row in (1, 2):
        shop.touched.add(row)
    assert scores() == {0: 2.0, 1: 4.0, **dict.fromkeys(range(3, 8), 2.0)}
    # More than is remembered of: everything may be another.
    shop.price[:5] = [200, 500, 500, 200, 5_000]
    for row in range(5):
        shop.touched.add(row)
    assert scores() == {0: 12.0, 3: 12.0, **dict.fromkeys((1, 2, 5, 6, 7), 2.0)}
