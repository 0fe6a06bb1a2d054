"""Journeys as JSON: what is understood, and how a mistake is named."""

from copy import deepcopy
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patron.journeys.builtin import abandoned_cart
from patron.journeys.definition import OUT, Condition, Exit, Send, Wait, parse, read
from patron.segments.rules.reading import Misread
from patron.shops.types import METRICS

RULE = {"event": "Order Completed", "did": False, "since": "start"}


def journey(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"trigger": {"cart": "changed"}, "steps": list(steps)} | more


def test_the_built_in_journey_is_understood() -> None:
    found = parse(abandoned_cart(METRICS))
    idle, unordered, mail = found.steps
    assert idle == Wait("idle", timedelta(hours=1))
    assert isinstance(unordered, Condition) and unordered.otherwise == OUT
    assert mail == Send("mail", "abandoned_cart", "email", "marketing", timedelta(days=1), None)
    assert (found.holdout, found.max_age) == (0.1, timedelta(hours=1))
    assert found.of_carts and found.reentry == timedelta()
    assert found.cart_ends == {"closed", "emptied"}
    assert read(msgspec.json.encode(abandoned_cart(METRICS)).decode()) == found


def test_a_shop_that_calls_orders_otherwise_has_them_heard() -> None:
    found = parse(abandoned_cart(METRICS | {"revenue": "Bought"}))
    assert found.exits[0].names == {"Order Completed", "Bought"}


def test_defaults() -> None:
    found = parse(
        {
            "trigger": {"event": "Product Viewed"},
            "steps": [{"send": {"template": "look_again"}}, {"exit": "said"}],
        }
    )
    assert found.steps == [
        Send("send-1", "look_again", "email", "marketing", timedelta(days=1), None),
        Exit("exit-2", "said"),
    ]
    assert (found.holdout, found.max_age, found.reentry) == (0.1, timedelta(hours=1), timedelta())


def test_what_must_hold_when_the_message_leaves() -> None:
    vip = {"trait": "vip", "op": "is_true"}
    found = parse(
        {
            "trigger": {"event": "Order Completed"},
            "steps": [
                {"send": {"template": "thanks", "only_if": vip}},
                {"send": {"template": "x"}},
            ],
            "exit_on": [{"event": "Order Cancelled"}],
        }
    )
    one, other = found.steps
    assert isinstance(one, Send) and isinstance(other, Send)
    kept = {"event": "Order Cancelled", "did": False, "after": "start"}
    assert found.send_condition(one) == {"and": [kept, vip]}
    assert found.send_condition(other) == {"and": [kept]}
    assert parse(journey({"send": {"template": "x"}})).send_condition(other) is None


@pytest.mark.parametrize(
    ("data", "path", "words"),
    [
        ([], "$", "must be an object"),
        (journey({"exit": "x"}, color="red"), "$.color", "unknown field.*allowed: exit_on"),
        ({"steps": [{"exit": "x"}]}, "$.trigger", "must be an object, found null"),
        (journey() | {"trigger": {}}, "$.trigger", "exactly one of these fields"),
        (journey() | {"trigger": {"cart": "opened"}}, "$.trigger.cart", "allowed: changed"),
        (journey() | {"trigger": {"cart": "changed", "event": "x"}}, "$.trigger.event", "unknown"),
        (journey(), "$.steps", "must be a list of 1 to 100"),
        (journey({}), "$.steps[0]", "allowed: wait, condition, send, exit"),
        (journey({"pause": 1}), "$.steps[0].pause", "unknown field"),
        (journey({"wait": {"hours": 1}, "exit": "x"}), "$.steps[0]", "exactly one"),
        (journey({"wait": {"hour": 1}}), "$.steps[0].wait.hour", "allowed: days, hours"),
        (journey({"wait": {"hours": 0}}), "$.steps[0].wait", "ten years"),
        (journey({"id": "A", "exit": "x"}), "$.steps[0].id", "a-z"),
        (journey({"id": "exit", "exit": "x"}), "$.steps[0].id", "not “exit”"),
        (journey(*[{"id": "a", "exit": "x"}] * 2), "$.steps[1].id", "is the id of two steps"),
        (journey({"send": {}}), "$.steps[0].send.template", "must be a text"),
        (
            journey({"send": {"template": "x", "channel": "pigeon"}}),
            "$.steps[0].send.channel",
            "is no channel, found 'pigeon'; allowed: email",
        ),
        (
            journey({"condition": {"rule": {"event": 1}}}),
            "$.steps[0].condition.rule.event",
            "must be a list",
        ),
        (
            journey({"condition": {"rule": RULE, "else": "nowhere"}}),
            "$.steps[0].condition.else",
            "allowed: exit, condition-1",
        ),
        (
            journey({"condition": {"rule": RULE | {"since": "end"}}}),
            "$.steps[0].condition.rule.since",
            "allowed: start",
        ),
        (
            journey({"exit": "x"}, exit_on=[{"cart": "lost"}]),
            "$.exit_on[0].cart",
            "allowed: closed, emptied",
        ),
        (
            journey({"exit": "x"}, exit_on=[{"cart": "closed"}])
            | {"trigger": {"event": "Product Viewed"}},
            "$.exit_on[0].cart",
            "needs the trigger",
        ),
        (journey({"exit": "x"}, holdout=1), "$.holdout", "a share from 0 to 0.9"),
        (journey({"exit": "x"}, max_age_minutes=0), "$.max_age_minutes", "from 1 to 10080"),
        (journey({"exit": "x"}, reentry="often"), "$.reentry", "allowed: always, never"),
        (journey({"exit": "x"}, reentry={"days": 0}), "$.reentry", "ten years"),
    ],
)
def test_a_mistake_is_named_where_it_is(data: Any, path: str, words: str) -> None:
    with pytest.raises(Misread, match=words) as refused:
        parse(data)
    assert refused.value.path == path


def test_a_cart_rule_needs_a_cart() -> None:
    rule = {"cart": "this", "is": "open"}
    steps = [{"condition": {"rule": rule}}]
    parse(journey(*steps))
    with pytest.raises(Misread, match="no cart is meant here"):
        parse(journey(*steps) | {"trigger": {"event": "Product Viewed"}})


def test_a_way_back_needs_a_wait() -> None:
    back = {"condition": {"rule": RULE, "else": "first"}}
    mail = {"send": {"template": "x"}}
    parse(journey({"id": "first", "wait": {"days": 7}}, mail, back))
    parse(journey({"id": "first", **mail}, {"wait": {"days": 7}}, back))
    question: dict[str, Any] = {"id": "first", "condition": {"rule": RULE}}
    for first in ({"id": "first", **mail}, question):
        with pytest.raises(Misread, match="leads back without a wait on the way") as refused:
            parse(journey(first, back))
        assert refused.value.path == "$.steps[1].condition.else"
    # A wait that can be jumped over does not help.
    skip = {"condition": {"rule": RULE, "else": "last"}}
    with pytest.raises(Misread, match="without a wait"):
        parse(journey({"id": "first", **skip}, {"wait": {"days": 1}}, {"id": "last", **back}))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.data())
def test_any_damage_is_refused_politely(data: st.DataObject) -> None:
    """One value anywhere in a good journey replaced: understood, or Misread, and nothing else."""
    damaged: Any = deepcopy(abandoned_cart(METRICS))
    at = damaged
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = data.draw(st.sampled_from(keys))
        inside = isinstance(at[key], dict | list) and at[key]
        if not inside or data.draw(st.booleans()):
            at[key] = data.draw(json_values)
            break
        at = at[key]
    try:
        parse(damaged)
    except Misread as error:
        assert error.path.startswith("$")
