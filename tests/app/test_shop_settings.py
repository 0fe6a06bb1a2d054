"""A shop's settings: what cannot mean anything is refused, with what to give instead."""

from typing import Any

import pytest

from patron.app.cli.shops import read_setting
from patron.kit.problems import Problem
from patron.shops.found import changed
from patron.shops.types import ShopSettings

NONE = ShopSettings()


@pytest.mark.parametrize(
    ("name", "value", "give"),
    [
        ("cart_url", "cart?restore={token}", "https://shop.example/cart"),
        ("cart_url", "https://shop.example/cart", "{token}"),  # it would open an empty one
        ("account_url", "ftp://shop.example/x", "https://"),
        ("logo_url", "javascript:alert(1)", "https://"),
        ("privacy_url", "https://[shop", "https://"),
        ("privacy_url", "https://shop.example/a b", "https://"),
        ("mail_from", "shop", "shop@shop.example"),
        ("mail_reply_to", "Us <us@shop.example>", "help@shop.example"),
        ("brand_color", "green", "#rrggbb"),
        ("identity_limits", {"email": 0}, "from 1 on"),
        ("identity_limits", {"email": "many"}, "from 1 on"),
        ("phone_region", "Romania", "DE"),
        ("existing_customer_countries", ["Germany"], "DE"),
        ("locale", "klingon-zz", "en-GB"),
        ("more_hosts", ["https://pictures.shop.example"], "without https://"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_to_give(name: str, value: Any, give: str) -> None:
    with pytest.raises(Problem) as caught:
        changed(NONE, {name: value})
    problem = caught.value.document
    assert problem.status == 400 and problem.path == name
    assert problem.detail == f"{name} = {value!r} cannot be used"
    assert problem.remedy is not None and give in problem.remedy


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cart_url", "https://shop.example/cart?c={cart_token}"),
        ("cart_url", None),
        ("logo_url", "http://pictures.shop.example/logo.png"),
        ("mail_from", "shop@shop.example"),
        ("brand_color", "#1F5f4a"),
        ("identity_limits", {"email": 1}),
    ],
)
def test_what_can_be_used_is_taken(name: str, value: Any) -> None:
    assert getattr(changed(NONE, {name: value}), name) == value


def test_at_the_command_line_a_list_is_one_and_a_number_may_be_a_text() -> None:
    assert read_setting(NONE, "existing_customer_countries", '["DE"]').existing_customer_countries
    assert read_setting(NONE, "postal_address", "12345").postal_address == "12345"
    with pytest.raises(Problem, match="Germany"):
        read_setting(NONE, "existing_customer_countries", '["Germany"]')
