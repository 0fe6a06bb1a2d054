"""The language of conditions about one person, as JSON.

    {"and": [rule, …]}   {"or": [rule, …]}   {"not": rule}
    {"trait": "city", "op": "equals", "value": "Boston"}
    {"event": "Order Completed" or [names], "did": false,
     "count": {"op": "at_least", "value": 2},
     "where": [{"property": "products.sku", "op": "in", "value": ["A1", "A2"]}],
     "within": {"days": 30} or "since": moment or "after": moment, "before": moment or {"days": 7}}
    {"cart": "<cart id>" or "this", "is": "open"}

and the other forms of `READERS`; `docs/conditions.md` has an example of each. An event counts when
its own time lies in the window, whenever it arrived. `within` looks back from the moment of asking,
`since` includes its moment, `after` and `before` do not; without any of them all history counts. A
moment is an ISO 8601 date-time with its zone, or one the asker knows by name (a journey knows
"start"). `did` is true unless said otherwise: at least `count` times (once); `"did": false` means
not a single time. Operators and their values are listed in `operators.py`.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from patron.segments.forms.computed import Computed, read_computed
from patron.segments.forms.event import Event, read_event, read_message
from patron.segments.forms.liked import Liked, read_affinity
from patron.segments.forms.location import InUnion, Located, Near, read_location
from patron.segments.forms.member import (
    InSegment,
    Listed,
    Tagged,
    read_listed,
    read_segment,
    read_tagged,
)
from patron.segments.forms.orders import Orders, read_orders
from patron.segments.forms.predicted import Predicted, PredictedRank, read_predicted
from patron.segments.forms.reach import (
    Consent,
    Reachable,
    Suppressed,
    read_consent,
    read_reachable,
    read_suppressed,
)
from patron.segments.forms.sequence import Sequence_, read_sequence
from patron.segments.forms.shown import HeldOut, InVariant, read_experiment, read_held_out
from patron.segments.forms.standing import (
    Grouped,
    Ranked,
    Scored,
    read_percentile,
    read_rfm,
)
from patron.segments.forms.touch import Touched, read_channel, read_device
from patron.segments.forms.trait import (
    ANY,
    THIS,
    Cart,
    Sample,
    Trait,
    read_cart,
    read_sample,
    read_trait,
)
from patron.segments.forms.window import WINDOWS
from patron.segments.rules.operators import OPERATORS, Kind
from patron.segments.rules.reading import Misread, a_list, an_object
from patron.segments.types import (
    MOST_WHYS,
    Answer,
    Facts,
    Lookback,
    Needs,
    Scope,
    together,
)

__all__ = [
    "ANY",
    "DEEPEST",
    "FORMS",
    "GROUPS",
    "MOST",
    "THIS",
    "WINDOWS",
    "Answer",
    "Event",
    "Facts",
    "Lookback",
    "Needs",
    "Rule",
    "Scope",
    "bind",
    "needs",
    "parse",
]

DEEPEST = 10
MOST = 1_000
MOST_EXPRESSIONS = 20
EXPRESSIONS = frozenset(op for op, one in OPERATORS.items() if one.kind is Kind.PATTERN)
GROUPS = ("and", "or", "not")

Leaf = (
    Trait
    | Event
    | Cart
    | Sequence_
    | Orders
    | Consent
    | Reachable
    | Suppressed
    | Touched
    | Listed
    | InSegment
    | Tagged
    | Scored
    | Grouped
    | Ranked
    | Computed
    | Liked
    | Predicted
    | PredictedRank
    | Located
    | InUnion
    | Near
    | InVariant
    | HeldOut
    | Sample
)

READERS: dict[str, Callable[[Mapping[str, Any], str, Scope], Leaf]] = {
    "trait": read_trait,
    "event": read_event,
    "cart": read_cart,
    "sequence": read_sequence,
    "orders": read_orders,
    "rfm": read_rfm,
    "percentile": read_percentile,
    "message": read_message,
    "consent": read_consent,
    "reachable": read_reachable,
    "suppressed": read_suppressed,
    "channel": read_channel,
    "device": read_device,
    "computed": read_computed,
    "affinity": read_affinity,
    "predicted": read_predicted,
    "location": read_location,
    "list": read_listed,
    "segment": read_segment,
    "experiment": read_experiment,
    "held_out": read_held_out,
    "tag": read_tagged,
    "sample": read_sample,
}
FORMS = (*GROUPS, *READERS)


class All(msgspec.Struct, frozen=True):
    rules: list["Rule"]

    @property
    def recurs(self) -> bool:
        return any(rule.recurs for rule in self.rules)

    def holds(self, facts: Facts, now: datetime) -> bool:
        return all(rule.holds(facts, now) for rule in self.rules)

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        answers = [rule.evaluate(facts, now) for rule in self.rules]
        value = all(answer.value for answer in answers)
        return Answer(value, _whys(answers, value))

    def edges(self, facts: Facts, now: datetime) -> Iterator[datetime]:
        for rule in self.rules:
            yield from rule.edges(facts, now)


class Any_(msgspec.Struct, frozen=True):  # noqa: N801 - `Any` is taken by typing
    rules: list["Rule"]

    @property
    def recurs(self) -> bool:
        return any(rule.recurs for rule in self.rules)

    def holds(self, facts: Facts, now: datetime) -> bool:
        return any(rule.holds(facts, now) for rule in self.rules)

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        answers = [rule.evaluate(facts, now) for rule in self.rules]
        value = any(answer.value for answer in answers)
        return Answer(value, _whys(answers, value))

    def edges(self, facts: Facts, now: datetime) -> Iterator[datetime]:
        for rule in self.rules:
            yield from rule.edges(facts, now)


class Not(msgspec.Struct, frozen=True):
    rule: "Rule"

    @property
    def recurs(self) -> bool:
        return self.rule.recurs

    def holds(self, facts: Facts, now: datetime) -> bool:
        return not self.rule.holds(facts, now)

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        answer = self.rule.evaluate(facts, now)
        return Answer(not answer.value, answer.why)

    def edges(self, facts: Facts, now: datetime) -> Iterator[datetime]:
        yield from self.rule.edges(facts, now)


Rule = All | Any_ | Not | Leaf


def parse(data: Any, scope: Scope = Scope(), path: str = "$") -> Rule:  # noqa: B008 - frozen
    """A rule out of JSON data; raises Misread with the JSON path, what was found and what may stand
    there. At most 1,000 conditions, filters of events among them, nested at most 10 deep, and at
    most 20 regular expressions."""
    found = _expressions(data)
    if found > MOST_EXPRESSIONS:
        problem = f"a rule has at most {MOST_EXPRESSIONS} regular expressions, here are {found}"
        raise Misread(path, data, [], problem)
    return _Parser(scope).rule(data, path, 1)


def needs(*rules: Rule) -> Needs:
    """What all of `rules` together ask for."""
    return together(leaf.needs() for rule in rules for leaf in leaves(rule))


def bind(data: Any, moments: Mapping[str, datetime], cart: str | None) -> Any:
    """Rule JSON with named moments and "this" cart replaced by their values, so that it can be kept
    beside a message and answered by someone who knows neither."""
    if isinstance(data, list):
        return [bind(one, moments, cart) for one in data]
    if not isinstance(data, dict):
        return data
    bound = {key: bind(one, moments, cart) if key in GROUPS else one for key, one in data.items()}
    for key in ("since", "after", "before"):
        named = bound.get(key)
        if isinstance(named, str) and named in moments:
            bound[key] = moments[named].isoformat()
    if cart is not None and bound.get("cart") == THIS:
        bound["cart"] = cart
    return bound


def _expressions(data: Any) -> int:
    """How many regular expressions there are to compile, which can take 13 ms each."""
    ahead, count = [data], 0
    while ahead:
        one = ahead.pop()
        if isinstance(one, dict):
            count += isinstance(one.get("op"), str) and one["op"] in EXPRESSIONS
            ahead.extend(one.values())
        elif isinstance(one, list):
            ahead.extend(one)
    return count


def leaves(rule: Rule) -> Iterator[Leaf]:
    if isinstance(rule, Not):
        yield from leaves(rule.rule)
    elif isinstance(rule, All | Any_):
        for one in rule.rules:
            yield from leaves(one)
    else:
        yield rule


def _whys(answers: list[Answer], value: bool) -> list[str]:
    decided = [why for answer in answers if answer.value == value for why in answer.why]
    return decided[:MOST_WHYS]


class _Parser:
    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.left = MOST

    def rule(self, data: Any, path: str, depth: int) -> Rule:
        if not isinstance(data, dict):
            raise Misread(path, data, [], "a condition must be an object")
        forms = [form for form in FORMS if form in data]
        if len(forms) != 1:
            raise Misread(path, data, FORMS, "a condition must have exactly one of these fields")
        if depth > DEEPEST:
            raise Misread(path, data, [], f"conditions nest at most {DEEPEST} deep")
        form = forms[0]
        if form not in GROUPS:
            leaf = READERS[form](data, path, self.scope)
            self._count(leaf.weight(), data, path)
            return leaf
        self._count(1, data, path)
        an_object(data, path, [form])
        if form == "not":
            return Not(self.rule(data["not"], f"{path}.not", depth + 1))
        at = f"{path}.{form}"
        rules = [
            self.rule(one, f"{at}[{index}]", depth + 1)
            for index, one in enumerate(a_list(data[form], at, 1, MOST))
        ]
        return All(rules) if form == "and" else Any_(rules)

    def _count(self, tests: int, data: Any, path: str) -> None:
        self.left -= tests
        if self.left < 0:
            raise Misread(path, data, [], f"a rule has at most {MOST:,} conditions and filters")
