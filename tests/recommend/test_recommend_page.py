"""What the page about recommendations says is what the code does."""

import json
import re
from pathlib import Path

import pages
import pytest

from patron.recommend.placements.definition import Placement, parse
from patron.recommend.rules.fields import OPERATORS, Operator
from patron.recommend.rules.grammar import DEEPEST, LONGEST, LONGEST_TEXT, MOST_PARTS
from patron.recommend.rules.language import LEAST_BOOST, MOST_BOOST, read_boost, read_filter
from patron.recommend.rules.types import Strategy

PAGE = (Path(__file__).parents[2] / "docs" / "recommend.md").read_text("utf-8")
PLACEMENTS, RULES = (
    re.split(r"^## ", PAGE.split(f"\n## {title}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]
    for title in ("Placements", "Rules")
)


def test_every_field_of_a_placement_and_every_strategy_has_its_row() -> None:
    told = set(re.findall(r"^\| (`.+?`) \|", PLACEMENTS, re.MULTILINE))
    named = {name for cell in told for name in re.findall(r"`(\w+)`", cell)}
    assert set(Placement.__struct_fields__) - {"key"} <= named
    assert pages.undescribed(PLACEMENTS, [one.value for one in Strategy]) == []
    assert named <= {*Placement.__struct_fields__, *Strategy}


def test_the_example_of_a_placement_is_one() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", PLACEMENTS, re.DOTALL)
    assert parse({"key": "goes_with_it", **json.loads(example)}).pins[0].place == 2


@pytest.mark.parametrize("rule", re.findall(r"^\| `(.+?)` \|", RULES, re.MULTILINE))
def test_every_rule_of_the_page_can_be_written(rule: str) -> None:
    is_boost = rule[0].isdigit()
    assert (read_boost(rule) if is_boost else read_filter(rule)).text == rule


def test_the_limits_are_those_of_the_code() -> None:
    text = " ".join(RULES.split())
    assert f"from {LEAST_BOOST:g} to {MOST_BOOST:g}" in text
    assert f"{LONGEST:,} characters and {MOST_PARTS} parts, nested at most {DEEPEST} deep" in text
    assert f"at most {LONGEST_TEXT} characters" in text


@pytest.mark.parametrize("one", OPERATORS, ids=lambda one: one.name)
def test_every_sign_works_as_its_example_says(one: Operator) -> None:
    example = one.example
    is_boost = example[0].isdigit()
    assert (read_boost(example) if is_boost else read_filter(example)).text == example
