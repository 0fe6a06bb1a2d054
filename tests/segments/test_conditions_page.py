"""Nothing of the language is left out of its page, and every example there works."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from patron.segments.forms.event import MEASURES, MESSAGES, OCCURRENCES
from patron.segments.forms.liked import QUESTIONS
from patron.segments.forms.location import FIELDS
from patron.segments.forms.orders import FIGURES
from patron.segments.forms.reach import CHANNELS
from patron.segments.forms.touch import VALUES
from patron.segments.population.types import GROUPS, RANKED, SCORES
from patron.segments.rules.language import FORMS, WINDOWS, Scope, parse
from patron.segments.rules.operators import AMOUNTS, OPERATORS, UNITS
from patron.segments.rules.schema import schema

PAGE = (Path(__file__).parents[2] / "docs" / "conditions.md").read_text("utf-8")
ROWS = re.findall(r"^\| `(\w+)` \|.*\| `(\{.*\})` \|$", PAGE, re.MULTILINE)
BLOCKS = re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
EXAMPLES: list[Any] = [json.loads(text) for text in (*BLOCKS, *(text for _, text in ROWS))]
VALIDATOR = jsonschema_rs.validator_for(schema())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: json.dumps(one)[:60])
def test_an_example_is_a_condition(example: Any) -> None:
    parse(example, Scope(frozenset({"start"}), cart=True))
    assert VALIDATOR.is_valid(example)


def test_every_operator_has_its_row_with_an_example_and_no_other_has() -> None:
    table = PAGE.partition("## Operators")[2].partition("## Why")[0]
    rows = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert rows == list(OPERATORS)
    assert [name for name, text in ROWS if name in OPERATORS] == rows
    assert [
        name for name, text in ROWS if name in OPERATORS and f'"op": "{name}"' not in text
    ] == []


def test_questions_and_figures_have_an_example_of_their_own() -> None:
    for name in ("count", *MEASURES, *OCCURRENCES, *FIGURES, *FIELDS, *QUESTIONS):
        assert any(row == name and f'"{name}"' in text for row, text in ROWS), name


def test_every_form_is_explained_and_has_an_example() -> None:
    said = json.dumps(EXAMPLES)
    for form in FORMS:
        assert f'`{{"{form}": ' in PAGE, form
        if form != "cart":  # its example would be an id of some cart
            assert f'"{form}": ' in said, form


def test_windows_comparisons_units_and_lists_are_explained() -> None:
    for name in (*WINDOWS, *AMOUNTS, *UNITS, "did", "where", "without", "span", *MESSAGES):
        assert f"`{name}`" in PAGE, name
    for name in (*SCORES, *RANKED, *GROUPS):
        assert f"`{name}`" in PAGE.partition("## Standing")[2], name
    for name in (*CHANNELS, *VALUES["device"]):
        assert f"`{name}`" in PAGE, name
