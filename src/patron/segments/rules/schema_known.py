"""The JSON Schemas of conditions about what is kept of somebody, and what is worked out."""

from patron.segments.forms.liked import MOST_SCORE, MOST_TOP
from patron.segments.forms.location import FURTHEST, OF_COUNTRY, OF_TEXT
from patron.segments.forms.predicted import OPS
from patron.segments.forms.reach import CHANNELS, CONSENTS, LONGEST_PURPOSE, REASONS
from patron.segments.liking.reading import KINDS
from patron.segments.rules.operators import AMOUNTS
from patron.segments.rules.shapes import DATE, TEXT, YES_OR_NO, Schema, amounts, comparisons, only

_PURPOSE = {"type": "string", "minLength": 1, "maxLength": LONGEST_PURPOSE, "default": "marketing"}


def reach() -> dict[str, Schema]:
    return {
        "consent": only(
            ["consent", "is"],
            {
                "consent": {"enum": list(CHANNELS)},
                "purpose": _PURPOSE,
                "is": {"enum": list(CONSENTS)},
            },
        ),
        "reachable": only(
            ["reachable"],
            {"reachable": {"enum": list(CHANNELS)}, "purpose": _PURPOSE, "is": YES_OR_NO},
        ),
        "suppressed": only(
            ["suppressed"],
            {
                "suppressed": {"enum": list(CHANNELS)},
                "reason": {"enum": list(REASONS)},
                "is": YES_OR_NO,
            },
        ),
    }


def affinity() -> Schema:
    fields = {
        "affinity": {"enum": list(KINDS)},
        "for": {**TEXT, "description": "A category, a brand or a price band."},
    }

    def asking(question: str, most: int) -> Schema:
        limits = {"minimum": 0, "maximum": most}
        told = {"oneOf": [only(["op", "value"], one) for one in amounts(limits)]}
        return only([*fields, question], {**fields, question: told})

    top = {"type": "integer", "minimum": 1, "maximum": MOST_TOP}
    return {
        "oneOf": [
            asking("share", 100),
            asking("score", MOST_SCORE),
            only([*fields, "top"], {**fields, "top": top}),
        ]
    }


def predicted() -> Schema:
    name = {"predicted": {**TEXT, "description": "The name of a prediction."}}
    limits = {"minimum": 0, "maximum": 100}
    place = {"oneOf": [only(["op", "value"], one) for one in amounts(limits)]}
    numbers = [only(["predicted", "op", "value"], {**name, **one}) for one in amounts()]
    pair = {"type": "array", "items": DATE, "minItems": 2, "maxItems": 2}
    between = {**name, "op": {"const": "between"}, "value": pair}
    others = tuple(op for op in OPS if op not in AMOUNTS)
    return {
        "oneOf": [
            *numbers,
            *comparisons(name, others),
            only(["predicted", "op", "value"], between),
            only(["predicted", "among_all"], {**name, "among_all": place}),
        ]
    }


def location() -> Schema:
    point = {
        "latitude": {"type": "number", "minimum": -90, "maximum": 90},
        "longitude": {"type": "number", "minimum": -180, "maximum": 180},
    }
    limits = {"minimum": 0, "maximum": FURTHEST}
    texts = {"enum": ["region", "city", "postal_code"]}
    country = {"const": "country", "description": "Two letters (ISO 3166-1) or an English name."}
    return {
        "oneOf": [
            *comparisons({"location": country}, OF_COUNTRY),
            *comparisons({"location": texts}, OF_TEXT),
            only(["location"], {"location": {"const": "eu"}, "is": YES_OR_NO}),
            *(
                only(
                    ["location", "from", "op", "value"],
                    {
                        "location": {"const": "distance", "description": "In kilometres."},
                        "from": only(list(point), point),
                        **amount,
                    },
                )
                for amount in amounts(limits)
            ),
        ]
    }


def computed() -> Schema:
    key = {**TEXT, "description": "The key of a computed trait."}
    told = {
        "type": "object",
        "description": "What the trait is computed from. A saved rule says it; what you give is"
        " replaced by the trait's own definition.",
    }
    alternatives = comparisons({"computed": key})
    for one in alternatives:
        one["properties"]["as"] = told
    return {"oneOf": alternatives}


def shown() -> dict[str, Schema]:
    """Variants of experiments, and what journeys leave out."""
    several = {"type": "array", "items": TEXT, "minItems": 1, "maxItems": 20}
    return {
        "experiment": only(
            ["experiment"],
            {
                "experiment": {**TEXT, "description": "Its id or its name."},
                "variant": {"anyOf": [TEXT, several], "description": "By id or by name."},
                "is": YES_OR_NO,
            },
        ),
        "held_out": only(
            ["held_out"],
            {"held_out": {**TEXT, "description": "The key of a journey."}, "is": YES_OR_NO},
        ),
    }


def kept() -> dict[str, Schema]:
    """What is kept of her by name, and shares of all."""
    return {
        "list": only(
            ["list"],
            {"list": {**TEXT, "description": "The key of a list."}, "is": YES_OR_NO},
        ),
        "tag": only(["tag"], {"tag": TEXT, "is": YES_OR_NO}),
        "segment": only(
            ["segment"],
            {"segment": {**TEXT, "description": "The key of a segment."}, "is": YES_OR_NO},
        ),
        "sample": only(
            ["sample", "key"],
            {
                "sample": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "maximum": 100,
                    "description": "Percent of all people; the same ones each time.",
                },
                "key": {**TEXT, "description": "Another key chooses other people."},
            },
        ),
    }
