"""The language of conditions as a JSON Schema (2020-12), made from the tables that parse it."""

from typing import Any

from patron.segments.language import DEEPEST, FORMS, MOST, WINDOWS
from patron.segments.operators import COUNTS, OPERATORS, UNITS, Kind

_SCALAR = {"type": ["string", "number", "boolean"]}
_TEXT = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"\S"}
_SPAN = {
    "type": "object",
    "minProperties": 1,
    "properties": {unit: {"type": "integer", "minimum": 0, "maximum": 1_000_000} for unit in UNITS},
    "additionalProperties": False,
    "description": "A duration of one second to ten years; several units add up.",
}
_DATE = {"type": "string", "description": "ISO 8601 date or date-time"}
_VALUES: dict[Kind, dict[str, Any]] = {
    Kind.SCALAR: _SCALAR,
    Kind.SCALARS: {"type": "array", "items": _SCALAR, "minItems": 1, "maxItems": 100},
    Kind.TEXT: {"type": "string", "pattern": r"\S"},
    Kind.NUMBER: {"type": "number"},
    Kind.DATE: _DATE,
    Kind.SPAN: _SPAN,
    Kind.RANGE: {
        "anyOf": [
            {"type": "array", "items": item, "minItems": 2, "maxItems": 2}
            for item in ({"type": "number"}, _DATE)
        ]
    },
}


def schema() -> dict[str, Any]:
    """The schema of a rule. What it cannot say (depth, size, order of a range, known moments) is in
    the descriptions; `language.parse` is the judge."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Condition",
        "description": f"At most {MOST} conditions, nested at most {DEEPEST} deep.",
        "$ref": "#/$defs/rule",
        "$defs": {
            "rule": {"oneOf": [{"$ref": f"#/$defs/{form}"} for form in FORMS]},
            "and": _only(["and"], {"and": _rules()}),
            "or": _only(["or"], {"or": _rules()}),
            "not": _only(["not"], {"not": {"$ref": "#/$defs/rule"}}),
            "trait": {"oneOf": _comparisons("trait")},
            "event": _event(),
            "cart": _only(
                ["cart", "is"],
                {
                    "cart": {**_TEXT, "description": 'The id of a cart, or "this" in a journey.'},
                    "is": {"enum": ["open", "closed"]},
                },
            ),
        },
    }


def _event() -> dict[str, Any]:
    names = {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": 20}
    count = {"op": {"enum": list(COUNTS)}, "value": _whole(1_000_000)}
    where = {"type": "array", "maxItems": 20, "items": {"oneOf": _comparisons("property")}}
    moment = "a date-time with its zone, or a named moment (a journey knows “start”)"
    found = _only(
        ["event"],
        {
            "event": {"anyOf": [_TEXT, names], "description": "One event name or several."},
            "did": {"type": "boolean", "default": True},
            "count": _only(["op", "value"], count),
            "where": where,
            "within": _SPAN,
            "since": {"type": "string", "description": f"At or after {moment}."},
            "after": {"type": "string", "description": f"After {moment}."},
        },
    )
    pairs = [(one, two) for one in WINDOWS for two in WINDOWS if one < two]
    apart = [{"required": list(pair)} for pair in pairs]
    silent = {"required": ["did", "count"], "properties": {"did": {"const": False}}}
    return {**found, "not": {"anyOf": [*apart, silent]}}


def _comparisons(subject: str) -> list[dict[str, Any]]:
    """One alternative for each kind of value, with the operators that take it."""
    kinds: dict[Kind, list[str]] = {}
    for name, operator in OPERATORS.items():
        kinds.setdefault(operator.kind, []).append(name)
    found = []
    for kind, names in kinds.items():
        fields: dict[str, Any] = {subject: _TEXT, "op": {"enum": names}}
        if kind in _VALUES:
            fields["value"] = _VALUES[kind]
        found.append(_only(list(fields), fields))
    return found


def _only(required: list[str], fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": fields,
        "required": required,
        "additionalProperties": False,
    }


def _rules() -> dict[str, Any]:
    return {"type": "array", "items": {"$ref": "#/$defs/rule"}, "minItems": 1, "maxItems": MOST}


def _whole(most: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": 0, "maximum": most}
