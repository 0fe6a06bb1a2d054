"""Random rules over every form and operator, and random people for them to be asked about."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from known import NOW
from patron.segments.computed.definition import KINDS as COMPUTED
from patron.segments.computed.definition import TIMED
from patron.segments.forms.computed import KNOWN, NUMBERS
from patron.segments.forms.event import MEASURES, MESSAGES, OCCURRENCES
from patron.segments.forms.liked import QUESTIONS
from patron.segments.forms.location import FIELDS, OF_COUNTRY, OF_TEXT
from patron.segments.forms.orders import FIGURES
from patron.segments.forms.reach import CHANNELS, CONSENTS, REASONS
from patron.segments.forms.touch import VALUES as TOUCHES
from patron.segments.forms.touch import WHICH
from patron.segments.liking.reading import KINDS as LIKED
from patron.segments.population.types import GROUPS, RANKED, SCORES
from patron.segments.rules.operators import AMOUNTS, COUNTS, OF_DATES, OPERATORS, UNITS, Kind

Rule = dict[str, Any]
Draw = st.DrawFn

texts = st.sampled_from(["Boston", "boston ", "A1", "b2", "Bo", "on", "3", "x"])
small = st.integers(-2, 6) | st.sampled_from([0.1, 0.5, 2.5, 12.5])
scalars = texts | small | st.booleans()
# Few days, many of them the odd ones, so that windows and dates meet.
days = st.sampled_from(
    [date(1988, 2, 29), date(2000, 12, 31), date(2026, 3, 2), date(2026, 3, 31), date(2027, 1, 1)]
) | st.dates(date(2026, 2, 20), date(2026, 3, 15))
# Few moments, a whole hour each, so that events meet each other and the ends of windows.
HOURS = (0, 1, 2, 24, 48, 72, 120, 720)
hours = st.sampled_from(HOURS)
past = hours.map(lambda hour: NOW - timedelta(hours=hour))
moments = past | hours.map(lambda hour: NOW + timedelta(hours=hour))
dates = days.map(date.isoformat) | moments.map(datetime.isoformat)
spans = st.dictionaries(
    st.sampled_from(["hours", "days"]), st.sampled_from([1, 2, 3, 5]), min_size=1
) | st.dictionaries(st.sampled_from(list(UNITS)), st.integers(1, 5), min_size=1).filter(
    lambda span: sum(UNITS[unit] * count for unit, count in span.items()) < 3_650 * 86_400
)
VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.SCALAR: scalars,
    Kind.SCALARS: st.lists(scalars, min_size=1, max_size=3),
    Kind.TEXT: texts,
    Kind.PATTERN: st.sampled_from(["^bo", "on$", "[0-9]", "b(os)?t|x", "^$", "."]),
    Kind.NUMBER: small,
    Kind.DATE: dates,
    Kind.SPAN: spans,
    Kind.RANGE: st.lists(small, min_size=2, max_size=2).map(sorted)
    | st.lists(days, min_size=2, max_size=2).map(
        lambda pair: [day.isoformat() for day in sorted(pair)]
    ),
    Kind.DAYS: st.integers(0, 365) | st.integers(0, 9),
    Kind.MONTH: st.integers(1, 12),
}
paths = st.sampled_from(["revenue", "products.sku", "born", "machine_open"])
event_names = st.sampled_from(["A", "A", "B"])
names = event_names | st.lists(event_names, min_size=1, max_size=2)


@st.composite
def comparison(draw: Draw, subject: str | None, operators: tuple[str, ...] = ()) -> Rule:
    op = draw(st.sampled_from(sorted(operators or OPERATORS)))
    rule: Rule = {} if subject is None else {subject: draw(paths)}
    rule["op"] = op
    kind = OPERATORS[op].kind
    if kind is Kind.NOTHING:
        return rule
    values = VALUES[kind]
    if operators == OF_DATES and kind is Kind.RANGE:
        values = st.lists(days, min_size=2, max_size=2).map(
            lambda pair: [day.isoformat() for day in sorted(pair)]
        )
    return rule | {"value": draw(values)}


@st.composite
def amount(draw: Draw) -> Rule:
    op = draw(st.sampled_from(sorted(AMOUNTS)))
    pair = st.lists(small, min_size=2, max_size=2).map(sorted)
    return {"op": op, "value": draw(pair if op == "between" else small)}


@st.composite
def window(draw: Draw, before: bool = True) -> Rule:
    key = draw(st.sampled_from(["", "within", "since", "after"]))
    rule: Rule = {}
    moment = st.just("start") | past.map(lambda at: at.astimezone(UTC).isoformat())
    if key:
        rule[key] = draw(spans if key == "within" else moment)
    if before and key != "within" and draw(st.booleans()):
        rule["before"] = draw(spans)
    elif before and key == "within" and draw(st.booleans()):
        rule["within"], rule["before"] = {"days": draw(st.integers(6, 30))}, {"days": 5}
    elif before and not key and draw(st.booleans()):
        rule["before"] = draw(moment)
    return rule


@st.composite
def deed(draw: Draw) -> Rule:
    rule: Rule = {"event": draw(names)}
    if draw(st.integers(0, 3)) == 3:
        rule["where"] = draw(st.lists(comparison("property"), max_size=2))
    return rule


counts = st.fixed_dictionaries({"op": st.sampled_from(sorted(COUNTS)), "value": st.integers(0, 4)})


@st.composite
def event(draw: Draw) -> Rule:
    rule: Rule = {**draw(deed()), **draw(window())}
    asked = draw(
        st.sampled_from(["", "did", "count"])
        | st.sampled_from(["", "did", "count", *MEASURES, *OCCURRENCES])
    )
    if asked == "did":
        rule["did"] = draw(st.booleans())
    elif asked == "count":
        rule["count"] = draw(counts)
    elif asked in MEASURES:
        rule[asked] = {"property": draw(paths), **draw(amount())}
    elif asked:
        rule[asked] = draw(comparison("property") | comparison(None, OF_DATES))
    return rule


@st.composite
def sequence(draw: Draw) -> Rule:
    steps = [draw(deed())]
    for _ in range(draw(st.integers(1, 3))):
        step = draw(deed())
        if draw(st.booleans()):
            step["within"] = draw(spans)
        if draw(st.booleans()):
            step["without"] = draw(deed())
        steps.append(step)
    rule: Rule = {"sequence": steps, **draw(window())}
    if draw(st.booleans()):
        rule["span"] = draw(spans)
    if draw(st.booleans()):
        rule["did"] = draw(st.booleans())
    return rule


@st.composite
def message(draw: Draw) -> Rule:
    rule: Rule = {"message": draw(st.sampled_from(sorted(MESSAGES))), **draw(window())}
    if draw(st.booleans()):
        rule["journey"] = draw(st.sampled_from(["cart", "welcome"]))
    if draw(st.booleans()):
        rule["count"] = draw(counts)
    return rule


@st.composite
def orders(draw: Draw) -> Rule:
    return {"orders": draw(st.sampled_from(FIGURES)), **draw(amount()), **draw(window())}


@st.composite
def standing(draw: Draw, form: str) -> Rule:
    groups = st.sampled_from(GROUPS)
    figure = draw(st.sampled_from((*SCORES, "group") if form == "rfm" else RANKED))
    if figure == "group":
        return {form: figure, "is": draw(groups | st.lists(groups, min_size=1, max_size=3))}
    op = draw(st.sampled_from(sorted(AMOUNTS)))
    numbers = st.integers(1, 5) if form == "rfm" else st.sampled_from([0, 1, 20, 50.5, 99, 100])
    pair = st.lists(numbers, min_size=2, max_size=2).map(sorted)
    return {form: figure, "op": op, "value": draw(pair if op == "between" else numbers)}


@st.composite
def reach(draw: Draw) -> Rule:
    form = draw(st.sampled_from(["consent", "reachable", "suppressed"]))
    rule: Rule = {form: draw(st.sampled_from(CHANNELS[:2]))}
    if form == "consent":
        rule["is"] = draw(st.sampled_from(CONSENTS))
    elif draw(st.booleans()):
        rule["is"] = draw(st.booleans())
    if form == "suppressed":
        if draw(st.booleans()):
            rule["reason"] = draw(st.sampled_from(REASONS))
    elif draw(st.booleans()):
        rule["purpose"] = draw(st.sampled_from(["marketing", "orders"]))
    return rule


@st.composite
def touch(draw: Draw) -> Rule:
    kind = draw(st.sampled_from(sorted(TOUCHES)))
    value = st.sampled_from(TOUCHES[kind][:3])
    which = draw(st.sampled_from(WHICH))
    rule: Rule = {kind: draw(value | st.lists(value, min_size=1, max_size=2)), "touch": which}
    return rule | (draw(window(before=False)) if which == "any" else {})


countries = st.sampled_from(["DE", "Germany", "fr", "RE", "USA", "uk"])
points = st.fixed_dictionaries(
    {"latitude": st.sampled_from([0, 44.4, 52.5]), "longitude": st.sampled_from([0, 13.4, 26.1])}
)


@st.composite
def location(draw: Draw) -> Rule:
    field = draw(st.sampled_from(FIELDS))
    if field == "eu":
        return {"location": field} | draw(st.sampled_from([{}, {"is": True}, {"is": False}]))
    if field == "distance":
        near = st.sampled_from([0, 50, 1_290, 1_500, 6_000])
        op = draw(st.sampled_from(sorted(AMOUNTS)))
        pair = st.lists(near, min_size=2, max_size=2).map(sorted)
        value = draw(pair if op == "between" else near)
        return {"location": field, "from": draw(points), "op": op, "value": value}
    op = draw(st.sampled_from(OF_COUNTRY if field == "country" else OF_TEXT))
    kind = OPERATORS[op].kind
    if kind is Kind.NOTHING:
        return {"location": field, "op": op}
    given = countries if field == "country" else texts
    values = {Kind.SCALARS: st.lists(given, min_size=1, max_size=2)}
    plainly = VALUES[kind] if kind is Kind.PATTERN else given
    return {"location": field, "op": op, "value": draw(values.get(kind, plainly))}


@st.composite
def computed(draw: Draw) -> Rule:
    kind = draw(st.sampled_from(COMPUTED))
    made: Rule = {**draw(deed()), "compute": kind}
    if kind != "count" and (kind not in TIMED or draw(st.booleans())):
        made["property"] = draw(paths)
    made |= {key: value for key, value in draw(window()).items() if value != "start"}
    rule: Rule = {"computed": "mine"}
    if draw(st.integers(0, 3)) == 0:
        rule["op"] = draw(st.sampled_from(KNOWN))
    elif kind in NUMBERS:
        rule |= draw(amount())
    elif "property" in made:
        rule |= draw(comparison(None))
    else:
        rule |= draw(comparison(None, OF_DATES))
    return {**rule, "as": made}


GOODS = {
    "category": ["Boots", "Shoes", "Shoes > Boots", "tea"],
    "brand": ["Acme", "bolt"],
    "price_band": ["10-20", "20–50 USD"],
}


@st.composite
def affinity(draw: Draw) -> Rule:
    kind = draw(st.sampled_from(LIKED))
    asked = draw(st.sampled_from(QUESTIONS))
    rule: Rule = {"affinity": kind, "for": draw(st.sampled_from(GOODS[kind]))}
    if asked == "top":
        return {**rule, "top": draw(st.integers(1, 3))}
    op = draw(st.sampled_from(sorted(AMOUNTS)))
    numbers = st.sampled_from([0, 0.5, 1, 9, 10, 50, 75, 100])
    pair = st.lists(numbers, min_size=2, max_size=2).map(sorted)
    return {**rule, asked: {"op": op, "value": draw(pair if op == "between" else numbers)}}


PREDICTED = {"p": "number", "q": "number", "d": "date", "alive": "number", "next_order": "date"}


@st.composite
def predicted(draw: Draw) -> Rule:
    name = draw(st.sampled_from(sorted(PREDICTED)))
    asked = draw(st.sampled_from(["value", "value", "among_all", *KNOWN]))
    if asked == "among_all":
        op = draw(st.sampled_from(sorted(AMOUNTS)))
        place = st.sampled_from([0, 20, 50, 99, 100])
        pair = st.lists(place, min_size=2, max_size=2).map(sorted)
        return {
            "predicted": name,
            asked: {"op": op, "value": draw(pair if op == "between" else place)},
        }
    if asked in KNOWN:
        return {"predicted": name, "op": asked}
    number = PREDICTED[name] == "number"
    return {"predicted": name, **draw(amount() if number else comparison(None, OF_DATES))}


variants = st.sampled_from(["a", "B", "Blue", "mixed"])
experiments = st.fixed_dictionaries(
    {"experiment": st.sampled_from(["e1", "Banner", "journey:cart"])},
    optional={
        "variant": variants | st.lists(variants, min_size=1, max_size=2),
        "is": st.booleans(),
    },
)
held_out = st.fixed_dictionaries(
    {"held_out": st.sampled_from(["cart", "welcome"])}, optional={"is": st.booleans()}
)
samples = st.fixed_dictionaries(
    {"sample": st.sampled_from([0.5, 10, 50, 100]), "key": st.sampled_from(["a", "b", "c"])}
)
carts = st.fixed_dictionaries(
    {"cart": st.sampled_from(["this", "c1"]), "is": st.sampled_from(["open", "closed"])}
)
lists = st.fixed_dictionaries(
    {"list": st.sampled_from(["fair", "vip"])}, optional={"is": st.booleans()}
)
segments = st.fixed_dictionaries(
    {"segment": st.sampled_from(["loyal", "new"])}, optional={"is": st.booleans()}
)
tags = st.fixed_dictionaries(
    {"tag": st.sampled_from(["VIP", "press"])}, optional={"is": st.booleans()}
)
LEAVES: dict[str, st.SearchStrategy[Rule]] = {
    "trait": comparison("trait"),
    "event": event(),
    "cart": carts,
    "sequence": sequence(),
    "orders": orders(),
    "rfm": standing("rfm"),
    "percentile": standing("percentile"),
    "message": message(),
    **dict.fromkeys(["consent", "reachable", "suppressed"], reach()),
    **dict.fromkeys(TOUCHES, touch()),
    "list": lists,
    "segment": segments,
    "tag": tags,
    "location": location(),
    "predicted": predicted(),
    "computed": computed(),
    "affinity": affinity(),
    "experiment": experiments,
    "held_out": held_out,
    "sample": samples,
}
"""For each form that is no group, what makes it."""


def grouped(inner: st.SearchStrategy[Rule]) -> st.SearchStrategy[Rule]:
    return st.lists(inner, min_size=1, max_size=3).flatmap(
        lambda some: st.sampled_from([{"and": some}, {"or": some}, {"not": some[0]}])
    )


leaves = st.sampled_from(sorted(LEAVES)).flatmap(lambda form: LEAVES[form])
rules = st.recursive(leaves, grouped, max_leaves=5)

json_values = st.recursive(
    st.none() | scalars | dates,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["sku", "born"]), inner, max_size=2)
    ),
    max_leaves=4,
)
told = st.dictionaries(
    st.sampled_from(["revenue", "products", "born", "machine_open", "rehearsal", "journey"]),
    json_values | st.sampled_from(["cart", True]),
    max_size=4,
)
