"""Where a visit came from."""

from typing import Any

import pytest

from patron.events.visit.channel import Channel, arrival, host

OWN = frozenset({"acme.example"})


def found(
    referrer: str = "", url: str = "https://acme.example/", own: frozenset[str] = OWN, **utm: str
) -> Channel | None:
    context: dict[str, Any] = {"page": {"url": url, "referrer": referrer}}
    if utm:
        context["campaign"] = utm
    return arrival(context, own).channel


CASES = [
    ({}, Channel.DIRECT),
    ({"referrer": "https://www.google.com/"}, Channel.ORGANIC_SEARCH),
    ({"referrer": "https://duckduckgo.com/?q=tea"}, Channel.ORGANIC_SEARCH),
    ({"url": "https://acme.example/?gclid=x"}, Channel.PAID_SEARCH),
    ({"source": "google", "medium": "cpc"}, Channel.PAID_SEARCH),
    ({"source": "google", "medium": "cpc", "name": "summer_shopping_de"}, Channel.PAID_SHOPPING),
    ({"referrer": "https://www.amazon.de/dp/1"}, Channel.ORGANIC_SHOPPING),
    ({"url": "https://acme.example/?srsltid=x"}, Channel.ORGANIC_SHOPPING),
    ({"source": "facebook", "medium": "cpc"}, Channel.PAID_SOCIAL),
    ({"source": "ig", "medium": "paid"}, Channel.PAID_SOCIAL),
    ({"referrer": "https://l.instagram.com/?u=x"}, Channel.ORGANIC_SOCIAL),
    ({"referrer": "https://m.facebook.com/"}, Channel.ORGANIC_SOCIAL),
    ({"url": "https://acme.example/?fbclid=x"}, Channel.ORGANIC_SOCIAL),
    ({"source": "youtube", "medium": "cpc"}, Channel.PAID_VIDEO),
    ({"referrer": "https://www.youtube.com/watch"}, Channel.ORGANIC_VIDEO),
    ({"source": "somewhere", "medium": "cpc"}, Channel.PAID_OTHER),
    ({"source": "news.example", "medium": "banner"}, Channel.DISPLAY),
    ({"source": "google", "medium": "cross-network"}, Channel.CROSS_NETWORK),
    ({"source": "newsletter", "medium": "email"}, Channel.EMAIL),
    ({"referrer": "https://mail.google.com/mail/u/0/"}, Channel.EMAIL),
    ({"source": "patron", "medium": "sms"}, Channel.SMS),
    ({"source": "patron", "medium": "web_push"}, Channel.PUSH),
    ({"referrer": "https://web.whatsapp.com/"}, Channel.MESSENGER),
    ({"source": "awin", "medium": "affiliate"}, Channel.AFFILIATE),
    ({"source": "ana", "medium": "influencer"}, Channel.INFLUENCER),
    ({"source": "spotify", "medium": "audio"}, Channel.AUDIO),
    ({"referrer": "https://chatgpt.com/"}, Channel.AI_ASSISTANT),
    ({"source": "perplexity"}, Channel.AI_ASSISTANT),
    ({"source": "flyer", "medium": "qr"}, Channel.OFFLINE),
    ({"referrer": "https://teablog.example/best-of"}, Channel.REFERRAL),
    ({"source": "spring", "name": "spring26"}, Channel.CAMPAIGN),
]


@pytest.mark.parametrize(("visit", "expected"), CASES, ids=str)
def test_a_visit_has_a_channel(visit: dict[str, Any], expected: Channel) -> None:
    assert found(**visit) is expected


def test_every_channel_can_be_reached() -> None:
    assert {expected for _, expected in CASES} == set(Channel)
    assert len(Channel) >= 16


@pytest.mark.parametrize(
    "referrer",
    [
        "https://acme.example/cart",
        "https://www.acme.example/",
        "https://checkout.acme.example/pay",
        "https://www.paypal.com/checkoutnow",
        "https://checkout.stripe.com/c/pay",
    ],
)
def test_coming_back_from_the_shop_itself_or_from_paying_is_no_new_visit(referrer: str) -> None:
    assert found(referrer) is None


def test_a_call_without_a_page_says_nothing() -> None:
    assert arrival({}, OWN).channel is None
    found = arrival({"campaign": {"source": "google", "medium": "cpc"}}, OWN)
    assert found.channel is Channel.PAID_SEARCH


def test_utm_parameters_count_in_the_address_too() -> None:
    url = "https://acme.example/?utm_source=Newsletter&utm_medium=Email&utm_campaign=May"
    context = {"page": {"url": url}}
    assert arrival(context, OWN).channel is Channel.EMAIL
    assert arrival(context, OWN).campaign == "newsletter|email|may"
    assert arrival({"page": {"url": "https://acme.example/?size=m"}}, OWN).campaign == ""


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://www.Shop.Example:8443/x?y=//z", "shop.example"),
        ("//cdn.example/x", "cdn.example"),
        ("https://ana:pw@shop.example", "shop.example"),
        ("/relative?u=http://other.example", ""),
        ("", ""),
        (None, ""),
        (7, ""),
    ],
)
def test_hosts(url: Any, expected: str) -> None:
    assert host(url) == expected


@pytest.mark.parametrize("junk", [7, [], "x", {"page": 3}, {"page": {"url": 1, "search": []}}])
def test_junk_in_the_context_is_no_error(junk: Any) -> None:
    context = junk if isinstance(junk, dict) else {"page": junk, "campaign": junk}
    assert arrival(context, OWN).channel in (None, Channel.DIRECT)
