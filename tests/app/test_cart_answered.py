"""The main job, from outside: a left cart is answered, once, unless she orders."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

import outside
from musthold.inside import Inside, quick_cart_journey
from postbox import Mailbox, mailbox
from running import Running, eventually, running

ADA = "ada@people.example"


def product(name: str) -> dict[str, Any]:
    return {
        "product_id": name,
        "name": f"Hollin {name.title()}",
        "price": 4.5,
        "quantity": 1,
        "url": f"https://acme.example/p/{name}",
    }


@pytest.fixture(scope="module")
def box() -> Iterator[Mailbox]:
    with mailbox() as box:
        yield box


@pytest.fixture(scope="module")
def shop(box: Mailbox) -> Iterator[Running]:
    """A live shop whose cart journey waits one second."""
    with running(**box.settings) as house:
        house.open_shop()
        house.start()
        quick_cart_journey(house)
        yield house


def subscribe(shop: Running, who: str, address: str) -> None:
    shop.track(
        "Email Subscribed",
        {"email": address, "list": "newsletter", "text": "Yes, write to me", "where": "checkout"},
        userId=who,
        context={"traits": {"email": address}},
    )


def listed(shop: Running, state: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shop.call("GET", f"/api/messages?state={state}").json()["items"]
    return found


def test_she_leaves_her_cart_and_gets_one_mail_with_a_link_that_restores_it(
    shop: Running, box: Mailbox
) -> None:
    subscribe(shop, "ada", ADA)
    shop.track("Product Viewed", product("tea"), userId="ada")
    shop.track("Product Added", {"cart_id": "c1", **product("tea")}, userId="ada")
    mail = eventually(lambda: box.to(ADA), "the cart mail")[0]
    html = mail.get_body(("html",))
    text = mail.get_body(("plain",))
    assert html is not None and text is not None
    assert "Hollin Tea" in html.get_content()
    assert "Hollin Tea" in text.get_content()
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    links = set(re.findall(rf"{shop.url}/l/[\w.~-]+", html.get_content()))
    leads = {link: outside.get(link).headers["location"] for link in links}
    assert all(there.startswith(("https://acme.example", shop.url)) for there in leads.values())
    restore = [there for there in leads.values() if there.startswith(f"{shop.url}/c/")]
    restored = outside.get(restore[0])
    assert restored.status_code == 200
    assert "Hollin Tea" in restored.text
    eventually(lambda: listed(shop, "sent"), "the ledger")
    told = [m for m in shop.run("message", "list") if m["state"] == "sent"]
    why = shop.run("message", "why", told[0]["id"])
    assert len(why["story"]) >= 2
    clicked = "SELECT count(*) FROM event WHERE name = 'Email Link Clicked'"
    eventually(lambda: Inside(shop).value(clicked), "the click in the log")
    shown = shop.run("profile", "show", "user_id:ada")
    names = {event["name"] for event in shown["timeline"]}
    wanted = {"Product Viewed", "Product Added", "Email Subscribed", "Email Link Clicked"}
    assert wanted <= names
    assert len(box.to(ADA)) == 1


def test_she_orders_in_time_and_no_mail_comes(shop: Running, box: Mailbox) -> None:
    subscribe(shop, "ben", "ben@people.example")
    quick_cart_journey(shop, 3600)  # however long it takes us to say that she has ordered
    shop.track("Product Added", {"cart_id": "c2", **product("jam")}, userId="ben")
    shop.track(
        "Order Completed",
        {"cart_id": "c2", "order_id": "o2", "revenue": 4.5, "products": [product("jam")]},
        userId="ben",
    )

    def over() -> list[dict[str, Any]]:
        runs = shop.call("GET", "/api/journeys/abandoned_cart/runs").json()["items"]
        return [run for run in runs if run["state"] == "exited"]

    ended = eventually(over, "the end of her run")
    quick_cart_journey(shop)
    story = shop.call("GET", f"/api/runs/{ended[0]['id']}").json()
    assert story["run"]["exit_reason"] in ("ordered", "cart_closed")
    assert box.to("ben@people.example") == []


def test_without_consent_no_mail_comes_and_it_says_why(shop: Running, box: Mailbox) -> None:
    shop.track(
        "Product Added",
        {"cart_id": "c3", **product("rye")},
        userId="cas",
        context={"traits": {"email": "cas@people.example"}},
    )
    skipped = eventually(lambda: listed(shop, "skipped"), "the refusal")
    why = shop.run("message", "why", skipped[0]["id"])
    assert why["reason"] == "no_consent"
    assert box.to("cas@people.example") == []


def test_unsubscribing_with_one_click_stops_the_next_mail(shop: Running, box: Mailbox) -> None:
    subscribe(shop, "dee", "dee@people.example")
    shop.track("Product Added", {"cart_id": "c4", **product("tea")}, userId="dee")
    mail = eventually(lambda: box.to("dee@people.example"), "the cart mail")[0]
    link = re.search(r"<(https?://[^>]+)>", mail["List-Unsubscribe"])
    assert link is not None
    assert outside.get(link[1]).status_code == 200
    shown = shop.run("profile", "show", "user_id:dee")
    assert shown["email"]["suppressed"] is None, "looking at the page must not unsubscribe"
    answer = outside.post(link[1], data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    shown = shop.run("profile", "show", "user_id:dee")
    assert shown["email"]["suppressed"] == "unsubscribe"


def test_a_journey_that_an_event_starts_writes_about_the_cart_she_has_open(
    shop: Running, box: Mailbox
) -> None:
    definition = {
        "trigger": {"event": "Checkout Started"},
        "steps": [{"send": {"template": "abandoned_cart"}}],
        "exit_on": [{"event": "Order Completed"}],
        "holdout": 0,
    }
    body = {"name": "Checkout", "definition": definition}
    assert shop.call("PUT", "/api/journeys/checkout", json=body).status_code == 200
    assert shop.call("POST", "/api/journeys/checkout/on").status_code == 200
    shop.run("shop", "set", "locale", "de")
    subscribe(shop, "eve", "eve@people.example")
    cart = {"cart_id": "c5", "products": [product("oil")]}
    shop.track("Checkout Started", cart, userId="eve")
    mail = eventually(lambda: box.to("eve@people.example"), "the mail")[0]
    assert "Hollin Oil" in mail["Subject"]
    html = mail.get_body(("html",))
    assert html is not None
    assert "4,50\u00a0$" in html.get_content(), "prices are written as the locale has them"
    assert re.search('<html[^>]* lang="en"', html.get_content()), "and the words are English"
    eventually(lambda: listed(shop, "sent&journey=checkout"), "the ledger")
    sent = shop.run("message", "list", "--journey", "checkout", "--state", "sent")
    assert len(sent) == 1
