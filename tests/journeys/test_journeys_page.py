"""Nothing of a journey's definition is left out of its page, and its example is the real one."""

import json
import re
from pathlib import Path

from patron.journeys.builtin import abandoned_cart
from patron.journeys.definition import FIELDS, KINDS, SEND_FIELDS, parse
from patron.shops.types import METRICS

PAGE = (Path(__file__).parents[2] / "docs" / "journeys.md").read_text("utf-8")


def test_fields_and_steps_are_explained() -> None:
    for field in FIELDS:
        assert f"| `{field}` |" in PAGE, field
    for kind in KINDS:
        assert f'| `{{"{kind}": ' in PAGE, kind
    steps = PAGE.partition("## Steps")[2]
    for field in SEND_FIELDS:
        assert f"`{field}`" in steps or f'"{field}"' in steps, field


def test_the_example_is_the_journey_every_shop_starts_with() -> None:
    example = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0]
    assert parse(json.loads(example)).steps[0] == parse(abandoned_cart(METRICS)).steps[0]
    shown, real = parse(json.loads(example)), parse(abandoned_cart(METRICS))
    assert (shown.trigger, shown.steps, shown.cart_ends) == (None, real.steps, real.cart_ends)
    assert (shown.holdout, shown.max_age, shown.reentry) == (0.1, real.max_age, real.reentry)
