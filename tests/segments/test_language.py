"""The language of conditions: what it says about a person, why, and how it refuses."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from known import NOW, START, Known
from lives import people
from patron.segments.rules.changes import earliest_change
from patron.segments.rules.language import Answer, Scope, bind, needs, parse
from patron.segments.rules.operators import OPERATORS, Kind
from patron.segments.rules.reading import Misread
from patron.segments.rules.schema import schema
from rules import json_values, rules

JOURNEY = Scope(moments=frozenset({"start"}), cart=True)
VALIDATOR = jsonschema_rs.validator_for(schema())


def ask(rule: dict[str, Any], known: Known | None = None) -> Answer:
    return parse(rule, JOURNEY).evaluate(known or Known(), NOW)


def trait(value: Any, op: str, *wanted: Any) -> bool:
    rule = {"trait": "t", "op": op} | ({"value": wanted[0]} if wanted else {})
    assert VALIDATOR.is_valid(rule)
    return ask(rule, Known({"t": value})).value


@pytest.mark.parametrize(
    ("value", "op", "wanted", "held"),
    [
        ("Boston", "equals", " boston ", True),
        ("Boston", "not_equals", "Paris", True),
        (None, "not_equals", "Paris", True),
        (3, "equals", "3", True),
        (True, "equals", 1, False),
        (True, "equals", True, True),
        (["a", "b"], "equals", "b", True),
        (["a", "b"], "not_equals", "b", False),
        ("x", "in", ["y", "X"], True),
        (None, "not_in", ["y"], True),
        ("Hollin Farm", "contains", "FARM", True),
        ("Hollin Farm", "not_contains", "farm", False),
        ("Hollin Farm", "starts_with", "hollin", True),
        ("Hollin Farm", "ends_with", "farm", True),
        ("Hollin Farm", "not_starts_with", "farm", True),
        (None, "not_ends_with", "farm", True),
        ("Hollin Farm", "not_ends_with", "farm", False),
        ("SW1A 1AA", "matches", "^[a-z]{1,2}[0-9]", True),
        ("SW1A 1AA", "not_matches", "1aa$", False),
        (5, "matches", "5", False),
        (["tea", "Coffee"], "has_any", ["milk", "coffee"], True),
        (["tea", "Coffee"], "has_all", ["coffee", "tea"], True),
        (["tea", "Coffee"], "has_all", ["coffee", "milk"], False),
        (None, "has_all", ["tea"], False),
        (["tea", "Coffee"], "has_none", ["milk"], True),
        (["tea", "Coffee"], "has_none", ["milk", "tea"], False),
        (None, "has_none", ["tea"], True),
        ("12.50", "greater_than", 12, True),
        (12, "greater_than", 12, False),
        (12, "at_least", 12, True),
        (12, "less_than", 12, False),
        (12, "at_most", 12, True),
        (True, "at_least", 0, False),
        ("many", "at_least", 0, False),
        (float("nan"), "at_least", 0, False),
        (5, "between", [1, 5], True),
        (6, "between", [1, 5], False),
        ("2026-02-01", "between", ["2026-01-01", "2026-02-01"], True),
        ("2026-02-28T10:00:00Z", "before", "2026-03-01", True),
        # Midnight in New York is 05:00 UTC.
        ("2026-03-01T04:00:00Z", "before", "2026-03-01", True),
        ("2026-03-01T06:00:00Z", "after", "2026-03-01", True),
        ("2026-03-01T06:00:00Z", "in_the_last", {"days": 2}, True),
        ("2026-03-01T06:00:00Z", "more_than_ago", {"days": 1}, True),
        ("2026-03-03T06:00:00Z", "in_the_next", {"days": 1}, True),
        ("2026-03-05T06:00:00Z", "more_than_ahead", {"days": 2}, True),
        ("2026-03-04T16:00:00Z", "more_than_ahead", {"days": 2}, False),
        ("9999-12-31", "more_than_ahead", {"years": 10}, True),
        ("1990-03-09", "anniversary_in_the_next", 7, True),
        ("1990-03-10", "anniversary_in_the_next", 7, False),
        ("1990-03-01", "anniversary_in_the_last", 1, True),
        ("1990-03-03", "anniversary_in_the_last", 1, False),
        ("1990-03-31", "anniversary_in_month", 3, True),
        ("no date", "anniversary_in_month", 3, False),
        ("9999-12-31", "in_the_last", {"days": 2}, False),
        ("no date", "before", "2026-03-01", False),
    ],
)
def test_operators(value: Any, op: str, wanted: Any, held: bool) -> None:
    assert trait(value, op, wanted) is held


def test_operators_without_a_value() -> None:
    assert trait(True, "is_true") and not trait(1, "is_true")
    assert trait(False, "is_false") and not trait(None, "is_false")
    assert trait(0, "exists") and not trait(None, "exists")
    assert trait(None, "missing") and not trait("", "missing")


def test_every_operator_is_explained_in_words() -> None:
    for name, operator in OPERATORS.items():
        assert ("{}" in operator.phrase) == (operator.kind is not Kind.NOTHING), name


def test_why_speaks_of_the_person() -> None:
    city = {"trait": "home_city", "op": "equals", "value": "Boston"}
    assert ask(city, Known({"home_city": "Boston"})).why == ["home city is “Boston”"]
    wrong = ask(city, Known({"home_city": "Paris"}))
    assert wrong.why == ["home city is “Paris”, but asked was: is “Boston”"]
    assert ask(city).why == ["home city is not known"]


def test_ordered_since_start() -> None:
    """The condition of the cart journey; an order of the same instant counts for `since` only."""
    unordered = {"event": "Order Completed", "did": False, "since": "start"}
    quiet = ask(unordered)
    assert quiet.value
    assert quiet.why == ["did not order since this journey began (2 Mar 2026, 11:00)"]
    bought = ask(unordered, Known(log=[(20, "Order Completed", {})]))
    assert bought == Answer(
        False,
        ["ordered once since this journey began (2 Mar 2026, 11:00), last on 2 Mar 2026, 11:40"],
    )
    at_start = Known(log=[(60, "Order Completed", {})])
    assert not ask(unordered, at_start).value
    assert ask({"event": "Order Completed", "did": False, "after": "start"}, at_start).value
    assert ask(unordered, Known(log=[(61, "Order Completed", {})])).value


def test_counts_and_windows() -> None:
    log: list[tuple[float, str, dict[str, Any]]] = [
        (60.0 * 24 * days, "Product Viewed", {}) for days in (1, 2, 40)
    ]
    often = {"event": "Product Viewed", "count": {"op": "at_least", "value": 3}}
    assert ask(often, Known(log=log)).why == [
        "looked at a product 3 times, last on 1 Mar 2026, 12:00"
    ]
    lately = ask(often | {"within": {"days": 30}}, Known(log=log))
    assert not lately.value
    assert lately.why == [
        "looked at a product twice in the last 30 days, last on 1 Mar 2026, 12:00,"
        " but asked was: at least 3"
    ]
    since = {"event": "Product Viewed", "since": "2026-03-01T17:00:00Z"}
    assert ask(since, Known(log=log)).value
    assert not ask(since | {"since": "2026-03-01T17:00:01Z"}, Known(log=log)).value
    assert ask({"event": "Fitting Booked", "did": False}).why == ["did not do “Fitting Booked”"]


def test_properties_are_found_along_a_path() -> None:
    order = {"revenue": "80.5", "products": [{"sku": "A1"}, {"sku": "B2", "tags": ["new"]}]}
    known = Known(log=[(5, "Order Completed", order)])

    def ordered(*tests: tuple[str, str, Any]) -> bool:
        where = [{"property": path, "op": op, "value": value} for path, op, value in tests]
        return ask({"event": "Order Completed", "where": where}, known).value

    assert ordered(("revenue", "at_least", 80), ("products.sku", "in", ["b2"]))
    assert ordered(("products.tags", "equals", "new"))
    assert not ordered(("products.sku", "not_equals", "A1"))
    assert not ordered(("products.name.first", "equals", "x"))
    said = ask(
        {"event": "Order Completed", "where": [{"property": "revenue", "op": "exists"}]}, known
    )
    assert said.why == ["ordered once where revenue is known, last on 2 Mar 2026, 11:55"]


def test_groups_tell_only_what_decided() -> None:
    yes = {"trait": "vip", "op": "is_true"}
    no = {"trait": "city", "op": "exists"}
    known = Known({"vip": True})
    assert ask({"and": [yes, no]}, known) == Answer(False, ["city is not known"])
    assert ask({"or": [yes, no]}, known) == Answer(True, ["vip is true"])
    assert ask({"not": no}, known) == Answer(True, ["city is not known"])
    assert ask({"and": [yes, {"not": no}]}, known).why == ["vip is true", "city is not known"]


def test_a_cart_is_open_or_not() -> None:
    open_cart = Known(open_carts=frozenset({"c1"}))
    assert ask({"cart": "c1", "is": "open"}, open_cart) == Answer(True, ["the cart is still open"])
    assert ask({"cart": "c2", "is": "closed"}, open_cart) == Answer(True, ["the cart is closed"])


def test_a_bound_rule_needs_no_names() -> None:
    rule = {
        "and": [
            {"not": {"event": "Order Completed", "since": "start"}},
            {"cart": "this", "is": "open"},
            {"event": "since", "where": [{"property": "cart", "op": "equals", "value": "this"}]},
        ]
    }
    bound = bind(rule, {"start": START}, "c1")
    assert bound["and"][0]["not"]["since"] == START.isoformat()
    assert bound["and"][1] == {"cart": "c1", "is": "open"}
    assert bound["and"][2] == rule["and"][2]
    known = Known(open_carts=frozenset({"c1"}), log=[(3, "since", {"cart": "this"})])
    assert parse(bound).evaluate(known, NOW).value
    assert rule["and"][1] == {"cart": "this", "is": "open"}


def test_needs_name_what_must_be_loaded() -> None:
    def since(*rules: dict[str, Any]) -> datetime | None:
        return needs(*(parse(one, JOURNEY) for one in rules)).since(NOW, {"start": START})

    recent = {"event": "A", "within": {"minutes": 30}}
    started = {"event": "B", "after": "start"}
    dated = {"event": "C", "since": "2026-01-01T00:00:00Z"}
    assert since(recent) == NOW - timedelta(minutes=30)
    assert since(recent, started) == START
    assert since(recent, {"or": [started, dated]}) == datetime(2026, 1, 1, tzinfo=UTC)
    assert since(recent, {"event": "D"}) is None
    everything = needs(
        parse(
            {"and": [recent, {"trait": "x", "op": "exists"}, {"cart": "this", "is": "open"}]},
            JOURNEY,
        )
    )
    assert (everything.names, everything.traits) == (frozenset({"A"}), frozenset({"x"}))
    assert everything.carts == frozenset({"this"}) and not everything.properties


DEEP: dict[str, Any] = {"trait": "a", "op": "exists"}
for _ in range(10):
    DEEP = {"not": DEEP}


@pytest.mark.parametrize(
    ("rule", "path", "words"),
    [
        ([], "$", "a condition must be an object, found a list of 0"),
        ({}, "$", "exactly one of these fields.*and, or, not, trait, event, cart"),
        ({"and": [], "or": []}, "$", "exactly one"),
        ({"and": []}, "$.and", "must be a list of 1 to 1000"),
        ({"and": [{"or": [{"trait": "a"}]}]}, "$.and[0].or[0].op", "found null; allowed: equals"),
        ({"trait": "a", "op": "bigger", "value": 1}, "$.op", "is no operator, found 'bigger'"),
        ({"trait": "a", "op": "equals"}, "$.value", "operator equals needs a value"),
        ({"trait": "a", "op": "exists", "value": 1}, "$.value", "takes no value"),
        ({"trait": "a", "op": "at_least", "value": "1"}, "$.value", "allowed: a number"),
        ({"trait": "a", "op": "between", "value": [2, 1]}, "$.value", "the smaller first"),
        ({"trait": "a", "op": "before", "value": "soon"}, "$.value", "ISO 8601"),
        ({"trait": "a", "op": "in", "value": []}, "$.value", "a list of 1 to 100"),
        ({"trait": "a", "op": "in_the_last", "value": {"day": 1}}, "$.value.day", "unknown field"),
        ({"trait": "a", "op": "in_the_last", "value": {"days": 0}}, "$.value", "ten years"),
        ({"trait": "", "op": "exists"}, "$.trait", "must be a text"),
        ({"trait": "a", "op": "exists", "x": 1}, "$.x", "unknown field"),
        ({"event": []}, "$.event", "must be a list of 1 to 20"),
        ({"event": "A", "did": 1}, "$.did", "must be true or false"),
        ({"event": "A", "did": False, "count": {}}, "$.count", "takes no count"),
        ({"event": "A", "count": {"op": "in", "value": 1}}, "$.count.op", "comparison of counts"),
        ({"event": "A", "count": {"op": "equals", "value": True}}, "$.count.value", "whole number"),
        ({"event": "A", "where": [{"op": "exists"}]}, "$.where[0].property", "must be a text"),
        ({"event": "A", "within": {"days": 1}, "since": "start"}, "$.since", "only one"),
        ({"event": "A", "since": "end"}, "$.since", "found 'end'; allowed: start, a date-time"),
        ({"event": "A", "since": "2026-03-02"}, "$.since", "is no known moment"),
        ({"cart": "c1", "is": "full"}, "$.is", "is no state of a cart"),
        (DEEP, "$" + ".not" * 10, "at most 10 deep"),
        (
            {"and": [{"trait": "a", "op": "exists"}] * 1000},
            "$.and[999]",
            "at most 1,000 conditions",
        ),
    ],
)
def test_a_wrong_rule_is_refused_where_it_is_wrong(rule: Any, path: str, words: str) -> None:
    with pytest.raises(Misread, match=words) as refused:
        parse(rule, JOURNEY)
    assert refused.value.path == path
    assert str(refused.value).startswith(f"{path}: ")


def test_names_only_a_journey_knows() -> None:
    with pytest.raises(Misread, match="is no known moment"):
        parse({"event": "A", "since": "start"})
    with pytest.raises(Misread, match="no cart is meant here"):
        parse({"cart": "this", "is": "open"})


@given(rules)
def test_the_schema_takes_what_the_parser_takes(rule: dict[str, Any]) -> None:
    parse(rule, JOURNEY)
    assert VALIDATOR.is_valid(rule), rule


@given(rules, people)
def test_needs_are_enough(rule: dict[str, Any], her: Known) -> None:
    """Facts cut down to what `needs` names give the same answer."""
    parsed = parse(rule, JOURNEY)
    wanted = needs(parsed)
    since = wanted.since(NOW, her.moments)
    touched_since = wanted.touch.since(NOW, her.moments)
    cut = msgspec.structs.replace(
        her,
        traits={
            name: value
            for name, value in her.traits.items()
            if any(asked == name or asked.startswith(f"{name}.") for asked in wanted.traits)
        },
        log=[
            (ago, name, told if wanted.properties else {})
            for ago, name, told in her.log
            if name in wanted.names and (since is None or NOW - timedelta(minutes=ago) >= since)
        ],
        orders=her.orders if wanted.orders else [],
        ways={way: reach for way, reach in her.ways.items() if way in wanted.reach},
        touched={
            kind: [t for t in every if touched_since is None or t.last >= touched_since]
            for kind, every in her.touched.items()
            if kind in wanted.kinds
        },
    )
    assert parsed.evaluate(cut, NOW) == parsed.evaluate(her, NOW)
    assert earliest_change(parsed, cut, NOW) == earliest_change(parsed, her, NOW)


@given(
    st.dictionaries(
        st.sampled_from(
            ["and", "not", "trait", "event", "op", "value", "orders", "sample", "key", "channel"]
        ),
        json_values,
    )
)
def test_anything_else_is_refused_politely(data: dict[str, Any]) -> None:
    """Never an error other than Misread; what the parser takes, the published schema takes too."""
    try:
        parse(data)
    except Misread:
        return
    assert VALIDATOR.is_valid(data)
