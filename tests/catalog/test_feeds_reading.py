"""What stands in a feed is read: markup, tables, items, hostile ones too."""

import io
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.feed_server import item, rss
from patron.app.imports.reading.encoding import Mended
from patron.catalog.feeds.items import Made, Terms, make
from patron.catalog.feeds.markup import read_markup
from patron.catalog.feeds.rows import Broken, Row
from patron.catalog.feeds.shared import title
from patron.catalog.feeds.tables import read_table, split
from patron.catalog.feeds.types import Fault

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TERMS = Terms("USD", frozenset({"acme.example"}), ZoneInfo("UTC"), "product", NOW, Mended().text)
GUIDES = Terms("USD", frozenset(), ZoneInfo("UTC"), "guide", NOW, Mended().text)


def markup(text: str) -> list[dict[str, list[str]]]:
    return [row.fields for row in read_markup(io.StringIO(text))]


def table(text: str) -> list[dict[str, list[str]]]:
    return [row.fields for row in read_table(io.StringIO(text, newline=""))]


def made(terms: Terms = TERMS, **fields: Any) -> tuple[Made, set[Fault]]:
    given = {
        "id": "tea-1", "title": "Tea", "link": "https://www.acme.example/p/1", "price": "12.50 USD",
        "availability": "in_stock",
    } | fields  # fmt: skip
    listed = {n: v if isinstance(v, list) else [v] for n, v in given.items() if v is not None}
    found, notes = make(Row(1, listed), terms)
    assert found is not None
    return found, {one.fault for one in notes}


def test_rss_with_googles_names_beside_plain_ones() -> None:
    text = rss(
        "<title>Plain</title><g:title>Google's</g:title><g:id>a</g:id>"
        "<g:shipping><g:country>US</g:country><g:price>5 USD</g:price></g:shipping>"
        "<g:additional_image_link>https://x/1</g:additional_image_link>"
        "<g:additional_image_link>https://x/2</g:additional_image_link>"
        "<description><![CDATA[Best <b>tea</b>]]></description><dc:rights>no</dc:rights>"
    )
    assert markup(text) == [
        {
            "title": ["Google's"],
            "id": ["a"],
            "additional_image_link": ["https://x/1", "https://x/2"],
            "description": ["Best <b>tea</b>"],
        }
    ]
    other = rss("<title>Plain</title><shop:id>a</shop:id>", google="shop")
    assert markup(other) == [{"title": ["Plain"], "id": ["a"]}]


