"""The language of conditions about one person, as JSON.

    {"and": [rule, …]}   {"or": [rule, …]}   {"not": rule}
    {"trait": "city", "op": "equals", "value": "Boston"}
    {"event": "Order Completed" or [names], "did": false,
     "count": {"op": "at_least", "value": 2},
     "where": [{"property": "products.sku", "op": "in", "value": ["A1", "A2"]}],
     "within": {"days": 30} or "since": moment or "after": moment}
    {"cart": "<cart id>" or "this", "is": "open"}

An event counts when its own time lies in the window, whenever it arrived. `within` looks back from
the moment of asking, `since` includes its moment and `after` does not; without any of them all
history counts. A moment is an ISO 8601 date-time with its zone, or one the asker knows by name (a
journey knows "start"). `did` is true unless said otherwise: at least `count` times (once); `"did":
false` means not a single time. Operators and their values are listed in `operators.py`.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any, Protocol

import msgspec

from patron.segments import words
from patron.segments.operators import COUNTS, Comparison, at_path
from patron.segments.reading import (
    Misread,
    a_count,
    a_list,
    a_span,
    a_text,
    an_object,
    one_of,
    read_names,
    read_test,
    read_where,
)

DEEPEST = 10
MOST = 100
FORMS = ("and", "or", "not", "trait", "event", "cart")
WINDOWS = ("within", "since", "after")
THIS = "this"


class Facts(Protocol):
    """What is known about one person; `moments` by name are the asker's, `zone` is the shop's."""

    @property
    def traits(self) -> Mapping[str, Any]: ...

    @property
    def moments(self) -> Mapping[str, datetime]: ...

    @property
    def zone(self) -> tzinfo: ...

    def events(
        self, names: Collection[str], since: datetime | None
    ) -> Sequence[tuple[datetime, Mapping[str, Any]]]:
        """Time and properties of her events of these names at or after `since`, in any order."""

    def cart_open(self, cart: str) -> bool: ...


class Answer(msgspec.Struct, frozen=True):
    """`why`: the facts that decided, each a clause about the person."""

    value: bool
    why: list[str]


class Scope(msgspec.Struct, frozen=True):
    """What a rule may refer to besides the person: named moments, and a cart as "this"."""

    moments: frozenset[str] = frozenset()
    cart: bool = False


class Needs(msgspec.Struct, frozen=True):
    """What must be loaded to answer: `back` the longest look back, `dates` the earliest fixed date,
    `ever` when all history of `names` counts."""

    traits: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    carts: frozenset[str] = frozenset()
    moments: frozenset[str] = frozenset()
    back: timedelta | None = None
    date: datetime | None = None
    ever: bool = False
    properties: bool = False

    def since(self, now: datetime, moments: Mapping[str, datetime]) -> datetime | None:
        """From when on events are needed; None for all history."""
        starts = [moments[name] for name in self.moments]
        starts += [now - self.back] if self.back else []
        starts += [self.date] if self.date else []
        return None if self.ever or not starts else min(starts)


class All(msgspec.Struct, frozen=True):
    rules: list["Rule"]

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        answers = [rule.evaluate(facts, now) for rule in self.rules]
        value = all(answer.value for answer in answers)
        return Answer(value, _whys(answers, value))


class Any_(msgspec.Struct, frozen=True):  # noqa: N801 - `Any` is taken by typing
    rules: list["Rule"]

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        answers = [rule.evaluate(facts, now) for rule in self.rules]
        value = any(answer.value for answer in answers)
        return Answer(value, _whys(answers, value))


class Not(msgspec.Struct, frozen=True):
    rule: "Rule"

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        answer = self.rule.evaluate(facts, now)
        return Answer(not answer.value, answer.why)


class Trait(msgspec.Struct, frozen=True):
    name: str
    test: Comparison

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        values = at_path(self.name, facts.traits)
        held = self.test.holds(values, now, facts.zone)
        return Answer(held, [words.tested(self.name, self.test, values, held, facts.zone)])


class Window(msgspec.Struct, frozen=True):
    """`within` looks back from now; `moment` is a name or a date; neither means all history."""

    within: timedelta | None = None
    moment: str | datetime | None = None
    inclusive: bool = True

    def begins(self, facts: Facts, now: datetime) -> datetime | None:
        if self.within is not None:
            return now - self.within
        return facts.moments[self.moment] if isinstance(self.moment, str) else self.moment

    def words(self, facts: Facts, begin: datetime | None) -> str:
        if self.within is not None:
            return f" in the last {words.span(self.within)}"
        if begin is None:
            return ""
        named = words.MOMENTS.get(self.moment, self.moment) if isinstance(self.moment, str) else ""
        when = words.moment(begin, facts.zone)
        return f" since {named} ({when})" if named else f" since {when}"


class Event(msgspec.Struct, frozen=True):
    names: frozenset[str]
    op: str
    count: int
    where: list[tuple[str, Comparison]]
    window: Window

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        begin = self.window.begins(facts, now)
        times = [
            ts
            for ts, properties in facts.events(self.names, begin)
            if (begin is None or ts > begin or (self.window.inclusive and ts == begin))
            and all(
                test.holds(at_path(path, properties), now, facts.zone) for path, test in self.where
            )
        ]
        value = COUNTS[self.op](len(times), self.count)
        last = words.moment(max(times), facts.zone) if times else None
        when = self._where(facts) + self.window.words(facts, begin)
        said = words.happened(self.names, len(times), when, last)
        if not value and times and self.count:
            said += f", but asked was: {self.op.replace('_', ' ')} {self.count}"
        return Answer(value, [said])

    def _where(self, facts: Facts) -> str:
        tests = [f"{path} {words.wanted(test, facts.zone)}" for path, test in self.where]
        return f" where {' and '.join(tests)}" if tests else ""


class Cart(msgspec.Struct, frozen=True):
    cart: str
    open: bool

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        found = facts.cart_open(self.cart)
        return Answer(found == self.open, [f"the cart is {'still open' if found else 'closed'}"])


Rule = All | Any_ | Not | Trait | Event | Cart


def parse(data: Any, scope: Scope = Scope(), path: str = "$") -> Rule:  # noqa: B008 - frozen
    """A rule out of JSON data; raises Misread with the JSON path, what was found and what may stand
    there. At most 100 conditions, nested at most 10 deep."""
    return _Parser(scope).rule(data, path, 1)


def needs(*rules: Rule) -> Needs:
    """What all of `rules` together ask for."""
    leaves = [leaf for rule in rules for leaf in _leaves(rule)]
    asked = [leaf for leaf in leaves if isinstance(leaf, Event)]
    windows = [leaf.window for leaf in asked]
    return Needs(
        traits=frozenset(leaf.name for leaf in leaves if isinstance(leaf, Trait)),
        names=frozenset(name for leaf in asked for name in leaf.names),
        carts=frozenset(leaf.cart for leaf in leaves if isinstance(leaf, Cart)),
        moments=frozenset(w.moment for w in windows if isinstance(w.moment, str)),
        back=max((w.within for w in windows if w.within is not None), default=None),
        date=min((w.moment for w in windows if isinstance(w.moment, datetime)), default=None),
        ever=any(w.within is None and w.moment is None for w in windows),
        properties=any(leaf.where for leaf in asked),
    )


def bind(data: Any, moments: Mapping[str, datetime], cart: str | None) -> Any:
    """Rule JSON with named moments and "this" cart replaced by their values, so that it can be kept
    beside a message and answered by someone who knows neither."""
    if isinstance(data, list):
        return [bind(one, moments, cart) for one in data]
    if not isinstance(data, dict):
        return data
    bound = {
        key: bind(one, moments, cart) if key in FORMS[:3] else one for key, one in data.items()
    }
    for key in ("since", "after"):
        if bound.get(key) in moments:
            bound[key] = moments[bound[key]].isoformat()
    if cart is not None and bound.get("cart") == THIS:
        bound["cart"] = cart
    return bound


def _leaves(rule: Rule) -> list[Trait | Event | Cart]:
    if isinstance(rule, Not):
        return _leaves(rule.rule)
    if isinstance(rule, All | Any_):
        return [leaf for one in rule.rules for leaf in _leaves(one)]
    return [rule]


def _whys(answers: list[Answer], value: bool) -> list[str]:
    return [why for answer in answers if answer.value == value for why in answer.why]


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
        self.left -= 1
        if self.left < 0:
            raise Misread(path, data, [], f"a rule has at most {MOST} conditions")
        form = forms[0]
        if form in ("and", "or"):
            return self._group(form, an_object(data, path, [form])[form], f"{path}.{form}", depth)
        if form == "not":
            return Not(self.rule(an_object(data, path, ["not"])["not"], f"{path}.not", depth + 1))
        if form == "trait":
            an_object(data, path, ["trait", "op", "value"])
            return Trait(a_text(data["trait"], f"{path}.trait"), read_test(data, path))
        return self._event(data, path) if form == "event" else self._cart(data, path)

    def _group(self, form: str, data: Any, path: str, depth: int) -> Rule:
        rules = [
            self.rule(one, f"{path}[{index}]", depth + 1)
            for index, one in enumerate(a_list(data, path, 1, MOST))
        ]
        return All(rules) if form == "and" else Any_(rules)

    def _event(self, data: Any, path: str) -> Rule:
        an_object(data, path, ["event", "did", "count", "where", *WINDOWS])
        did = data.get("did", True)
        if not isinstance(did, bool):
            raise Misread(f"{path}.did", did, ["true", "false"], "must be true or false")
        op, count = ("at_least", 1) if did else ("equals", 0)
        if "count" in data:
            if not did:
                raise Misread(f"{path}.count", data["count"], [], '"did": false takes no count')
            op, count = a_count(data["count"], f"{path}.count")
        where = read_where(data.get("where", []), f"{path}.where")
        window = self._window(data, path)
        return Event(read_names(data["event"], f"{path}.event"), op, count, where, window)

    def _window(self, data: dict[str, Any], path: str) -> Window:
        used = [name for name in WINDOWS if name in data]
        if len(used) > 1:
            raise Misread(f"{path}.{used[1]}", data[used[1]], WINDOWS, "give only one of these")
        if not used:
            return Window()
        key = used[0]
        if key == "within":
            return Window(within=a_span(data[key], f"{path}.within"))
        found = data[key]
        if isinstance(found, str) and found in self.scope.moments:
            return Window(moment=found, inclusive=key == "since")
        try:
            when = datetime.fromisoformat(found) if isinstance(found, str) else None
        except ValueError:
            when = None
        if when is None or when.tzinfo is None:
            allowed = [*sorted(self.scope.moments), "a date-time such as 2026-03-02T10:00:00Z"]
            raise Misread(f"{path}.{key}", found, allowed, "is no known moment")
        return Window(moment=when, inclusive=key == "since")

    def _cart(self, data: Any, path: str) -> Rule:
        an_object(data, path, ["cart", "is"])
        cart = a_text(data["cart"], f"{path}.cart")
        if cart == THIS and not self.scope.cart:
            raise Misread(f"{path}.cart", cart, ["the id of a cart"], "no cart is meant here")
        state = one_of(data.get("is"), f"{path}.is", ("open", "closed"), "state of a cart")
        return Cart(cart, state == "open")
