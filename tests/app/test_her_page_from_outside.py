"""A visitor comes by a letter, signs up and orders; the owner finds her and opens her page."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

import outside
from running import Running, eventually, running

EMAIL = "ada@customers.example"


@pytest.fixture(scope="module")
def shop() -> Iterator[Running]:
    with running() as house:
        house.open_shop()
        house.start()
        yield house


def says(shop: Running, key: str, batch: list[dict[str, Any]]) -> None:
    sent = outside.post(f"{shop.url}/v1/batch", json={"batch": batch}, auth=(key, ""), timeout=30)
    assert sent.status_code == 200, sent.text


def ask(shop: Running, path: str, **params: Any) -> Any:
    answer = shop.call("GET", path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def visit(name: str, at: datetime, address: str, /, **properties: Any) -> dict[str, Any]:
    page = {"url": f"https://acme.example{address}", "referrer": "https://mail.example/inbox"}
    kind = {"type": "page"} if name == "page" else {"type": "track", "event": name}
    return {
        **kind, "anonymousId": "b1", "timestamp": at.isoformat(), "properties": properties,
        "context": {"page": page},
    }  # fmt: skip


def test_from_the_first_visit_to_her_page(shop: Running) -> None:
    now = datetime.now(UTC)
    long_ago, today = now - timedelta(days=3), now - timedelta(minutes=5)
    letter = "/tea?utm_source=Letter&utm_medium=email&utm_campaign=May"
    product = {"product_id": "sencha", "category": "Tea > Green", "brand": "Hollin", "price": 12}
    says(shop, shop.write_key, [
        visit("page", long_ago, letter),
        visit("Product Viewed", long_ago + timedelta(seconds=9), "/tea/sencha", **product),
        visit("page", today, "/"),
        visit("Product Added", today, "/tea/sencha", quantity=2, currency="USD", **product),
        visit("Product Added to Wishlist", today, "/pots", product_id="pot", name="Pot"),
    ])  # fmt: skip
    traits = {"email": EMAIL, "first_name": "Ádá", "last_name": "Lovelace"}
    order = {"order_id": "R-7", "revenue": 24, "currency": "USD", "coupon": "MAY"}
    says(shop, shop.server_key, [
        {"type": "identify", "userId": "c-1", "anonymousId": "b1", "traits": traits},
        {"type": "track", "event": "Order Completed", "userId": "c-1",
         "timestamp": (now - timedelta(days=2)).isoformat(), "properties": order},
    ])  # fmt: skip
    found = eventually(
        lambda: ask(shop, "/api/profiles", q="lovelace")["items"], "the walk of her name"
    )
    for q in ("ada love", EMAIL, "R-7", "c-1", found[0]["id"], "b1"):
        assert [one["id"] for one in ask(shop, "/api/profiles", q=q)["items"]] == [found[0]["id"]]
    told = eventually(lambda: _whole(shop), "the walk of her order")
    sessions = told["sessions"]
    assert [(one["events"], one["channel"]) for one in sessions["last"][-1:]] == [(2, "email")]
    assert sessions["first_touch"]["campaign"] == {
        "source": "letter", "medium": "email", "name": "may",
    }  # fmt: skip
    assert sessions["first_touch"]["landed_on"] == "/tea"
    assert told["cart"]["value"] == 2_400 and told["wish_list"][0]["title"] == "Pot"
    assert (told["orders"]["value"], told["coupons"][0]["code"]) == (2_400, "MAY")
    assert told["affinities"]["brands"][0]["value"] == "Hollin"
    assert {(one["name"], one["said_by"]) for one in told["traits"]} >= {("first_name", "server")}
    tagged = shop.call("POST", f"/api/profiles/{quote(f'email:{EMAIL}')}/tags", json={"tag": "VIP"})
    assert tagged.status_code == 200
    assert ask(shop, "/api/profiles", q="tag:vip")["items"][0]["tags"] == ["VIP"]
    gone = shop.call("DELETE", "/api/profiles/user_id:c-1")
    assert gone.status_code == 200, gone.text
    for q in ("lovelace", EMAIL, "R-7", "c-1", "tag:vip"):
        assert ask(shop, "/api/profiles", q=q)["items"] == [], q


def _whole(shop: Running) -> Any:
    told = ask(shop, "/api/profiles/user_id:c-1/page")
    return told if told["orders"]["number"] and told["cart"] else None
