"""The shapes that JSON Schemas of conditions are made of."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from patron.segments.rules.operators import AMOUNTS, OPERATORS, UNITS, Kind
from patron.segments.rules.patterns import LONGEST
from patron.segments.rules.reading import LARGEST

Schema = dict[str, Any]

SCALAR = {"type": ["string", "number", "boolean"]}
TEXT = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"\S"}
YES_OR_NO = {"type": "boolean", "default": True}
SPAN = {
    "type": "object",
    "minProperties": 1,
    "properties": {unit: {"type": "integer", "minimum": 0, "maximum": 1_000_000} for unit in UNITS},
    "additionalProperties": False,
    "description": "A duration of one second to ten years; several units add up. A month has 30"
    " days, a year 365.",
}
DATE = {"type": "string", "description": "ISO 8601 date or date-time"}
LIMITS = {"minimum": -LARGEST, "maximum": LARGEST}
VALUES: dict[Kind, Schema] = {
    Kind.SCALAR: SCALAR,
    Kind.SCALARS: {"type": "array", "items": SCALAR, "minItems": 1, "maxItems": 100},
    Kind.TEXT: {"type": "string", "pattern": r"\S"},
    Kind.PATTERN: {
        "type": "string",
        "minLength": 1,
        "maxLength": LONGEST,
        "description": "RE2 syntax, without regard to case; found anywhere unless it says ^ and $.",
    },
    Kind.NUMBER: {"type": "number"},
    Kind.DATE: DATE,
    Kind.SPAN: SPAN,
    Kind.RANGE: {
        "anyOf": [
            {"type": "array", "items": item, "minItems": 2, "maxItems": 2}
            for item in ({"type": "number"}, DATE)
        ]
    },
    Kind.DAYS: {"type": "integer", "minimum": 0, "maximum": 365},
    Kind.MONTH: {"type": "integer", "minimum": 1, "maximum": 12},
}


def some(names: Sequence[str]) -> Schema:
    """One of these names, or a list of them."""
    one = {"enum": list(names)}
    many = {"type": "array", "items": one, "minItems": 1, "maxItems": len(names)}
    return {"anyOf": [one, many]}


def amounts(limits: Mapping[str, int] = LIMITS) -> list[Schema]:
    """How a number compares: with one number, or with two."""
    single = [op for op in AMOUNTS if op != "between"]
    one = {"type": "number", **limits}
    pair = {"type": "array", "items": one, "minItems": 2, "maxItems": 2}
    return [
        {"op": {"enum": single}, "value": one},
        {"op": {"const": "between"}, "value": pair},
    ]


def comparisons(subject: Schema, operators: Collection[str] = tuple(OPERATORS)) -> list[Schema]:
    """One alternative for each kind of value, with the operators that take it."""
    kinds: dict[Kind, list[str]] = {}
    for name in operators:
        kinds.setdefault(OPERATORS[name].kind, []).append(name)
    found = []
    for kind, names in kinds.items():
        fields: Schema = {**subject, "op": {"enum": names}}
        if kind in VALUES:
            fields["value"] = VALUES[kind]
        found.append(only(list(fields), fields))
    return found


def only(required: list[str], fields: Schema) -> Schema:
    return {
        "type": "object",
        "properties": fields,
        "required": required,
        "additionalProperties": False,
    }


def whole(most: int) -> Schema:
    return {"type": "integer", "minimum": 0, "maximum": most}
