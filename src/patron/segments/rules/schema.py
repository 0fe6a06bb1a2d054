"""The language of conditions as a JSON Schema (2020-12), made from the tables that parse it."""

from collections.abc import Mapping, Sequence
from typing import Any

from patron.segments.forms.event import MEASURES, MESSAGES, OCCURRENCES
from patron.segments.forms.orders import FIGURES
from patron.segments.forms.sequence import MOST_STEPS
from patron.segments.forms.standing import GROUP
from patron.segments.forms.touch import VALUES, WHICH
from patron.segments.forms.trait import STATES
from patron.segments.forms.window import BEGINNINGS
from patron.segments.population.types import GROUPS, RANKED, SCORES
from patron.segments.rules.language import DEEPEST, FORMS, MOST, MOST_EXPRESSIONS
from patron.segments.rules.operators import COUNTS, OF_DATES
from patron.segments.rules.reading import MOST_COUNTED
from patron.segments.rules.schema_known import (
    affinity,
    computed,
    kept,
    location,
    predicted,
    reach,
    shown,
)
from patron.segments.rules.shapes import (
    SPAN,
    TEXT,
    YES_OR_NO,
    Schema,
    amounts,
    comparisons,
    only,
    some,
    whole,
)

_MOMENT = "a date-time with its zone, or a named moment (a journey knows “start”)"
_BEGINNINGS: Schema = {
    "within": SPAN,
    "since": {"type": "string", "description": f"At or after {_MOMENT}."},
    "after": {"type": "string", "description": f"After {_MOMENT}."},
}
_WINDOW: Schema = {
    **_BEGINNINGS,
    "before": {
        "anyOf": [{"type": "string"}, SPAN],
        "description": f"Before {_MOMENT}, or longer ago than a duration.",
    },
}
_APART = [{"required": [one, two]} for one in BEGINNINGS for two in BEGINNINGS if one < two]


def schema() -> Schema:
    """The schema of a rule. What it cannot say (depth, size, order of a range, known moments,
    expressions) is in the descriptions; `language.parse` is the judge."""
    forms = _forms()
    if set(forms) != set(FORMS):
        raise LookupError(f"forms without a schema: {set(FORMS) ^ set(forms)}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Condition",
        "description": f"At most {MOST:,} conditions and filters, nested at most {DEEPEST} deep,"
        f" and at most {MOST_EXPRESSIONS} regular expressions.",
        "$ref": "#/$defs/rule",
        "$defs": {
            "rule": {"oneOf": [{"$ref": f"#/$defs/{form}"} for form in FORMS]},
            **{form: forms[form] for form in FORMS},
        },
    }


def _forms() -> dict[str, Schema]:
    rule = {"$ref": "#/$defs/rule"}
    group = {"type": "array", "items": rule, "minItems": 1, "maxItems": MOST}
    return {
        "and": only(["and"], {"and": group}),
        "or": only(["or"], {"or": group}),
        "not": only(["not"], {"not": rule}),
        "trait": {"oneOf": comparisons({"trait": TEXT})},
        "event": _event(),
        "cart": only(
            ["cart", "is"],
            {
                "cart": {
                    **TEXT,
                    "description": 'The id of a cart, "any" of hers, or "this" in a journey.',
                },
                "is": {"enum": list(STATES)},
            },
        ),
        "sequence": _sequence(),
        "orders": {
            "oneOf": [
                _windowed(["orders", "op", "value"], {"orders": {"enum": list(FIGURES)}, **amount})
                for amount in amounts()
            ]
        },
        "rfm": {
            "oneOf": [
                *(_score("rfm", SCORES, 1, 5)),
                only(["rfm", "is"], {"rfm": {"const": GROUP}, "is": some(GROUPS)}),
            ]
        },
        "percentile": {"oneOf": _score("percentile", RANKED, 0, 100)},
        "message": _message(),
        **reach(),
        **{kind: _touch(kind) for kind in VALUES},
        "computed": computed(),
        "affinity": affinity(),
        "predicted": predicted(),
        "location": location(),
        **shown(),
        **kept(),
    }


def _event() -> Schema:
    measures = {"oneOf": [only(["property", "op", "value"], _of(one)) for one in amounts()]}
    occurrences = {"oneOf": [*comparisons({"property": TEXT}), *comparisons({}, OF_DATES)]}
    found = _windowed(
        ["event"],
        {
            "event": _names(),
            "did": YES_OR_NO,
            "count": _count(),
            **dict.fromkeys(MEASURES, measures),
            **dict.fromkeys(OCCURRENCES, occurrences),
            "where": _where(),
        },
    )
    questions = ["count", *MEASURES, *OCCURRENCES]
    twice = [{"required": [a, b]} for a in questions for b in questions if a < b]
    return _never(found, [*twice, *(_silent(name) for name in questions)])


def _message() -> Schema:
    found = _windowed(
        ["message"],
        {
            "message": {"enum": list(MESSAGES)},
            "journey": {**TEXT, "description": "The key of the journey that wrote it."},
            "did": YES_OR_NO,
            "count": _count(),
        },
    )
    return _never(found, [_silent("count")])


def _sequence() -> Schema:
    deed = {"event": _names(), "where": _where()}
    step = only(["event"], {**deed, "within": SPAN, "without": only(["event"], deed)})
    steps = {
        "type": "array",
        "prefixItems": [only(["event"], deed)],
        "items": step,
        "minItems": 2,
        "maxItems": MOST_STEPS,
    }
    return _windowed(["sequence"], {"sequence": steps, "did": YES_OR_NO, "span": SPAN})


def _touch(kind: str) -> Schema:
    fields = {kind: some(VALUES[kind]), "touch": {"enum": list(WHICH), "default": "any"}}
    found = {**only([kind], {**fields, **_BEGINNINGS}), "not": {"anyOf": list(_APART)}}
    ends = {"required": ["touch"], "properties": {"touch": {"enum": ["first", "last"]}}}
    return _never(found, [{**ends, "required": ["touch", name]} for name in BEGINNINGS])


def _score(form: str, figures: Sequence[str], low: int, high: int) -> list[Schema]:
    """How a place among others compares with one number, or with two."""
    limits = {"minimum": low, "maximum": high}
    return [
        only([form, "op", "value"], {form: {"enum": list(figures)}, **amount})
        for amount in amounts(limits)
    ]


def _of(amount: Mapping[str, Any]) -> Schema:
    return {"property": TEXT, **amount}


def _names() -> Schema:
    names = {"type": "array", "items": TEXT, "minItems": 1, "maxItems": 20}
    return {"anyOf": [TEXT, names], "description": "One event name or several."}


def _count() -> Schema:
    return only(["op", "value"], {"op": {"enum": list(COUNTS)}, "value": whole(MOST_COUNTED)})


def _where() -> Schema:
    tests = {"oneOf": comparisons({"property": TEXT})}
    return {"type": "array", "maxItems": 20, "items": tests}


def _silent(name: str) -> Schema:
    """That she did not do it leaves nothing to count."""
    return {"required": ["did", name], "properties": {"did": {"const": False}}}


def _windowed(required: list[str], fields: Schema) -> Schema:
    return {**only(required, {**fields, **_WINDOW}), "not": {"anyOf": list(_APART)}}


def _never(found: Schema, cases: list[Schema]) -> Schema:
    return {**found, "not": {"anyOf": [*found["not"]["anyOf"], *cases]}}