def test_atom_and_its_links() -> None:
    text = (
        '<feed xmlns="http://www.w3.org/2005/Atom"><title>Acme</title><entry><id>tag:1</id>'
        '<link rel="self" href="https://x/self"/><link href="https://x/guide"/>'
        '<summary>Short</summary><category term="Brewing"/></entry></feed>'
    )
    assert markup(text) == [
        {"id": ["tag:1"], "link": ["https://x/guide"], "summary": ["Short"],
         "category": ["Brewing"]}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><rss>&b;</rss>', "document type"),
        ('<!DOCTYPE r [<!ENTITY f SYSTEM "file:///etc/passwd">]><rss>&f;</rss>', "document type"),
        ('<!DOCTYPE rss SYSTEM "http://127.0.0.1/x.dtd"><rss/>', "document type"),
        ("<!DOCTYPE html><html><body>Log in</body></html>", "web page"),
        ("<html><body>Log in</body></html>", "web page"),
        ("<catalogue/>", "<catalogue>"),
        ("<rss>" + "<a>" * 101, "nested"),
        ("<rss><channel><item><g:id>1</g:id></item>", "no XML from line 1 on"),
        ("<rss><channel><item><title>a & b</title></item></channel></rss>", "no XML"),
        ("<rss><!--" + "x" * (9 << 20) + "--></rss>", "longer than 8 MB"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_feed_that_is_none_or_means_harm_breaks_off(text: str, says: str) -> None:
    with pytest.raises(Broken, match=says) as broken:
        markup(text)
    assert broken.value.remedy


def test_what_came_before_it_broke_off_is_read_and_bounded() -> None:
    rows = read_markup(io.StringIO(rss(item("a"), item("b"))[:-16] + "<&"))
    assert next(rows).fields["id"] == ["a"]
    assert next(rows).fields["id"] == ["b"]
    with pytest.raises(Broken):
        next(rows)
    many = "<x>1</x>" * 2_000 + f"<description>{'long ' * 60_000}</description>"
    (fields,) = markup(rss(many))
    assert len(fields["x"]) == 500 and "description" not in fields
    (fields,) = markup(rss(f"<description>{'y' * 300_000}</description>"))
    assert len(fields["description"][0]) == 100_000
    assert markup(rss("<title>T\x0bea\x00</title>")) == [{"title": ["Tea"]}]


def test_tables_are_read_as_merchant_center_does() -> None:
    text = (
        "id\tTitle\tg:image link\tshipping(country:price)\tadditional_image_link\tprice\r\n"
        'a\t"Tab\tinside and ""quotes"""\thttps://x/1\tUS:5\thttps://x/2,https://x/3\t1 USD\r\n'
        'b\t"Two\nlines"\thttps://x/1\t\t\t2 USD\r\n'
        'c\t15" screen\t\t\t\t3 USD\r\n'
        'd\t"Best" tea\t\t\t\t4 USD\r\n'
        'e\t"never closed\t\t\t\t5 USD\r\n'
        "\r\n"
        "f\tShort\n"
    )
    found = table(text)
    assert [row["id"][0] for row in found] == list("abcdef")
    titles = [row["title"][0] for row in found]
    assert titles == ['Tab\tinside and "quotes"', "Two\nlines", '15" screen', '"Best" tea',
                      '"never closed', "Short"]  # fmt: skip
    assert found[0]["image_link"] == ["https://x/1"] and found[4]["price"] == ["5 USD"]
    assert table("id,title\n1,Tea\n") == [{"id": ["1"], "title": ["Tea"]}]
    assert table("") == []
    with pytest.raises(Broken, match="names no column `id`"):
        table("name\tprice\nTea\t1\n")
    with pytest.raises(Broken, match="line 2"):
        table("id\ttitle\n" + "x" * (1 << 21))


cells = st.lists(st.text(st.characters(blacklist_categories=["Cs"])), min_size=1, max_size=6)


@given(cells)
def test_a_quoted_line_comes_back_as_it_was(values: list[str]) -> None:
    line = "\t".join('"' + value.replace('"', '""') + '"' for value in values)
    assert split(line, "\t") == values


@given(st.text(alphabet='ab\t"\n', max_size=80))
def test_no_table_swallows_or_makes_up_rows(text: str) -> None:
    body = [line for line in text.split("\n") if line.strip()]
    found = table("id\ttitle\tprice\n" + text)
    assert len(found) <= len(body)


def test_an_item_becomes_a_product() -> None:
    found, faults = made(
        sale_price="10.00 USD", cost_of_goods_sold="5 USD", brand="Hollin", gtin="4006381333931",
        product_type="Tea > Green", google_product_category="2073", color="green",
        custom_label_0="season", availability="preorder", description="<p>Fine &amp; green</p>",
        additional_image_link="https://x/2, https://x/3", mobile_link="https://m.acme.example/1",
    )  # fmt: skip
    product = found.product
    assert (product.price, product.compare_at, product.currency) == (1_000, 1_250, "USD")
    assert product.margin == 0.5 and product.available is True and product.brand == "Hollin"
    assert product.categories == ["Tea", "Green"] and product.gtin == "4006381333931"
    assert isinstance(product.attributes, dict)
    assert product.attributes["availability"] == "preorder"
    assert product.attributes["additional_image_link"] == ["https://x/2", "https://x/3"]
    assert product.attributes["google_product_category"] == "2073"
    assert product.attributes["description"] == "Fine & green"
    assert faults == {Fault.TEXT_REPAIRED}  # what was escaped twice


def test_variants_say_what_is_their_own() -> None:
    found, _ = made(item_group_id="shirt", size="M", custom_label_0="season")
    assert found.variant and found.product.id == "shirt"
    (variant,) = found.product.variants
    assert (variant.id, variant.price, variant.title) == ("tea-1", 1_250, "Tea")
    assert found.product.attributes == {"custom_label_0": "season"}
    assert title(["Shirt, red", "Shirt, blue"]) == "Shirt"
    assert title(["Shirt red", "Shirt red XL"]) == "Shirt red"
    assert title(["Cap", "Coat"]) == "Cap"
    assert title(["Tea", "Tea"]) == "Tea"


def test_a_sale_holds_as_long_as_it_says() -> None:
    cases: dict[str, tuple[int, datetime | None]] = {
        "2026-03-01T00:00Z/2026-03-05T00:00Z": (1_000, datetime(2026, 3, 5, tzinfo=UTC)),
        "2026-03-03T00:00+0100/2026-03-05": (1_250, datetime(2026, 3, 2, 23, tzinfo=UTC)),
        "2026-03-01/2026-03-02": (1_000, datetime(2026, 3, 3, tzinfo=UTC)),
        "2026-02-01/2026-02-02": (1_250, None),
    }
    for window, (price, turns) in cases.items():
        found, faults = made(sale_price="10 USD", sale_price_effective_date=window)
        assert (found.product.price, found.turns_at, faults) == (price, turns, set()), window
    _, faults = made(sale_price="10 USD", sale_price_effective_date="next week")
    assert faults == {Fault.SALE_DATE_UNREADABLE}


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"title": None}, Fault.TITLE_MISSING),
        ({"price": None}, Fault.PRICE_MISSING),
        ({"price": "call us"}, Fault.PRICE_UNREADABLE),
        ({"price": "-3 USD"}, Fault.PRICE_UNREADABLE),
        ({"price": "12.50 EUR"}, Fault.CURRENCY_OTHER),
        ({"sale_price": "13 USD"}, Fault.SALE_ABOVE_PRICE),
        ({"availability": None}, Fault.AVAILABILITY_MISSING),
        ({"availability": "perhaps"}, Fault.AVAILABILITY_UNKNOWN),
        ({"link": None}, Fault.LINK_MISSING),
        ({"link": "javascript:alert(1)"}, Fault.LINK_UNREADABLE),
        ({"link": "https://evil.example/p/1"}, Fault.LINK_ELSEWHERE),
        ({"title": "GrÃ¼ner Tee"}, Fault.TEXT_REPAIRED),
    ],
    ids=str,
)
def test_what_is_wrong_is_told(given: dict[str, Any], fault: Fault) -> None:
    found, faults = made(**given)
    assert faults == {fault}
    if fault is Fault.SALE_ABOVE_PRICE:
        assert found.product.price == 1_250
    if fault is Fault.TEXT_REPAIRED:
        assert found.product.title == "Grüner Tee"


