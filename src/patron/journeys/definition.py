"""A journey as JSON.

    {"trigger": {"cart": "changed"} or {"event": names, "where": [filters]},
     "steps": [step, …],
     "exit_on": [{"cart": "closed"}, {"cart": "emptied"}, {"event": names, "where": [filters]}],
     "holdout": 0.1, "max_age_minutes": 60, "reentry": "always" | "never" | {"days": 14}}

Steps, each with an optional "id":

    {"wait": {"hours": 1}}             stand still; in a cart journey new activity in the cart
                                       starts the wait anew
    {"condition": {"rule": rule,       go on when the rule holds, else to the step of that id
                   "else": "exit"}}    (or leave, when "else" is "exit" or not given)
    {"send": {"template": "abandoned_cart", "channel": "email", "purpose": "marketing",
              "expires": {"days": 1}, "only_if": rule}}
                                       put a message into the outbox; what would have made the run
                                       exit, and `only_if`, is asked again just before it leaves
    {"exit": "reason"}                 leave

Rules are in segment language and may say "start" (the event time of the trigger) and, in a cart
journey, "this" cart. A template about a cart speaks of the journey's own or, where an event starts
the journey, of the latest she has open when the step is reached; without one nothing is written.
After its last step a run is done. A condition may lead back to an earlier step as long as a wait
lies on the way.
"""

import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any

import msgspec

from patron.profiles.consent import FOR_AN_ORDER, MARKETING
from patron.segments.rules.language import Rule, Scope
from patron.segments.rules.language import parse as parse_rule
from patron.segments.rules.operators import Comparison
from patron.segments.rules.reading import (
    Misread,
    a_list,
    a_span,
    a_text,
    a_whole,
    an_object,
    one_of,
    read_names,
    read_where,
)

EXIT = "exit"
FIELDS = ("trigger", "steps", "exit_on", "holdout", "max_age_minutes", "reentry")
KINDS = ("wait", "condition", "send", "exit")
SEND_FIELDS = ("template", "channel", "purpose", "expires", "only_if")
OUT = -1
CHANNELS = ("email",)
PURPOSES = ("marketing", "transactional", "another purpose of the shop's, in small letters")
_PURPOSE = re.compile(r"[a-z][a-z0-9_-]{0,59}")
CART_ENDS = ("closed", "emptied")
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class Wait(msgspec.Struct, frozen=True):
    id: str
    span: timedelta


class Condition(msgspec.Struct, frozen=True):
    """`otherwise` is the index of the step to go to when the rule does not hold, or OUT."""

    id: str
    rule: Rule
    otherwise: int


class Send(msgspec.Struct, frozen=True):
    """`only_if` is kept as JSON: it travels with the message."""

    id: str
    template: str
    channel: str
    purpose: str
    expires: timedelta
    only_if: dict[str, Any] | None


class Exit(msgspec.Struct, frozen=True):
    id: str
    reason: str


Step = Wait | Condition | Send | Exit


class Happening(msgspec.Struct, frozen=True):
    """Events that start or end a run; `source` is the JSON it was read from."""

    names: frozenset[str]
    where: list[tuple[str, Comparison]]
    source: dict[str, Any]


class Definition(msgspec.Struct, frozen=True):
    """`trigger` is None for a cart journey. `reentry` is the time that must pass since a person's
    last start: zero for always, None for never again."""

    trigger: Happening | None
    steps: list[Step]
    cart_ends: frozenset[str]
    exits: list[Happening]
    holdout: float
    max_age: timedelta
    reentry: timedelta | None

    @property
    def of_carts(self) -> bool:
        return self.trigger is None

    @property
    def advertises(self) -> bool:
        """Whether it may say anything that no order needs."""
        sends = [step for step in self.steps if isinstance(step, Send)]
        return not sends or any(step.purpose not in FOR_AN_ORDER for step in sends)

    def send_condition(self, step: Send) -> dict[str, Any] | None:
        """What must still hold when the message leaves, as rule JSON; None when nothing must."""
        rules: list[dict[str, Any]] = [
            {**one.source, "did": False, "since" if self.of_carts else "after": "start"}
            for one in self.exits
        ]
        if self.cart_ends:
            rules.append({"cart": "this", "is": "open"})
        if step.only_if is not None:
            rules.append(step.only_if)
        return {"and": rules} if rules else None


@lru_cache(maxsize=256)
def read(text: str) -> Definition:
    """A definition out of its JSON text; raises Misread. The answer depends on the text alone."""
    return parse(msgspec.json.decode(text))


def parse(data: Any, there: Scope = Scope()) -> Definition:  # noqa: B008 - frozen
    """A definition out of JSON data; raises Misread, which names path, found and allowed. `there`
    holds the lists and segments that conditions may name; without them any."""
    an_object(data, "$", FIELDS)
    trigger = _trigger(data.get("trigger"), "$.trigger")
    scope = msgspec.structs.replace(there, moments=frozenset({"start"}), cart=trigger is None)
    cart_ends, exits = _exits(data.get("exit_on", []), trigger is None)
    definition = Definition(
        trigger=trigger,
        steps=_steps(data.get("steps"), scope),
        cart_ends=cart_ends,
        exits=exits,
        holdout=_share(data.get("holdout", 0.1)),
        max_age=timedelta(
            minutes=a_whole(data.get("max_age_minutes", 60), "$.max_age_minutes", 1, 10_080)
        ),
        reentry=_reentry(data.get("reentry", "always")),
    )
    _must_rest(definition.steps)
    return definition


