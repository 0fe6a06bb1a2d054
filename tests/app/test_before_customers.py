"""What stands between a shop and its customers is said by doctor and by golive, with remedies."""

import json
from typing import Any

import msgspec
import pytest

from patron.app.care import ready
from patron.kit.settings import Settings
from patron.shops.types import Mode, Shop, ShopSettings
from running import Running, eventually, running

KEY = "-----BEGIN PRIVATE KEY-----"
GOOD: dict[str, Any] = {
    "public_url": "https://patron.acme.example",
    "trusted_proxies": "127.0.0.1/32",
    "smtp_host": "mail.acme.example",
    "mail_from": "shop@news.acme.example",
    "dkim_domain": "acme.example",
    "dkim_selector": "s1",
    "dkim_key": KEY,
}


def found(shop: Shop, mode: Mode = Mode.LIVE, **changes: Any) -> dict[str, tuple[str, str]]:
    """What is found about a shop that lacks nothing but for `changes`, by name: state, remedy."""
    own = ShopSettings(postal_address="Mill Lane 4", cart_url="https://acme.example/cart?c={token}")
    given = {k: v for k, v in changes.items() if k in Settings.__struct_fields__}
    more = {k.removeprefix("shop_"): v for k, v in changes.items() if k.startswith("shop_")}
    settings = Settings(**{**GOOD, **given})
    asked = msgspec.structs.replace(shop, mode=mode, settings=msgspec.structs.replace(own, **more))
    return {
        one.what.partition(": ")[2]: (one.state, one.remedy or "")
        for one in ready.of_shop(settings, asked)
    }


def test_a_shop_that_lacks_nothing_is_told_so(template: tuple[str, Shop, Shop]) -> None:
    assert found(template[1]) == {"for customers": ("ok", "")}


@pytest.mark.parametrize(
    ("changes", "what", "remedy"),
    [
        ({"shop_postal_address": " "}, "postal address", "patron shop set postal_address"),
        ({"shop_cart_url": None}, "cart", "patron shop set cart_url"),
        ({"shop_cart_url": "https://else.example/{token}"}, "cart_url", "more_hosts"),
        ({"shop_account_url": "https://id.example/new"}, "account_url", '["id.example"]'),
        ({"shop_logo_url": "https://cdn.example/logo.png"}, "logo_url", '["cdn.example"]'),
        ({"mail_from": None}, "sender", "mail_from"),
        ({"dkim_domain": None, "dkim_selector": None, "dkim_key": None}, "signature", "sign for"),
        ({"dkim_key": None}, "signature", "together"),
        ({"mail_from": "shop@gmail.example"}, "signature", "send from an address of acme.example"),
        ({"shop_mail_from": "me@acme.example.evil"}, "signature", "acme.example.evil"),
        ({"public_url": "http://127.0.0.1:8080"}, "links", "proxy with TLS"),
        ({"public_url": "http://patron.acme.example"}, "links", "https"),
        ({"trusted_proxies": None}, "links", "trusted_proxies"),
    ],
)
def test_what_is_missing_is_named_with_its_remedy(
    template: tuple[str, Shop, Shop], changes: dict[str, Any], what: str, remedy: str
) -> None:
    answer = found(template[1], **changes)
    assert list(answer) == [what]
    state, said = answer[what]
    assert state == ("failed" if what == "sender" else "warning")
    assert remedy in said


def test_in_rehearsal_links_may_lead_to_this_machine(template: tuple[str, Shop, Shop]) -> None:
    local = {"public_url": "http://127.0.0.1:8080", "trusted_proxies": None}
    assert found(template[1], Mode.REHEARSAL, **local) == {"for customers": ("ok", "")}


def doctor(shop: Running) -> dict[str, dict[str, Any]]:
    looked = json.loads(shop.command("doctor", "--no-mail", "--json").stdout)
    return {one["what"]: one for one in looked}


def test_the_owner_follows_the_remedies_and_they_help() -> None:
    with running() as shop:
        shop.open_shop(live=False)
        shop.start()
        left = shop.run("golive")["left_to_do"]
        assert {one["what"] for one in left} == {
            "acme: postal address", "acme: cart", "acme: links",
        }  # fmt: skip
        assert doctor(shop)["acme: postal address"]["state"] == "warning"
        shop.run("shop", "set", "postal_address", "Mill Lane 4, Hollin")
        shop.run("shop", "set", "cart_url", "https://acme.example/cart?c={token}")
        looked = doctor(shop)
        assert not {"acme: postal address", "acme: cart"} & looked.keys()
        shop.track("Product Viewed", {"product_id": "tea"}, userId="ada")
        warned = eventually(lambda: doctor(shop).get("acme: orders"), "the word about orders")
        assert warned is not None
        assert "Order Completed" in warned["remedy"]
        shop.track("Order Completed", {"order_id": "1", "revenue": 3}, userId="ada")
        eventually(lambda: "acme: orders" not in doctor(shop), "the order")


def test_settings_are_set_by_name_and_wrong_ones_are_refused() -> None:
    with running() as shop:
        shop.open_shop()
        assert shop.run("shop", "set", "marketing_hours_between", "24")["locale"] == "en"
        assert shop.run("shop", "set", "postal_address", "43000")["postal_address"] == "43000"
        assert shop.run("shop", "set", "postal_address", "null")["postal_address"] is None
        hosts = shop.run("shop", "set", "more_hosts", '["pictures.acme.example"]')["more_hosts"]
        assert hosts == ["pictures.acme.example"]
        assert shop.run("shop", "set", "locale", "de")["marketing_hours_between"] == 24
        for name, value in (("locale", "German"), ("brand_colour", "red")):
            refused = shop.command("shop", "set", name, value)
            assert refused.returncode == 1
            assert name in refused.stderr
