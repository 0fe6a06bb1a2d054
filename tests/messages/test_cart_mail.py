"""The cart mail: what it shows, where its links lead, and that nothing broken comes out."""

import html
import re
from copy import deepcopy
from importlib.resources import files
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patron.kit.theme import contrast, theme
from patron.messages.links import leads_to, strangers, without_addresses
from patron.messages.render import RenderError, built_in, render
from patron.messages.types import BUILT_IN, Template

HOSTS = frozenset({"acme.example", "patron.example"})
MAIL = built_in("abandoned_cart")


def line(title: str = "Hollin Farm Cheese, Mild, 8 oz", **changes: Any) -> dict[str, Any]:
    return {
        "title": title,
        "variant": None,
        "initial": title[:1],
        "quantity": "2",
        "single": False,
        "price": "$2.49",
        "total": "$4.98",
        "compare_at": None,
        "image": "https://acme.example/p/1.png",
        "url": "https://patron.example/l/one",
    } | changes


def pick(title: str) -> dict[str, Any]:
    return {
        "title": title,
        "initial": title[:1],
        "price": "$3.09",
        "compare_at": "$3.99",
        "image": None,
        "page": "https://acme.example/p/9",
        "url": "https://patron.example/l/nine",
    }


def model(**changes: Any) -> dict[str, Any]:
    return deepcopy(
        {
            "shop": {
                "name": "Acme & Daughters",
                "language": "en",
                "logo": None,
                "postal_lines": ["12 Mill Lane", "Ashford, VT 05401"],
            },
            "theme": msgspec.to_builtins(theme("#1f5f4a")),
            "first_name": "Ellen",
            "cart": {
                "lines": [line(), line("Sourdough Loaf", single=True, quantity="1")],
                "more": 0,
                "count": 2,
                "total": "$8.77",
            },
            "together": [pick(f"Pick {n}") for n in range(4)],
            "links": {
                "cart": "https://patron.example/l/cart",
                "shop": "https://patron.example/l/shop",
                "unsubscribe": "https://patron.example/u/bye",
                "preferences": "https://patron.example/preferences/x",
                "pixel": "https://patron.example/o/seen.gif",
            },
            "why": "You receive this mail because you left something in your cart.",
        }
        | changes
    )


def links_of(page: str) -> set[str]:
    return {html.unescape(url) for url in re.findall(r'<a [^>]*href="([^"]*)"', page)}


def test_it_shows_her_cart_and_one_way_back() -> None:
    mail = render(MAIL, model(), HOSTS)
    assert mail.subject == "Your cart at Acme & Daughters is waiting"
    for words in (
        "Hollin Farm Cheese, Mild, 8 oz",
        "2 × $2.49",
        "$4.98",
        "Sourdough Loaf",
        "$8.77",
    ):
        assert words in html.unescape(mail.html)
    assert mail.html.count("Back to my cart") == 1
    assert 'src="https://acme.example/p/1.png"' in mail.html
    for number in range(4):
        assert f"Pick {number}" in mail.html
    assert "12 Mill Lane" in mail.html
    assert "prefers-color-scheme: dark" in mail.html
    assert links_of(mail.html) == {
        "https://patron.example/l/one",
        "https://patron.example/l/nine",
        "https://patron.example/l/cart",
        "https://patron.example/l/shop",
        "https://patron.example/u/bye",
        "https://patron.example/preferences/x",
    }


def test_its_plain_text_reads_well() -> None:
    mail = render(MAIL, model(), HOSTS)
    assert mail.text.startswith(
        "Hello Ellen,\n\nyou left 2 things in your cart at Acme & Daughters."
    )
    assert "  2 x Hollin Farm Cheese, Mild, 8 oz - $4.98\n" in mail.text
    assert "Back to your cart:\nhttps://patron.example/l/cart\n" in mail.text
    assert "https://patron.example/u/bye" in mail.text
    assert "Acme & Daughters, 12 Mill Lane, Ashford, VT 05401" in mail.text
    assert "\n\n\n" not in mail.text
    assert "<" not in mail.text


def test_one_thing_is_named_in_the_subject() -> None:
    cart = {"lines": [line()], "more": 0, "count": 1, "total": "$4.98"}
    mail = render(MAIL, model(cart=cart, first_name=None, together=[]), HOSTS)
    assert mail.subject == "Hollin Farm Cheese, Mild, 8 oz is still in your cart"
    assert "Goes well with it" not in mail.html
    assert "Hello,\n\nyou left something" in mail.text


def test_without_picture_logo_price_and_address_it_is_still_whole() -> None:
    bare = line(image=None, price=None, total=None)
    cart = {"lines": [bare], "more": 3, "count": 4, "total": None}
    shop = model()["shop"] | {"postal_lines": [], "logo": "https://acme.example/logo.png"}
    mail = render(MAIL, model(cart=cart, shop=shop, together=[]), HOSTS)
    assert "and 3 more in your cart" in mail.html
    assert "Total" not in mail.html
    assert "None" not in mail.html + mail.text
    assert "https://acme.example/logo.png" in mail.html


