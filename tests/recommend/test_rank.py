"""What strategies offer becomes an answer that obeys the shopkeeper."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goods import DAY, NOW, goods, moment, moments, offer, shelves, words
from patron.recommend import compiling
from patron.recommend.rules.language import Filter, read_boost, read_filter
from patron.recommend.rules.rank import MOST_PLACES, plainly, rank
from patron.recommend.rules.ruleset import Apart, Pin, Rules
from patron.recommend.rules.scene import Scene
from patron.recommend.rules.sifting.pool import MOST_OFFERED, chance, drawn
from patron.recommend.rules.types import Context, Goods, Objection, Offer, Strategy, Touch, folded
from patron.recommend.rules.words import OBJECTIONS, REASONS, explained, left_out, told
from patron.recommend.types import Scored

_FILTERS = st.sampled_from(
    ["price < 20", "not price > 40", 'brand != "Acme"', "category within 'Shoes'", "stock >= 1",
     "attr.colour = 'red'", "context.product.price is missing or price >= context.product.price",
     "margin >= 10%", "in_stock or on_sale", "true", "false"]
).map(read_filter)  # fmt: skip
_BOOSTS = st.sampled_from(
    ["1 + margin", "2 if on_sale else 1", "price / 0", "0", "0 - 5", "price * price", "stock"]
).map(read_boost)


@st.composite
def offered(draw: st.DrawFn, size: int) -> list[Offer]:
    found = []
    for strategy in draw(st.lists(st.sampled_from(Strategy), max_size=3)):
        items = draw(st.lists(st.integers(-1, size + 1), max_size=30))
        floats = st.floats(width=32, allow_nan=True, allow_infinity=True)
        scores = draw(st.lists(floats, min_size=len(items), max_size=len(items)))
        scored = Scored(np.array(items, np.int32), np.array(scores, np.float32))
        because = np.array(items[::-1], np.int32) if draw(st.booleans()) else None
        found.append(Offer(strategy, scored, because, draw(st.booleans())))
    return found


def some(rules: st.SearchStrategy[Any], most: int = 2) -> st.SearchStrategy[Any]:
    return st.lists(rules, min_size=1, max_size=most).map(tuple)


@st.composite
def rulesets(draw: st.DrawFn, size: int) -> Rules:
    """Few rules at a time: under all of them at once hardly any answer is left to be looked at."""
    share, amount = st.sampled_from((0.2, 1.0)), st.sampled_from((0, 1000, 2000))
    weight = st.sampled_from((-1.0, 2.0))
    said = {
        "filters": some(_FILTERS),
        "boosts": some(_BOOSTS),
        "buried": some(_FILTERS, 1),
        "apart": some(st.builds(Apart, _FILTERS, _FILTERS)),
        "pins": some(st.builds(Pin, st.integers(-1, size), st.integers(0, 14)), 4),
        "in_stock": st.just(False),
        "price_from": amount,
        "price_to": amount,
        "exclude_current": st.just(False),
        "exclude_cart": st.just(False),
        "exclude_viewed": st.just(True),
        "exclude_bought_days": st.sampled_from((30, 365)),
        "exclude_bought_unless": st.just(read_filter("bought_again >= 10%")),
        "one_per_parent": st.just(False),
        "most_per_brand": st.integers(1, 3),
        "most_per_category": st.integers(1, 3),
        "min_relevance": share,
        "margin_weight": weight,
        "popularity_weight": weight,
        "rotation": share,
        "explore_share": share,
        "ignored_factor": st.sampled_from((0.5, 0.0)),
        "ignored_hidden_after": st.just(3),
    }
    chosen = draw(st.lists(st.sampled_from(sorted(said)), max_size=5, unique=True))
    return Rules(**{name: draw(said[name]) for name in chosen})


def holds(rule: Filter, item: int, shop: Goods, context: Context) -> bool:
    return bool(rule.mask(Scene(shop, context))[item])


def kept_out(item: int, shop: Goods, rules: Rules, context: Context) -> bool:
    """By hand, one product at a time, whatever else is in the answer."""
    price, parent = int(shop.price[item]), int(shop.parent[item])
    family = {item} | {
        other for other in range(len(shop)) if rules.one_per_parent and parent != -1
        and shop.parent[other] == parent
    }  # fmt: skip
    lately = {
        bought
        for bought, at in zip(context.bought.tolist(), context.bought_at.tolist(), strict=True)
        if rules.exclude_bought_days and at >= NOW - rules.exclude_bought_days * DAY
    }
    unless = rules.exclude_bought_unless
    tired = {
        ignored
        for ignored, times in zip(
            context.ignored.tolist(), context.ignored_times.tolist(), strict=True
        )
        if rules.ignored_hidden_after and times >= rules.ignored_hidden_after
    }
    beside = [n for n in {context.product, *context.cart.tolist()} if 0 <= n < len(shop)]
    parted = any(
        (holds(pair.one, item, shop, context) and holds(pair.other, other, shop, context))
        or (holds(pair.other, item, shop, context) and holds(pair.one, other, shop, context))
        for pair in rules.apart
        for other in beside
    )
    low, high = rules.price_from, rules.price_to
    return (
        not shop.shown[item]
        or (rules.in_stock and not shop.in_stock[item])
        or (rules.exclude_current and context.product in family)
        or (rules.exclude_cart and not family.isdisjoint(context.cart.tolist()))
        or item in context.excluded
        or (rules.exclude_viewed and item in context.viewed)
        or (item in lately and not (unless and holds(unless, item, shop, context)))
        or item in tired
        or ((low is not None or high is not None) and price < 0)
        or (low is not None and price < low)
        or (high is not None and price > high)
        or any(not holds(rule, item, shop, context) for rule in rules.filters)
        or parted
    )


def most_of_a_kind(kinds: list[Any]) -> int:
    known = [kind for kind in kinds if kind]
    return max(map(known.count, known), default=0)


@given(st.data())
def test_no_answer_breaks_a_rule(data: st.DataObject) -> None:
    shop = data.draw(shelves())
    context, rules = data.draw(moments(len(shop))), data.draw(rulesets(len(shop)))
    offers = data.draw(offered(len(shop)))
    answer = rank(offers, shop, rules, context)
    items = answer.items.tolist()
    assert len(items) == len(set(items)) <= context.n
    assert len(items) == len(answer.scores) == len(answer.reasons) == len(answer.because)
    assert np.isfinite(answer.scores).all() and all(answer.reasons)
    pinned = {pin.item for pin in rules.pins}
    assert set(items) <= pinned.union(context.fresh.tolist(), *(o.scored.items for o in offers))
    assert [item for item in items if kept_out(item, shop, rules, context)] == []
    for pair in rules.apart:
        ones = [item for item in items if holds(pair.one, item, shop, context)]
        others = [item for item in items if holds(pair.other, item, shop, context)]
        assert not [(a, b) for a in ones for b in others if a != b]
    if rules.one_per_parent:
        assert most_of_a_kind([shop.parent[item] + 1 for item in items]) <= 1
    for most, column in (
        (rules.most_per_brand, shop.brand),
        (rules.most_per_category, shop.category),
    ):
        kinds = [folded(text) for item in items for text in column.of(item)]
        assert not most or most_of_a_kind(kinds) <= most
    assert all(many > 0 and left_out(name) for name, many in answer.dropped.items())
    assert all(explained(codes) and told(codes) for codes in answer.reasons)
    again = rank(offers, shop, rules, context)
    assert again.items.tolist() == items and again.dropped == answer.dropped
    assert again.scores.tolist() == answer.scores.tolist() and again.reasons == answer.reasons


@given(st.data())
def test_nothing_is_left_out_without_a_reason_and_pins_stand_where_they_are_pinned(
    data: st.DataObject,
) -> None:
    shop = data.draw(shelves())
    context, drawn_rules = data.draw(moments(len(shop))), data.draw(rulesets(len(shop)))
    offers = data.draw(offered(len(shop)))
    rules = Rules(
        filters=drawn_rules.filters,
        boosts=drawn_rules.boosts,
        pins=drawn_rules.pins,
        price_to=drawn_rules.price_to,
        exclude_cart=drawn_rules.exclude_cart,
        one_per_parent=False,
    )
    answer = rank(offers, shop, rules, context).items.tolist()
    possible = {int(item) for one in offers for item in one.scored.items} | {
        pin.item for pin in rules.pins if pin.place <= context.n
    }
    fitting = {
        item
        for item in possible
        if 0 <= item < len(shop) and not kept_out(item, shop, rules, context)
    }
    assert len(answer) == min(context.n, len(fitting))
    taken: set[int] = set()
    for pin in sorted(rules.pins, key=lambda pin: pin.place):
        place = next(n for n in range(max(pin.place, 1) - 1, 99) if n not in taken)
        if pin.item in fitting and pin.item not in {answer[n] for n in taken if n < len(answer)}:
            taken.add(place)
            if len(answer) == context.n and place < context.n:
                assert answer[place] == pin.item
    whatever = Context(**{name: getattr(context, name) for name in context.__struct_fields__
                          if name != "seed"}, seed=context.seed + 1)  # fmt: skip
    assert rank(offers, shop, rules, whatever).items.tolist() == answer


@pytest.mark.skipif(not compiling.possible(), reason="numba, the extra `fast`, is not installed")
@settings(deadline=None, max_examples=300)
@given(st.data())
def test_compiled_and_in_numpy_the_answer_is_the_same_to_the_last_bit(data: st.DataObject) -> None:
    from patron.recommend.rules.sifting import quickly

    shop = data.draw(shelves())
    rules = data.draw(rulesets(len(shop)))
    for _ in range(2):  # what was found out for the first is kept for the second
        context, offers = data.draw(moments(len(shop))), data.draw(offered(len(shop)))
        one, other = (way(offers, shop, rules, context) for way in (plainly, quickly.rank))
        assert one.items.tolist() == other.items.tolist()
        assert one.scores.tolist() == other.scores.tolist()
        assert one.reasons == other.reasons
        assert one.because.tolist() == other.because.tolist()
        assert one.dropped == other.dropped
        if len(shop):
            row = data.draw(st.integers(0, len(shop) - 1))
            shop.price[row], shop.in_stock[row] = data.draw(
                st.sampled_from(((500, True), (-1, False)))
            )
            shop.margin[row] = data.draw(st.sampled_from((0.0, 1.0)))
            shop.touched.add(row)


def answered(
    offers: list[Offer], shop: Goods | None = None, n: int = 10, **rules: Any
) -> list[int]:
    context = rules.pop("context", None) or moment(n)
    found: list[int] = rank(
        offers, goods(8) if shop is None else shop, Rules(**rules), context
    ).items.tolist()
    return found


def test_the_chain_goes_first_then_what_fills_up() -> None:
    offers = [offer([3, 1]), offer([1, 5, 0], "best_sellers", is_fallback=True)]
    answer = rank(offers, goods(8), Rules(), moment(4))
    assert answer.items.tolist() == [3, 1, 5, 0]
    assert answer.reasons == [["together"]] * 2 + [["best_sellers", "fallback"]] * 2
    assert answer.dropped == {"twice": 1}
    assert answer.fallback_share == 0.5
    assert rank([], goods(0), Rules(), moment(4)).fallback_share == 0


def test_boosts_weights_and_burying_change_the_order() -> None:
    shop = goods(
        4,
        price=[100, 200, 300, -1],
        margin=[0.1, 0.9, np.nan, 0.5],
        popularity=[0, 1, 4, 0],
        brand=words("Acme", None, None, "Acme"),
    )
    four = [offer([0, 1, 2, 3])]
    assert answered(four, shop) == [0, 1, 2, 3]
    assert answered(four, shop, boosts=(read_boost("5 if price >= 2 else 1"),)) == [1, 2, 0, 3]
    assert answered(four, shop, margin_weight=5) == [1, 0, 2, 3]
    assert answered(four, shop, popularity_weight=10) == [2, 1, 0, 3]
    assert answered(four, shop, popularity_weight=-1) == [0, 1, 3, 2]
    assert answered(four, shop, buried=(read_filter('brand = "Acme"'),)) == [1, 2, 0, 3]
    boosted = rank(four, shop, Rules(boosts=(read_boost("2 if price = 3 else 1"),)), moment(1))
    assert boosted.reasons == [["together"]]
    boosted = rank(four, shop, Rules(boosts=(read_boost("9 if price = 3 else 1"),)), moment(1))
    assert boosted.reasons == [["together", "boosted"]]


def test_a_pin_gives_way_to_stock_and_exclusion_only() -> None:
    pins = (Pin(7, 1), Pin(6, 3))
    six = [offer([0, 1, 2, 3, 6])]
    assert answered(six, pins=pins, n=5) == [7, 0, 6, 1, 2]
    found = rank(six, goods(8), Rules(pins=pins), moment(5))
    assert found.reasons[0] == ["pinned"] and found.reasons[2] == ["together", "pinned"]
    sold_out = goods(8, in_stock=[True] * 7 + [False])
    assert answered(six, sold_out, pins=pins, n=5) == [0, 1, 6, 2, 3]
    assert answered(six, pins=pins, context=moment(5, excluded=[6])) == [7, 0, 1, 2, 3]
    # With too little to stand before it, it moves up.
    assert answered([], pins=pins) == [7, 6]
    assert answered(six, pins=(Pin(5, 9), Pin(99, 1)), n=3) == [0, 1, 2]


def test_what_was_shown_in_vain_sinks_and_then_goes() -> None:
    context = moment(4, ignored=[0, 1], ignored_times=[3, 1])
    four = [offer([0, 1, 2, 3])]
    assert answered(four, ignored_factor=0.5, context=context) == [2, 1, 0, 3]
    found = rank(four, goods(4), Rules(ignored_hidden_after=3), context)
    assert found.items.tolist() == [1, 2, 3]
    assert found.dropped == {"ignored": 1}


def test_who_bought_it_lately_is_not_offered_it_unless_it_is_bought_again_and_again() -> None:
    shop = goods(4, repeat=[0.0, 0.5, np.nan, 0.1])
    context = moment(4, bought=[0, 1, 2], bought_at=[NOW - DAY, NOW - DAY, NOW - 100 * DAY])
    unless = read_filter("bought_again >= 20%")
    rules: dict[str, Any] = {
        "exclude_bought_days": 90,
        "exclude_bought_unless": unless,
        "context": context,
    }
    assert answered([offer([0, 1, 2, 3])], shop, **rules) == [1, 2, 3]


def test_two_brands_that_do_not_bear_each_other_are_never_side_by_side() -> None:
    shop = goods(4, brand=words("Acme", "Brio", "Acme", None))
    apart = (Apart(read_filter('brand = "Acme"'), read_filter('brand = "Brio"')),)
    four = [offer([0, 1, 2, 3])]
    assert answered(four, shop, apart=apart) == [0, 2, 3]
    assert answered([offer([1, 0, 2, 3])], shop, apart=apart) == [1, 3]
    assert answered(four, shop, apart=apart, context=moment(4, product=1)) == [3]
    found = rank(four, shop, Rules(apart=apart), moment(4, cart=[2]))
    assert found.items.tolist() == [0, 3]
    assert found.dropped == {"in_cart": 1, "apart[0]": 1}


def test_an_answer_has_at_most_so_many_of_a_kind() -> None:
    shop = goods(
        6,
        brand=words("Acme", "ACME", "acme", "Brio", None, None),
        category=words("Tea", "Tea", None, "Tea > Green", "Tea", None),
        parent=[1, -1, 1, -1, 2, 2],
    )
    six = [offer([0, 1, 2, 3, 4, 5])]
    assert answered(six, shop) == [0, 1, 3, 4]
    assert answered(six, shop, one_per_parent=False) == [0, 1, 2, 3, 4, 5]
    assert answered(six, shop, one_per_parent=False, most_per_brand=1) == [0, 3, 4, 5]
    assert answered(six, shop, one_per_parent=False, most_per_brand=2) == [0, 1, 3, 4, 5]
    assert answered(six, shop, one_per_parent=False, most_per_category=2) == [0, 1, 2, 3, 5]
    found = rank(six, shop, Rules(most_per_brand=1), moment(9))
    assert found.items.tolist() == [0, 3, 4]
    assert found.dropped == {"parent": 2, "brand": 1}
    # A variant of what she looks at, or has in the cart, is the same product.
    assert answered(six, shop, context=moment(9, product=0, cart=[4])) == [1, 3]


def test_little_relevance_is_left_out_but_not_what_fills_up() -> None:
    offers = [offer([0, 1, 2, 3]), offer([4, 5], "best_sellers", is_fallback=True)]
    found = rank(offers, goods(8), Rules(min_relevance=0.6), moment(8))
    assert found.items.tolist() == [0, 1, 4, 5]
    assert found.dropped == {"relevance": 2}


def test_chance_turns_the_order_and_a_seed_repeats_it() -> None:
    ten = [offer(list(range(8)))]
    orders = {tuple(answered(ten, rotation=1.0, context=moment(8, seed=n))) for n in range(20)}
    assert len(orders) > 10
    assert all(sorted(order) == list(range(8)) for order in orders)
    assert len({tuple(answered(ten, context=moment(8, seed=n))) for n in range(20)}) == 1


def test_new_products_are_tried_on_their_share_of_places_and_never_on_the_first() -> None:
    shop = goods(60, first_seen=[NOW - 400 * DAY] * 30 + [NOW - DAY] * 30)
    tried = []
    for seed in range(200):
        context = moment(10, seed=seed, fresh=list(range(25, 60)))
        found = rank([offer(list(range(20)))], shop, Rules(explore_share=0.15), context)
        assert len(found.items) == 10
        new = [n for n, codes in enumerate(found.reasons) if codes == ["explored"]]
        assert 0 not in new and all(found.items[n] >= 30 for n in new)
        tried.append(len(new))
    assert set(tried) == {1, 2} and 1.35 < np.mean(tried) < 1.65


def test_chance_is_even_and_its_two_forms_agree() -> None:
    numbers = np.arange(-1, 5000, dtype=np.int32)
    found = chance(12345, numbers)
    assert found.tolist() == [drawn(12345, number) for number in numbers.tolist()]
    assert (found >= 0).all() and (found < 1).all()
    assert np.histogram(found, 10, (0, 1))[0] == pytest.approx(500, abs=100)


def test_degenerate_shops_have_sane_answers() -> None:
    assert answered([], goods(0), n=0) == []
    assert answered([offer([0, 5])], goods(0)) == []
    assert answered([offer([0])], goods(1)) == [0]
    assert answered([offer([0])], goods(1), context=moment(3, product=0)) == []
    nothing_known = goods(6, price=[-1, 0, -500, -1, 0, -7])
    assert answered([offer([0, 1, 2])], nothing_known, filters=(read_filter("price < 5"),)) == [1]
    assert answered([offer([0, 1, 2])], nothing_known, price_from=0) == [1]
    assert answered([offer([0, 1, 2])], nothing_known, margin_weight=3) == [0, 1, 2]
    large = goods(1000)
    assert len(answered([offer(list(range(1000)))], large, n=10**9)) == MOST_OFFERED
    many = [offer(list(range(k * 100, k * 100 + 100))) for k in range(10)]
    assert len(answered(many, large, n=10**9)) == MOST_PLACES


def test_every_code_has_its_words() -> None:
    assert set(REASONS) == {*Strategy, *Touch}
    assert set(OBJECTIONS) == set(Objection)
    assert told(["together"], "Tea {cup}") == "Often bought with Tea {cup}"
    assert told(["because_you_viewed", "boosted"], "Boots") == "Because you looked at Boots"
    assert told(["best_sellers", "fallback"], "Boots") == "A best-seller"
    assert told(["fallback"]) == told([]) == ""
    assert explained(["cart", "pinned"])[1] == "A pin of yours puts it here."
    assert left_out("filter[3]") == OBJECTIONS[Objection.FILTER]
