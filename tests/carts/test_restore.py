"""A customer follows the link of a mail back to her cart; the shop's developer looks at carts."""

from typing import Any

import msgspec
import pytest

from carts.doors import ADMIN, api
from carts.test_carts import add, all_carts, event, order, walked
from conftest import House
from patron.carts import restore
from patron.carts.routes import routes
from patron.carts.types import Cart
from patron.events.types import Trust
from patron.kit.signing import BadSignature, Signer
from patron.shops.types import Shop

BASE = "https://patron.acme.example"


def with_cart_url(shop: Shop, url: str | None) -> Shop:
    settings = msgspec.structs.replace(shop.settings, cart_url=url)
    return msgspec.structs.replace(shop, settings=settings)


@pytest.fixture
def cart(house: House) -> Cart:
    known = event("Identified", 0, user_id="u1", anonymous_id="ann",
                  traits={"email": "ann@example.com"}, trust=Trust.SERVER)  # fmt: skip
    site = "https://acme.example"
    tea = add(1, "tea", name="<Sencha> & more", quantity=2, cart_id="c/1",
              url=f"{site}/p/tea", image_url=f"{site}/i/tea.png")  # fmt: skip
    walked(house, [known, tea, add(2, "cup", url="https://evil.test/x", name="Cup")])
    (kept,) = all_carts(house)
    return kept


def path(house: House, cart: Cart, suffix: str = "") -> str:
    link = restore.link(house.signer, BASE + "/", house.acme, cart)
    assert link.startswith(BASE + "/c/")
    return link.removeprefix(BASE) + suffix


def test_the_link_leads_to_the_shops_own_cart_page(house: House, cart: Cart) -> None:
    token = path(house, cart).removeprefix("/c/")
    for template, there in (
        ("https://acme.example/cart?restore={token}", f"https://acme.example/cart?restore={token}"),
        ("https://acme.example/cart/{cart_token}", "https://acme.example/cart/c%2F1"),
    ):
        shop = with_cart_url(house.acme, template)
        with api(house, routes, None, shop) as client:
            answer = client.get(path(house, cart), follow_redirects=False)
        assert answer.status_code == 302
        assert answer.headers["location"] == there
        assert answer.headers["cache-control"] == "no-store, private"


@pytest.mark.parametrize("elsewhere", [None, "https://evil.test/{token}", "javascript:{token}"])
def test_without_a_page_of_the_shops_own_patron_shows_the_cart(
    house: House, cart: Cart, elsewhere: str | None
) -> None:
    with api(house, routes, None, with_cart_url(house.acme, elsewhere)) as client:
        answer = client.get(path(house, cart), follow_redirects=False)
    assert answer.status_code == 200
    assert "&lt;Sencha&gt; &amp; more" in answer.text and "$37.50" in answer.text
    assert 'href="https://acme.example/p/tea"' in answer.text
    assert "evil.test" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_prices_are_written_as_the_locale_has_them_and_the_words_are_english(
    house: House, cart: Cart
) -> None:
    shop = msgspec.structs.replace(with_cart_url(house.acme, None), locale="de-AT")
    with api(house, routes, None, shop) as client:
        answer = client.get(path(house, cart), follow_redirects=False)
    assert "37,50\u00a0$" in answer.text
    assert '<html lang="en">' in answer.text


def test_the_lines_for_the_shops_pages_say_nothing_about_her(house: House, cart: Cart) -> None:
    with api(house, routes, None) as client:
        answer = client.get(path(house, cart, ".json"), headers={"Origin": "https://acme.example"})
        stranger = client.get(path(house, cart, ".json"), headers={"Origin": "https://evil.test"})
    said = answer.json()
    assert said["state"] == "open" and said["value"] == 3750 and said["currency"] == "USD"
    assert [(i["product_id"], i.get("quantity", 1)) for i in said["items"]] == [
        ("tea", 2),
        ("cup", 1),
    ]
    assert answer.headers["access-control-allow-origin"] == "https://acme.example"
    assert "access-control-allow-origin" not in stranger.headers
    for personal in ("ann", str(cart.origin_id), "u1"):
        assert personal not in answer.text


def test_a_cart_that_was_ordered_says_so(house: House, cart: Cart) -> None:
    walked(house, [order(9)])
    shop = with_cart_url(house.acme, "https://acme.example/cart?restore={token}")
    with api(house, routes, None, shop) as client:
        page = client.get(path(house, cart), follow_redirects=False)
        lines = client.get(path(house, cart, ".json")).json()
    assert page.status_code == 200 and "has been ordered" in page.text
    assert lines["state"] == "closed" and lines["items"] == []


def test_a_changed_link_opens_nothing(house: House, cart: Cart) -> None:
    good = path(house, cart)
    with api(house, routes, None) as client:
        for bad in (good[:-1], good[:10] + "x" + good[11:], "/c/x", "/c/" + "é" * 9):
            assert client.get(bad).status_code == 404
        other = restore.link(Signer(b"another secret of 32 bytes, long"), BASE, house.acme, cart)
        assert client.get(other.removeprefix(BASE)).status_code == 404
        stranger = restore.link(house.signer, BASE, house.bolt, cart)
        assert client.get(stranger.removeprefix(BASE)).status_code == 404
    odd: list[Any] = [{}, [], {"s": "acme", "c": "no id"}, "x"]
    for payload in odd:
        with pytest.raises(BadSignature):
            restore.read(house.signer, house.signer.token(restore.PURPOSE, payload))


def test_carts_over_the_api(house: House, cart: Cart) -> None:
    walked(house, [order(5)], [add(6, "pot")])
    with api(house, routes) as client:
        one = client.get(f"/api/carts/{cart.id}").json()
        assert one["closed_reason"] == "order" and one["order_id"] == "o5"
        seen: list[dict[str, Any]] = []
        cursor = ""
        while True:
            url = f"/api/carts?profile=user_id:u1&limit=1{cursor}"
            page = client.get(url).json()
            seen += page["items"]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert [each["closed_reason"] for each in seen] == [None, "order"]
        assert client.get("/api/carts?profile=user_id:nobody").status_code == 404
        assert client.get("/api/carts?profile=user_id:u1&cursor=x").status_code == 400
        assert client.get("/api/carts/order-feed").json()["silent_since"] is None
        assert client.get("/api/carts/00000000-0000-0000-0000-000000000000").status_code == 404
    for scopes, status in ((None, 401), (frozenset({"catalog:read"}), 403), (ADMIN, 200)):
        with api(house, routes, scopes) as client:
            assert client.get(f"/api/carts/{cart.id}").status_code == status
    with api(house, routes, ADMIN, house.bolt) as client:
        assert client.get(f"/api/carts/{cart.id}").status_code == 404
