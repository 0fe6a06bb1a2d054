"""The language of conditions as a JSON Schema (2020-12), made from the tables that parse it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from patron.segments.forms.event import MEASURES, MESSAGES, OCCURRENCES
from patron.segments.forms.location import FURTHEST, OF_COUNTRY, OF_TEXT
from patron.segments.forms.orders import FIGURES
from patron.segments.forms.reach import CHANNELS, CONSENTS, LONGEST_PURPOSE, REASONS
from patron.segments.forms.sequence import MOST_STEPS
from patron.segments.forms.standing import GROUP
from patron.segments.forms.touch import VALUES, WHICH
from patron.segments.forms.trait import STATES
from patron.segments.forms.window import BEGINNINGS
from patron.segments.population.types import GROUPS, RANKED, SCORES
from patron.segments.rules.language import DEEPEST, FORMS, MOST, MOST_EXPRESSIONS
from patron.segments.rules.operators import AMOUNTS, COUNTS, OF_DATES, OPERATORS, UNITS, Kind
from patron.segments.rules.patterns import LONGEST
from patron.segments.rules.reading import LARGEST, MOST_COUNTED

Schema = dict[str, Any]

_SCALAR = {"type": ["string", "number", "boolean"]}
_TEXT = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"\S"}
_YES_OR_NO = {"type": "boolean", "default": True}
_SPAN = {
    "type": "object",
    "minProperties": 1,
    "properties": {unit: {"type": "integer", "minimum": 0, "maximum": 1_000_000} for unit in UNITS},
    "additionalProperties": False,
    "description": "A duration of one second to ten years; several units add up. A month has 30"
    " days, a year 365.",
}
_DATE = {"type": "string", "description": "ISO 8601 date or date-time"}
_MOMENT = "a date-time with its zone, or a named moment (a journey knows “start”)"
_PURPOSE = {"type": "string", "minLength": 1, "maxLength": LONGEST_PURPOSE, "default": "marketing"}
_LIMITS = {"minimum": -LARGEST, "maximum": LARGEST}
_VALUES: dict[Kind, Schema] = {
    Kind.SCALAR: _SCALAR,
    Kind.SCALARS: {"type": "array", "items": _SCALAR, "minItems": 1, "maxItems": 100},
    Kind.TEXT: {"type": "string", "pattern": r"\S"},
    Kind.PATTERN: {
        "type": "string",
        "minLength": 1,
        "maxLength": LONGEST,
        "description": "RE2 syntax, without regard to case; found anywhere unless it says ^ and $.",
    },
    Kind.NUMBER: {"type": "number"},
    Kind.DATE: _DATE,
    Kind.SPAN: _SPAN,
    Kind.RANGE: {
        "anyOf": [
            {"type": "array", "items": item, "minItems": 2, "maxItems": 2}
            for item in ({"type": "number"}, _DATE)
        ]
    },
    Kind.DAYS: {"type": "integer", "minimum": 0, "maximum": 365},
    Kind.MONTH: {"type": "integer", "minimum": 1, "maximum": 12},
}
_BEGINNINGS: Schema = {
    "within": _SPAN,
    "since": {"type": "string", "description": f"At or after {_MOMENT}."},
    "after": {"type": "string", "description": f"After {_MOMENT}."},
}
_WINDOW: Schema = {
    **_BEGINNINGS,
    "before": {
        "anyOf": [{"type": "string"}, _SPAN],
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
        "and": _only(["and"], {"and": group}),
        "or": _only(["or"], {"or": group}),
        "not": _only(["not"], {"not": rule}),
        "trait": {"oneOf": _comparisons({"trait": _TEXT})},
        "event": _event(),
        "cart": _only(
            ["cart", "is"],
            {
                "cart": {
                    **_TEXT,
                    "description": 'The id of a cart, "any" of hers, or "this" in a journey.',
                },
                "is": {"enum": list(STATES)},
            },
        ),
        "sequence": _sequence(),
        "orders": {
            "oneOf": [
                _windowed(["orders", "op", "value"], {"orders": {"enum": list(FIGURES)}, **amount})
                for amount in _amounts()
            ]
        },
        "rfm": {
            "oneOf": [
                *(_score("rfm", SCORES, 1, 5)),
                _only(["rfm", "is"], {"rfm": {"const": GROUP}, "is": _some(GROUPS)}),
            ]
        },
        "percentile": {"oneOf": _score("percentile", RANKED, 0, 100)},
        "message": _message(),
        **_reach(),
        **{kind: _touch(kind) for kind in VALUES},
        "location": _location(),
        **_shown(),
        **_kept(),
    }


def _reach() -> dict[str, Schema]:
    return {
        "consent": _only(
            ["consent", "is"],
            {
                "consent": {"enum": list(CHANNELS)},
                "purpose": _PURPOSE,
                "is": {"enum": list(CONSENTS)},
            },
        ),
        "reachable": _only(
            ["reachable"],
            {"reachable": {"enum": list(CHANNELS)}, "purpose": _PURPOSE, "is": _YES_OR_NO},
        ),
        "suppressed": _only(
            ["suppressed"],
            {
                "suppressed": {"enum": list(CHANNELS)},
                "reason": {"enum": list(REASONS)},
                "is": _YES_OR_NO,
            },
        ),
    }


def _kept() -> dict[str, Schema]:
    """What is kept of her by name, and shares of all."""
    return {
        "list": _only(
            ["list"],
            {"list": {**_TEXT, "description": "The key of a list."}, "is": _YES_OR_NO},
        ),
        "tag": _only(["tag"], {"tag": _TEXT, "is": _YES_OR_NO}),
        "segment": _only(
            ["segment"],
            {"segment": {**_TEXT, "description": "The key of a segment."}, "is": _YES_OR_NO},
        ),
        "sample": _only(
            ["sample", "key"],
            {
                "sample": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "maximum": 100,
                    "description": "Percent of all people; the same ones each time.",
                },
                "key": {**_TEXT, "description": "Another key chooses other people."},
            },
        ),
    }


def _location() -> Schema:
    point = {
        "latitude": {"type": "number", "minimum": -90, "maximum": 90},
        "longitude": {"type": "number", "minimum": -180, "maximum": 180},
    }
    limits = {"minimum": 0, "maximum": FURTHEST}
    texts = {"enum": ["region", "city", "postal_code"]}
    country = {"const": "country", "description": "Two letters (ISO 3166-1) or an English name."}
    return {
        "oneOf": [
            *_comparisons({"location": country}, OF_COUNTRY),
            *_comparisons({"location": texts}, OF_TEXT),
            _only(["location"], {"location": {"const": "eu"}, "is": _YES_OR_NO}),
            *(
                _only(
                    ["location", "from", "op", "value"],
                    {
                        "location": {"const": "distance", "description": "In kilometres."},
                        "from": _only(list(point), point),
                        **amount,
                    },
                )
                for amount in _amounts(limits)
            ),
        ]
    }


def _shown() -> dict[str, Schema]:
    """Variants of experiments, and what journeys leave out."""
    several = {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": 20}
    return {
        "experiment": _only(
            ["experiment"],
            {
                "experiment": {**_TEXT, "description": "Its id or its name."},
                "variant": {"anyOf": [_TEXT, several], "description": "By id or by name."},
                "is": _YES_OR_NO,
            },
        ),
        "held_out": _only(
            ["held_out"],
            {"held_out": {**_TEXT, "description": "The key of a journey."}, "is": _YES_OR_NO},
        ),
    }


def _event() -> Schema:
    measures = {"oneOf": [_only(["property", "op", "value"], _of(one)) for one in _amounts()]}
    occurrences = {"oneOf": [*_comparisons({"property": _TEXT}), *_comparisons({}, OF_DATES)]}
    found = _windowed(
        ["event"],
        {
            "event": _names(),
            "did": _YES_OR_NO,
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
            "journey": {**_TEXT, "description": "The key of the journey that wrote it."},
            "did": _YES_OR_NO,
            "count": _count(),
        },
    )
    return _never(found, [_silent("count")])


def _sequence() -> Schema:
    deed = {"event": _names(), "where": _where()}
    step = _only(["event"], {**deed, "within": _SPAN, "without": _only(["event"], deed)})
    steps = {
        "type": "array",
        "prefixItems": [_only(["event"], deed)],
        "items": step,
        "minItems": 2,
        "maxItems": MOST_STEPS,
    }
    return _windowed(["sequence"], {"sequence": steps, "did": _YES_OR_NO, "span": _SPAN})


def _touch(kind: str) -> Schema:
    fields = {kind: _some(VALUES[kind]), "touch": {"enum": list(WHICH), "default": "any"}}
    found = {**_only([kind], {**fields, **_BEGINNINGS}), "not": {"anyOf": list(_APART)}}
    ends = {"required": ["touch"], "properties": {"touch": {"enum": ["first", "last"]}}}
    return _never(found, [{**ends, "required": ["touch", name]} for name in BEGINNINGS])


def _some(names: Sequence[str]) -> Schema:
    """One of these names, or a list of them."""
    one = {"enum": list(names)}
    many = {"type": "array", "items": one, "minItems": 1, "maxItems": len(names)}
    return {"anyOf": [one, many]}


def _score(form: str, figures: Sequence[str], low: int, high: int) -> list[Schema]:
    """How a place among others compares with one number, or with two."""
    limits = {"minimum": low, "maximum": high}
    return [
        _only([form, "op", "value"], {form: {"enum": list(figures)}, **amount})
        for amount in _amounts(limits)
    ]


def _of(amount: Mapping[str, Any]) -> Schema:
    return {"property": _TEXT, **amount}


def _names() -> Schema:
    names = {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": 20}
    return {"anyOf": [_TEXT, names], "description": "One event name or several."}


def _count() -> Schema:
    return _only(["op", "value"], {"op": {"enum": list(COUNTS)}, "value": _whole(MOST_COUNTED)})


def _where() -> Schema:
    tests = {"oneOf": _comparisons({"property": _TEXT})}
    return {"type": "array", "maxItems": 20, "items": tests}


def _amounts(limits: Mapping[str, int] = _LIMITS) -> list[Schema]:
    """How a number compares: with one number, or with two."""
    single = [op for op in AMOUNTS if op != "between"]
    one = {"type": "number", **limits}
    pair = {"type": "array", "items": one, "minItems": 2, "maxItems": 2}
    return [
        {"op": {"enum": single}, "value": one},
        {"op": {"const": "between"}, "value": pair},
    ]


def _comparisons(subject: Schema, operators: Collection[str] = tuple(OPERATORS)) -> list[Schema]:
    """One alternative for each kind of value, with the operators that take it."""
    kinds: dict[Kind, list[str]] = {}
    for name in operators:
        kinds.setdefault(OPERATORS[name].kind, []).append(name)
    found = []
    for kind, names in kinds.items():
        fields: Schema = {**subject, "op": {"enum": names}}
        if kind in _VALUES:
            fields["value"] = _VALUES[kind]
        found.append(_only(list(fields), fields))
    return found


def _silent(name: str) -> Schema:
    """That she did not do it leaves nothing to count."""
    return {"required": ["did", name], "properties": {"did": {"const": False}}}


def _windowed(required: list[str], fields: Schema) -> Schema:
    return {**_only(required, {**fields, **_WINDOW}), "not": {"anyOf": list(_APART)}}


def _never(found: Schema, cases: list[Schema]) -> Schema:
    return {**found, "not": {"anyOf": [*found["not"]["anyOf"], *cases]}}


def _only(required: list[str], fields: Schema) -> Schema:
    return {
        "type": "object",
        "properties": fields,
        "required": required,
        "additionalProperties": False,
    }


def _whole(most: int) -> Schema:
    return {"type": "integer", "minimum": 0, "maximum": most}