def test_an_item_without_a_usable_id_is_left_out() -> None:
    for id, fault in (([], Fault.ID_MISSING), (["x" * 251], Fault.ID_TOO_LONG)):
        found, notes = make(Row(7, {"id": id, "title": ["Tea"]}), TERMS)
        assert found is None
        assert [(one.fault, one.example.number) for one in notes] == [(fault, 7)]


def test_content_needs_neither_id_nor_price() -> None:
    found, notes = make(
        Row(1, {"link": ["https://acme.example/guide"], "title": ["Brewing"],
                "category": ["Tea", "How to"], "enclosure": ["https://acme.example/i.png"]}),
        GUIDES,
    )  # fmt: skip
    assert found is not None and notes == []
    product = found.product
    assert product.id == "https://acme.example/guide" and product.attributes == {"kind": "guide"}
    assert product.categories == ["Tea", "How to"] and product.available is True
    assert product.image_url == "https://acme.example/i.png"


@given(st.dictionaries(st.sampled_from(
    ["id", "title", "price", "sale_price", "link", "availability", "item_group_id", "quantity",
     "sale_price_effective_date", "description", "product_type", "cost_of_goods_sold", "gtin"]
), st.lists(st.text(min_size=1), min_size=1, max_size=2)))  # fmt: skip
def test_whatever_stands_in_an_item_it_is_read(fields: dict[str, list[str]]) -> None:
    found, notes = make(Row(1, fields), TERMS)
    assert found is not None or notes
    if found is not None and isinstance(found.product.price, int):
        assert found.product.price >= 0
