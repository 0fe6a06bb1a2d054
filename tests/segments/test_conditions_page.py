"""Nothing of the language is left out of its page."""

import re
from pathlib import Path

from patron.segments.language import FORMS, WINDOWS
from patron.segments.operators import COUNTS, OPERATORS, UNITS

PAGE = (Path(__file__).parents[2] / "docs" / "conditions.md").read_text("utf-8")


def test_every_operator_has_its_row_and_no_other_has() -> None:
    table = PAGE.partition("## Operators")[2].partition("## Why")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(OPERATORS)


def test_forms_windows_counts_and_units_are_explained() -> None:
    for form in FORMS:
        assert f'`{{"{form}": ' in PAGE, form
    for name in (*WINDOWS, *COUNTS, *UNITS, "did", "count", "where"):
        assert f"`{name}`" in PAGE, name
