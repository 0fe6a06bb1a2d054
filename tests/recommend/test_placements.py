"""A shopkeeper sets up a placement, and learns what is wrong with it."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goods import goods, moment, offer
from patron.recommend.placements.builtin import built_in
from patron.recommend.placements.definition import (
    Placement,
    parse,
    ranking,
    schema,
    unknown_pins,
)
from patron.recommend.placements.reading import Misset
from patron.recommend.rules.rank import rank
from patron.recommend.rules.types import Strategy

LEAST = {"key": "shelf", "name": "Shelf", "count": 4, "chain": ["together"]}


def test_the_ready_made_are_whole_and_use_every_strategy() -> None:
    ready = built_in()
    assert len({one.key for one in ready}) == len(ready) == 18
    used = {strategy for one in ready for strategy in (*one.chain, *one.fallback)}
    assert used == set(Strategy)
    shop = goods(3, price=[500, 900, 1500])
    for one in ready:
        assert parse(json.loads(msgspec.json.encode(one))) == one
        assert one.purpose.endswith(".") and one.in_stock and one.diversity.one_per_parent
        found = rank([offer([0, 1, 2])], shop, ranking(one, shop), moment(one.count, cart=[0]))
        assert 0 not in found.items or not one.exclude.cart, one.key


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"chian": ["cart"]}, "$.chian: unknown field (nearest: chain), found a list of 1"),
        ({"chain": ["togehter"]}, "$.chain[0]: is none of these (nearest: together)"),
        ({"chain": []}, "$.chain: must be a list of a length of at least 1"),
        ({"chain": ["cart", "cart"]}, "$.chain[1]: stands there twice, found 'cart'"),
        ({"fallback": ["new", "together"]}, "$.fallback[1]: stands there twice"),
        ({"count": 0}, "$.count: must be a whole number of at least 1, found 0"),
        ({"count": "3"}, "$.count: must be a whole number, found '3'"),
        ({"count": None}, "$.count: must be a whole number, found null"),
        ({"key": "A b"}, "$.key: must be a text that matches"),
        ({"shows": "product"}, "$.shows: is none of these (nearest: products)"),
        ({"in_stock": 1}, "$.in_stock: must be true or false, found 1"),
        ({"rotation": 2}, "$.rotation: must be a number of at most 1.0, found 2"),
        (
            {"filters": ["price < 20", "in_stock and\n prise < 3"]},
            "$.filters[1]: line 2, column 2: there is no such field (nearest: price)",
        ),
        ({"boosts": ["on_sale"]}, "$.boosts[0]: line 1, column 1: a boost is a number"),
        ({"bury": ["price"]}, "$.bury[0]: line 1, column 1: must be a condition"),
        ({"apart": [{"one": "in_stock", "other": "("}]}, "$.apart[0].other: line 1, column 2"),
        ({"exclude": {"bought": {"days": 0}}}, "$.exclude.bought.days: must be a number above"),
        ({"exclude": {"bought": {"days": 9, "unless": "x"}}}, "$.exclude.bought.unless: line 1"),
        ({"exclude": {"brought": {}}}, "$.exclude.brought: unknown field (nearest: bought)"),
        ({"pins": [{"product": "a"}]}, "$.pins[0].place: is required"),
        ({"pins": [{"prodct": "a", "place": 1}]}, "$.pins[0].prodct: unknown field (nearest: pro"),
        ({"pins": [{"product": "a", "place": 2}] * 2}, "$.pins[1].place: another pin stands there"),
        ({"price": {"at_least": 5, "at_most": 2}}, "$.price.at_most: is less than at_least, 5"),
        ({"weights": {"margin": -2}}, "$.weights.margin: must be a number of at least -1.0"),
    ],
)
def test_what_is_wrong_is_named_with_its_path(change: dict[str, Any], said: str) -> None:
    with pytest.raises(Misset) as caught:
        parse({**LEAST, **change})
    assert said in str(caught.value)
    assert caught.value.path == said.split(": ", 1)[0] and caught.value.remedy


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["product", "place", "one", "days", "x"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*Placement.__struct_fields__, "x"]), _JSON), _JSON)
def test_any_json_is_a_placement_or_is_refused_with_its_path(
    some: dict[str, Any], other: Any
) -> None:
    for data in ({**LEAST, **some}, some, other):
        try:
            found = parse(data)
        except Misset as wrong:
            assert wrong.path.startswith("$")
        else:
            assert parse(json.loads(msgspec.json.encode(found))) == found


def test_the_schema_tells_every_field_and_every_strategy() -> None:
    told = schema()
    parts = told["$defs"]
    assert set(parts["Placement"]["properties"]) == set(Placement.__struct_fields__)
    assert sorted(parts["Strategy"]["enum"]) == sorted(one.value for one in Strategy)
    assert parts["Placement"]["required"] == ["key", "name", "count", "chain"]
    assert all(part.get("additionalProperties", False) is False for part in parts.values())
    assert json.loads(json.dumps(told)) == told


def test_a_placement_becomes_rules_for_the_products_of_a_shelf() -> None:
    placement = parse(
        {
            **LEAST,
            "filters": ["price < 100"],
            "bury": ["not on_sale"],
            "pins": [{"product": "p3", "place": 1}, {"product": "gone", "place": 2}],
            "price": {"at_least": 4.99, "at_most": 20},
            "exclude": {"cart": False, "bought": {"days": 30}},
            "diversity": {"per_brand": 2},
            "weights": {"margin": 0.5},
            "ignored": {"factor": 0.8, "hidden_after": 9},
        }
    )
    shop = goods(5, price=[499, 498, 2000, 1000, 2001], compare_at=[-1, -1, 3000, -1, -1])
    rules = ranking(placement, shop)
    assert (rules.price_from, rules.price_to) == (499, 2000)
    assert ranking(placement, goods(5, currency="JPY")).price_from == 5
    assert unknown_pins(placement, shop) == ["gone"]
    answer = rank([offer([0, 1, 2, 3, 4])], shop, rules, moment(4))
    assert answer.items.tolist() == [3, 2, 0]
    assert answer.dropped == {"price": 2}