def test_a_big_cart_stays_below_what_gmail_cuts_off() -> None:
    lines = [
        line("A rather long name of a product, " * 3, url="https://patron.example/l/" + "x" * 500)
    ]
    cart = {"lines": lines * 6, "more": 40, "count": 46, "total": "$1,204.00"}
    assert len(render(MAIL, model(cart=cart), HOSTS).html) < 60_000


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=60))
def test_data_is_never_markup(title: str) -> None:
    hostile = f'"><script>alert(1)</script>{{{{ shop }}}}{title}'
    cart = {"lines": [line(hostile)], "more": 0, "count": 1, "total": None}
    mail = render(MAIL, model(cart=cart), HOSTS)
    assert "<script" not in mail.html
    assert "{{ shop }}" in html.unescape(mail.html)
    assert "\n" not in mail.subject
    assert mail.subject.isprintable() or not title.isprintable()


@pytest.mark.parametrize(
    "foreign",
    [
        "https://evil.example/",
        "https://acme.example@evil.example/",
        "https://acme.example.evil.example/",
        "javascript:alert(1)",
        "//evil.example/x",
        "data:text/html,x",
    ],
)
def test_a_link_to_elsewhere_is_not_sent(foreign: str) -> None:
    cart = {"lines": [line(url=foreign)], "more": 0, "count": 1, "total": None}
    with pytest.raises(RenderError, match="not among the shop's hosts"):
        render(MAIL, model(cart=cart), HOSTS)
    with pytest.raises(RenderError, match="not among the shop's hosts"):
        render(MAIL, model(together=[pick("x") | {"image": foreign}] * 2), HOSTS)


def test_a_missing_word_is_an_error_and_shows_no_data() -> None:
    lacking = model()
    del lacking["links"]["unsubscribe"]
    with pytest.raises(RenderError, match=r"abandoned_cart/body\.(mjml|txt)") as wrong:
        render(MAIL, lacking, HOSTS)
    assert "Ellen" not in str(wrong.value)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}", "fuel"),
        ("<mjml><mj-body><mj-section></mj-body></mjml>", "body.mjml"),
        ("{{ nothing.here }}", "undefined"),
    ],
)
def test_a_bad_template_is_an_error(body: str, said: str) -> None:
    with pytest.raises(RenderError, match=re.escape(said)):
        render(Template("bad", "Hi", "", body, "text"), {}, HOSTS)


def test_an_empty_subject_is_an_error() -> None:
    with pytest.raises(RenderError, match="subject is empty"):
        render(Template("bad", " ", "", "<mjml></mjml>", "text"), {}, HOSTS)


@pytest.mark.parametrize("name", ["nothing", "../abandoned_cart", ""])
def test_a_template_that_does_not_exist(name: str) -> None:
    with pytest.raises(RenderError, match="does not exist"):
        built_in(name)


def test_mail_programs_find_nothing_to_link_in_a_title() -> None:
    assert without_addresses("Buy at https://evil.example/x now") == "Buy at evil example/x now"
    assert without_addresses("www.evil.com") == "evil com"
    assert without_addresses("Juice 1.5 l, St. Ives") == "Juice 1.5 l, St. Ives"


@given(st.text(max_size=40))
def test_only_the_shops_hosts_are_led_to(path: str) -> None:
    assert leads_to("https://acme.example/a?b=c", HOSTS)
    assert not leads_to(f"https://evil.example/{path}", HOSTS)
    assert not leads_to(f"https://acme.example@{path}evil.example/", HOSTS)
    assert not leads_to(f"https://\u212aiosk.example/{path}", {"kiosk.example"})
    assert strangers(f'<a href="https://evil.example/{html.escape(path)}">', "", HOSTS)


@pytest.mark.parametrize(
    "title", ["Mug ❤️ 8\\9 oz", "हिन्दी किताब", "น้ำมันมะพร้าว", "עִבְרִית", "&#92; & &#60;b>"]
)
def test_a_picture_is_named_as_its_product_is(title: str) -> None:
    shown = line(title)
    page = render(MAIL, model(cart=model()["cart"] | {"lines": [shown, shown]}), HOSTS).html
    names = {
        html.unescape(name) for name in re.findall(r'<img src="[^"]+/p/1.png" alt="([^"]*)"', page)
    }
    assert names == {title}
    assert html.escape(title, quote=False) in page


@given(st.from_regex(r"#[0-9a-f]{6}", fullmatch=True))
def test_every_brand_colour_can_be_read_by_day_and_by_night(color: str) -> None:
    made = theme(color)
    assert contrast(made.brand, made.on_brand) >= 4.5
    assert contrast(made.name, "#ffffff") >= 4.5
    assert contrast(made.brand_dark, made.on_brand_dark) >= 4.5
    assert contrast(made.brand_dark, "#20221f") >= 4.5


def test_what_is_no_colour_is_the_default() -> None:
    assert theme("red;}body{display:none").brand == "#1f5f4a"


def test_every_folder_of_a_template_is_one_that_journeys_may_name() -> None:
    folder = files("patron.messages") / "templates"
    assert {one.name for one in folder.iterdir() if one.is_dir()} == set(BUILT_IN)
    assert all(built_in(name).body for name in BUILT_IN)
