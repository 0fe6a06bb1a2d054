"""What each form says about a person, in words, and how each refuses what it cannot read."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from known import ANNA, NOW, START, Known
from patron.experiments.assign import point
from patron.profiles.types import Reach, SuppressionReason
from patron.segments.forms.trait import share_point
from patron.segments.rules.language import Answer, Scope, parse
from patron.segments.rules.reading import Misread
from patron.segments.types import Order, Touch

Told = dict[str, Any]
DAY = 60.0 * 24
LOG: list[tuple[float, str, Told]] = [
    (40 * DAY, "Order Completed", {"revenue": 20, "coupon": "SPRING"}),
    (10 * DAY, "Product Viewed", {"category": "Boots", "price": 80}),
    (9 * DAY, "Product Viewed", {"category": "Boots", "price": "20"}),
    (8 * DAY, "Product Added", {}),
    (7 * DAY, "Order Completed", {"revenue": 80.5}),
]
ANY: Told = {"trait": "a", "op": "exists"}


def ask(rule: Told, **known: Any) -> Answer:
    return parse(rule, Scope(frozenset({"start"}))).evaluate(Known(**({"log": LOG} | known)), NOW)


@pytest.mark.parametrize(
    ("asked", "held", "why"),
    [
        (
            {"sum": {"property": "revenue", "op": "at_least", "value": 100}},
            True,
            "ordered twice, last on 23 Feb 2026, 12:00; the sum of its revenue is 100.5",
        ),
        (
            {"avg": {"property": "revenue", "op": "between", "value": [0, 50]}},
            False,
            "ordered twice, last on 23 Feb 2026, 12:00; the average of its revenue is 50.25,"
            " but asked was: between 0 and 50",
        ),
        (
            {"max": {"property": "discount", "op": "less_than", "value": 5}},
            False,
            "ordered twice, last on 23 Feb 2026, 12:00; the greatest of its discount is not known,"
            " but asked was: less than 5",
        ),
        (
            {"first": {"property": "coupon", "op": "equals", "value": "spring"}},
            True,
            "ordered twice, last on 23 Feb 2026, 12:00; the first time its coupon is “spring”",
        ),
        (
            {"last": {"op": "more_than_ago", "value": {"days": 30}}},
            False,
            "ordered twice, last on 23 Feb 2026, 12:00; the last time is 23 Feb 2026, 12:00,"
            " but asked was: is more than 30 days ago",
        ),
        (
            {"before": {"days": 30}},
            True,
            "ordered once, more than 30 days ago, last on 21 Jan 2026, 12:00",
        ),
        (
            {"did": False, "since": "2026-01-22T00:00:00Z", "before": "2026-02-01T00:00:00Z"},
            True,
            "did not order since 21 Jan 2026, 19:00, before 31 Jan 2026, 19:00",
        ),
    ],
)
def test_orders_as_events(asked: Told, held: bool, why: str) -> None:
    assert ask({"event": "Order Completed"} | asked) == Answer(held, [why])


def test_a_sequence_tells_when() -> None:
    steps: list[Told] = [
        {"event": "Product Viewed"},
        {"event": "Product Added", "within": {"days": 1}},
        {"event": "Order Completed", "without": {"event": "Product Removed"}},
    ]
    assert ask({"sequence": steps}) == Answer(
        True,
        [
            "looked at a product, then added a product to the cart within 1 day, then ordered"
            " (without “Product Removed” in between)"
            " (21 Feb 2026, 12:00, 22 Feb 2026, 12:00, 23 Feb 2026, 12:00)"
        ],
    )
    assert not ask({"sequence": steps, "span": {"days": 1}}).value
    assert ask({"sequence": steps, "span": {"days": 2}}).value
    removed = [*LOG, (7.5 * DAY, "Product Removed", {})]
    gone = ask({"sequence": steps}, log=removed)
    assert not gone.value
    assert gone.why[0].startswith("did not in this order: look at a product, then add a product")
    assert ask({"sequence": steps, "did": False}, log=removed).value
    assert not ask({"sequence": steps, "within": {"days": 8}}).value


def test_two_at_once_are_no_sequence() -> None:
    log: list[tuple[float, str, Told]] = [(5.0, "A", {}), (5.0, "B", {})]
    assert not ask({"sequence": [{"event": "A"}, {"event": "B"}]}, log=log).value
    assert not ask({"sequence": [{"event": "A"}, {"event": "A"}]}, log=log).value


def test_orders_in_money() -> None:
    some = [
        Order(NOW - timedelta(days=90), 1_999, "USD", True),
        Order(NOW - timedelta(days=30), 2_000, "EUR", False),
        Order(NOW - timedelta(days=2, seconds=1), 1, "USD", None),
    ]

    def figure(name: str, op: str, value: Any, **window: Any) -> Answer:
        return ask({"orders": name, "op": op, "value": value, **window}, orders=some)

    assert figure("value", "equals", 20).why == ["what the orders are worth is $20.00"]
    assert figure("number", "equals", 3).value
    assert figure("average", "between", [9.99, 10]).value
    assert figure("days_since_last", "equals", 2).value
    assert figure("reduced_percent", "equals", 50).value
    none = figure("average", "at_most", 1_000, within={"days": 1})
    assert none.why == [
        "the average order in the last 1 day is not known, but asked was: at most 1000"
    ]
    assert not none.value


@pytest.mark.parametrize(
    ("reach", "rule", "held", "why"),
    [
        (
            Reach("a@x.example", "a@x.example", True, "granted", None),
            {"reachable": "email"},
            True,
            "may be written to by email (marketing)",
        ),
        (
            Reach("a@x.example", "a@x.example", True, "none", None),
            {"reachable": "email"},
            False,
            "may not be written to by email (marketing): she has said nothing about it",
        ),
        (
            Reach(None, None, False, "none", None),
            {"reachable": "email", "is": False},
            True,
            "may not be written to by email (marketing): no address is known",
        ),
        (
            Reach("a@x.example", "a@x.example", True, "granted", SuppressionReason.HARD_BOUNCE),
            {"suppressed": "email", "reason": "complaint"},
            False,
            "the address for email is blocked (hard bounce)",
        ),
        (
            Reach("a@x.example", "a@x.example", True, "withdrawn", None),
            {"consent": "email", "is": "granted"},
            False,
            "has taken back her word about marketing by email",
        ),
    ],
)
def test_reach_in_words(reach: Reach, rule: Told, held: bool, why: str) -> None:
    assert ask(rule, ways={("email", "marketing"): reach}) == Answer(held, [why])


def test_what_she_needs_for_an_order_reaches_her_though_she_unsubscribed() -> None:
    reach = Reach("a@x.example", "a@x.example", True, "none", SuppressionReason.UNSUBSCRIBE)
    ways = {("email", purpose): reach for purpose in ("orders", "marketing")}
    assert ask({"reachable": "email", "purpose": "orders"}, ways=ways).value
    assert not ask({"reachable": "email"}, ways=ways).value


def test_touches_in_words() -> None:
    touched = {
        "channel": [
            Touch("paid_search", NOW - timedelta(days=9), NOW - timedelta(days=3)),
            Touch("email", NOW - timedelta(days=5), NOW - timedelta(days=5)),
        ]
    }
    first = ask({"channel": "email", "touch": "first"}, touched=touched)
    assert first == Answer(False, ["first channel is paid search, but asked was: email"])
    lately = ask({"channel": ["paid_search"], "within": {"days": 3}}, touched=touched)
    assert lately == Answer(True, ["channel in the last 3 days is paid search"])
    unknown = ask({"device": ["tv", "watch"]}, touched=touched)
    assert unknown == Answer(False, ["device is not known, but asked was: tv, watch"])


def test_a_sample_is_stable_grows_and_is_drawn_as_experiments_are() -> None:
    everybody = [UUID(int=n << 64) for n in range(2_000)]

    def drawn(percent: float, key: str) -> set[UUID]:
        rule = parse({"sample": percent, "key": key})
        return {one for one in everybody if rule.holds(Known(person=one), NOW)}

    assert drawn(10, "a") < drawn(30, "a") < drawn(100, "a") == set(everybody)
    assert 500 < len(drawn(30, "a")) < 700
    assert 120 < len(drawn(30, "a") & drawn(30, "b")) < 240
    assert share_point("a", ANNA) == point("sample:a", ANNA)


def test_numbers_that_cannot_be_meant_spoil_no_sum() -> None:
    log: list[tuple[float, str, Told]] = [
        (1.0, "A", {"x": value}) for value in (0.1, 0.2, "0.3", 10**400, True, "many", None)
    ]
    assert ask(
        {"event": "A", "sum": {"property": "x", "op": "equals", "value": 0.6}}, log=log
    ).value


@pytest.mark.parametrize(
    ("rule", "path", "words"),
    [
        ({"trait": "a", "op": "matches", "value": "(a"}, "$.value", r"missing \)"),
        ({"trait": "a", "op": "matches", "value": r"(a)\1"}, "$.value", "no expression we can run"),
        ({"trait": "a", "op": "matches", "value": "((a{99}){99}){99}"}, "$.value", "we can run"),
        ({"trait": "a", "op": "matches", "value": "a" * 201}, "$.value", "1 to 200 characters"),
        ({"trait": "a", "op": "matches", "value": 5}, "$.value", "a regular expression"),
        ({"trait": "a", "op": "in", "value": ["x"] * 101}, "$.value", "1 to 100"),
        ({"trait": "a", "op": "anniversary_in_the_next", "value": 400}, "$.value", "0 to 365"),
        ({"trait": "a", "op": "anniversary_in_month", "value": 0}, "$.value", "1 to 12"),
        ({"event": "A", "sum": {"op": "equals", "value": 1}}, "$.sum.property", "must be a text"),
        (
            {"event": "A", "max": {"property": "x", "op": "between", "value": [2, 1]}},
            "$.max.value",
            "the smaller first",
        ),
        (
            {"event": "A", "sum": {"property": "x", "op": "equals", "value": 10**16}},
            "$.sum.value",
            "must be within",
        ),
        ({"event": "A", "did": False, "first": {}}, "$.first", "takes no first"),
        ({"event": "A", "count": {}, "last": {}}, "$.last", "give only one of these"),
        ({"event": "A", "last": {"op": "equals", "value": 1}}, "$.last.op", "is no operator"),
        ({"event": "A", "before": "soon"}, "$.before", "is no known moment"),
        ({"event": "A", "within": {"days": 5}, "before": {"days": 5}}, "$.before", "shorter"),
        (
            {"event": "A", "since": "2026-02-01T00:00:00Z", "before": "2026-02-01T00:00:00Z"},
            "$.before",
            "must be later than since",
        ),
        ({"sequence": [{"event": "A"}]}, "$.sequence", "must be a list of 2 to 10"),
        ({"sequence": [{"event": "A"}] * 11}, "$.sequence", "must be a list of 2 to 10"),
        (
            {"sequence": [{"event": "A", "within": {"days": 1}}, {"event": "B"}]},
            "$.sequence[0].within",
            "follows no other",
        ),
        (
            {"sequence": [{"event": "A"}, {"event": "B", "without": {"event": []}}]},
            "$.sequence[1].without.event",
            "must be a list of 1 to 20",
        ),
        ({"orders": "sum", "op": "equals", "value": 1}, "$.orders", "allowed: number, value"),
        ({"orders": "value", "op": "in", "value": [1]}, "$.op", "comparison of numbers"),
        ({"message": "forwarded"}, "$.message", "allowed: received, opened, clicked"),
        ({"consent": "fax", "is": "granted"}, "$.consent", "allowed: email, sms"),
        ({"consent": "email", "is": "yes"}, "$.is", "allowed: granted, withdrawn, pending, none"),
        ({"reachable": "email", "purpose": "Marketing"}, "$.purpose", "lower-case"),
        ({"suppressed": "email", "reason": "angry"}, "$.reason", "allowed: unsubscribe"),
        ({"channel": "carrier pigeon"}, "$.channel", "is no channel"),
        ({"device": ["desktop", "phone"]}, "$.device[1]", "is no device"),
        ({"channel": "email", "touch": "first", "within": {"days": 1}}, "$.within", "no window"),
        ({"sample": 0, "key": "a"}, "$.sample", "above 0, at most 100"),
        ({"sample": 10}, "$.key", "must be a text"),
        (
            {"or": [{"trait": "a", "op": "matches", "value": f"^{n}"} for n in range(21)]},
            "$",
            "at most 20 regular expressions, here are 21",
        ),
        (
            {"and": [{"event": "A", "where": [{"property": "x", "op": "exists"}] * 19}] * 51},
            "$.and[49]",
            "at most 1,000 conditions and filters",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_where_it_stands(rule: Any, path: str, words: str) -> None:
    with pytest.raises(Misread, match=words) as refused:
        parse(rule)
    assert refused.value.path == path


def test_a_thousand_conditions_are_answered_with_a_hundred_reasons() -> None:
    rule = {"and": [{"event": "A", "did": False}] * 999}
    answer = ask(rule)
    assert answer.value and len(answer.why) == 100


def test_an_expression_meant_to_explode_takes_no_time() -> None:
    rule = {"trait": "a", "op": "matches", "value": "^(([a-z])+.)+[A-Z]([a-z])+$"}
    assert not ask(rule, traits={"a": "a" * 4_000 + "!"}).value
    assert ask({"trait": "a", "op": "matches", "value": "^HÉ"}, traits={"a": " hélène "}).value


def test_a_named_moment_ends_a_window_too() -> None:
    log: list[tuple[float, str, Told]] = [(90.0, "A", {})]
    rule = {"event": "A", "before": "start"}
    assert ask(rule, log=log).why == [
        "did “A” once, before this journey began (2 Mar 2026, 11:00), last on 2 Mar 2026, 10:30"
    ]
    late = msgspec.structs.replace(Known(log=log), moments={"start": START - timedelta(hours=1)})
    assert not parse(rule, Scope(frozenset({"start"}))).holds(late, NOW)