def must_be_sayable(definition: Definition, templates: Collection[str]) -> None:
    """Raise Misread when a step would send what there is no template for."""
    for index, step in enumerate(definition.steps):
        if isinstance(step, Send):
            one_of(step.template, f"$.steps[{index}].send.template", templates, "template")


def _trigger(data: Any, path: str) -> Happening | None:
    an_object(data, path, ["cart", "event", "where"])
    if "cart" in data:
        one_of(an_object(data, path, ["cart"])["cart"], f"{path}.cart", ["changed"], "trigger")
        return None
    return _happening(data, path)


def _happening(data: Any, path: str) -> Happening:
    an_object(data, path, ["event", "where"])
    if "event" not in data:
        raise Misread(path, data, ["cart", "event"], "must have exactly one of these fields")
    names = read_names(data["event"], f"{path}.event")
    return Happening(names, read_where(data.get("where", []), f"{path}.where"), data)


def _exits(data: Any, of_carts: bool) -> tuple[frozenset[str], list[Happening]]:
    carts: set[str] = set()
    exits = []
    for index, one in enumerate(a_list(data, "$.exit_on", 0, 20)):
        path = f"$.exit_on[{index}]"
        if isinstance(one, dict) and "cart" in one:
            end = an_object(one, path, ["cart"])["cart"]
            carts.add(one_of(end, f"{path}.cart", CART_ENDS, "end of a cart"))
            if not of_carts:
                raise Misread(f"{path}.cart", end, [], "needs the trigger {'cart': 'changed'}")
        else:
            exits.append(_happening(one, path))
    return frozenset(carts), exits


def _steps(data: Any, scope: Scope) -> list[Step]:
    items = a_list(data, "$.steps", 1, 100)
    ids = _ids(items)
    return [_step(one, f"$.steps[{index}]", ids, scope) for index, one in enumerate(items)]


def _ids(items: list[Any]) -> list[str]:
    """The id of each step: as given, else its kind and place, "wait-1"."""
    ids: list[str] = []
    for index, one in enumerate(items):
        path = f"$.steps[{index}]"
        fields = an_object(one, path, ["id", *KINDS])
        kinds = [kind for kind in KINDS if kind in fields]
        if len(kinds) != 1:
            raise Misread(path, one, list(KINDS), "must have exactly one of these fields")
        found = fields.get("id", f"{kinds[0]}-{index + 1}")
        if not isinstance(found, str) or not _ID.fullmatch(found) or found == EXIT:
            words = "must be 1 to 40 of a-z, 0-9, - and _, and not “exit”"
            raise Misread(f"{path}.id", found, [], words)
        if found in ids:
            raise Misread(f"{path}.id", found, [], "is the id of two steps")
        ids.append(found)
    return ids


def _step(data: dict[str, Any], path: str, ids: list[str], scope: Scope) -> Step:
    kind = next(kind for kind in KINDS if kind in data)
    step_id = ids[int(path.rpartition("[")[2][:-1])]
    at, told = f"{path}.{kind}", data[kind]
    if kind == "wait":
        return Wait(step_id, a_span(told, at))
    if kind == "condition":
        an_object(told, at, ["rule", "else"])
        target = one_of(told.get("else", EXIT), f"{at}.else", [EXIT, *ids], "step")
        rule = parse_rule(told.get("rule"), scope, f"{at}.rule")
        return Condition(step_id, rule, OUT if target == EXIT else ids.index(target))
    if kind == "send":
        return _send(told, at, step_id, scope)
    return Exit(step_id, a_text(told, at, 60))


def _purpose(told: Any, path: str) -> str:
    """What the shop has named no legal ground for is sent to those who agreed to it, and to nobody
    else: the gate asks."""
    if not isinstance(told, str) or not _PURPOSE.fullmatch(told):
        raise Misread(path, told, PURPOSES, "is no purpose")
    return told


def _send(data: Any, path: str, step_id: str, scope: Scope) -> Send:
    an_object(data, path, SEND_FIELDS)
    only_if = data.get("only_if")
    if only_if is not None:
        parse_rule(only_if, scope, f"{path}.only_if")
    return Send(
        id=step_id,
        template=a_text(data.get("template"), f"{path}.template", 80),
        channel=one_of(data.get("channel", "email"), f"{path}.channel", CHANNELS, "channel"),
        purpose=_purpose(data.get("purpose", MARKETING), f"{path}.purpose"),
        expires=a_span(data.get("expires", {"days": 1}), f"{path}.expires"),
        only_if=only_if,
    )


def _share(data: Any) -> float:
    if isinstance(data, bool) or not isinstance(data, int | float) or not 0 <= data <= 0.9:
        raise Misread("$.holdout", data, [], "must be a share from 0 to 0.9")
    return float(data)


def _reentry(data: Any) -> timedelta | None:
    words: Mapping[str, timedelta | None] = {"always": timedelta(), "never": None}
    if isinstance(data, dict):
        return a_span(data, "$.reentry")
    return words[one_of(data, "$.reentry", words, "rule of re-entry")]


def _must_rest(steps: list[Step]) -> None:
    """Raise Misread when a run could go round without ever waiting."""
    settled: set[int] = set()

    def follow(index: int, way: tuple[int, ...]) -> None:
        if index in way:
            path = f"$.steps[{way[-1]}].condition.else"
            raise Misread(path, steps[index].id, [], "leads back without a wait on the way")
        if index in settled or not 0 <= index < len(steps):
            return
        step = steps[index]
        if not isinstance(step, Wait | Exit):
            follow(index + 1, (*way, index))
        if isinstance(step, Condition):
            follow(step.otherwise, (*way, index))
        settled.add(index)

    for index in range(len(steps)):
        follow(index, ())
