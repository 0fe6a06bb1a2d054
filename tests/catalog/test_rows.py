"""Rows of feeds, exports and API calls become products; names get one spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from patron.catalog.keys import candidates, gtin_key, id_key, url_key
from patron.catalog.parse import parse


def test_a_row_of_a_google_feed() -> None:
    parsed = parse(
        {
            "g:id": "TEA-1-RED",
            "g:item_group_id": "TEA-1",
            "title": "Sencha",
            "link": "https://shop.example/p/tea?variant=red",
            "g:image_link": "https://shop.example/i/tea.png",
            "g:availability": "in_stock",
            "g:price": "15.00 EUR",
            "g:sale_price": "12.00 EUR",
            "g:cost_of_goods_sold": "6.00 EUR",
            "g:brand": "Hollin Farm",
            "g:gtin": "4006381333931",
            "g:product_type": "Tea > Green",
            "g:color": "red",
            "custom_label_0": "spring",
        },
        "USD",
    )
    assert parsed.errors == [] and parsed.product is not None
    product = parsed.product
    (variant,) = product.variants
    assert (product.id, variant.id, variant.gtin) == ("TEA-1", "TEA-1-RED", "4006381333931")
    assert (product.price, product.compare_at, product.currency) == (1200, 1500, "EUR")
    assert product.margin == 0.5
    assert product.categories == ["Tea", "Green"]
    assert variant.available is True and product.available is UNSET
    assert variant.attributes == {"color": "red", "custom_label_0": "spring"}


def test_an_object_of_the_api_with_variants() -> None:
    parsed = parse(
        {
            "id": 7,
            "price": {"amount": 1250, "currency": "JPY"},
            "stock": "3",
            "brand": None,
            "shown": False,
            "variants": [{"id": "7a", "sku": "S-7A", "price": 1300, "stock": 0}, {"title": "x"}],
        },
        "USD",
    )
    assert parsed.product is not None
    assert (parsed.product.id, parsed.product.price, parsed.product.stock) == ("7", 1250, 3)
    assert parsed.product.brand is None and parsed.product.title is UNSET
    assert parsed.product.shown is False
    assert [(v.id, v.sku, v.price) for v in parsed.product.variants] == [("7a", "S-7A", 1300)]
    assert [error.field for error in parsed.errors] == ["variants[1].id"]


def test_each_field_that_cannot_be_read_is_named() -> None:
    parsed = parse(
        {"id": "a", "price": "cheap", "stock": "many", "url": "javascript:alert(1)",
         "availability": "maybe", "margin": "400%", "title": "Tea"}, "USD",
    )  # fmt: skip
    assert {e.field for e in parsed.errors} == {"price", "stock", "url", "availability", "margin"}
    assert parsed.product is not None and parsed.product.title == "Tea"
    assert parsed.product.price is UNSET
    nothing = parse({"title": "Tea"}, "USD")
    assert nothing.product is None and nothing.errors[0].field == "id"


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(
    st.dictionaries(
        st.sampled_from(["id", "price", "sale_price", "variants", "stock", "margin", "category",
                         "availability", "gtin", "url", "attributes", "item_group_id", "odd"]),
        json,
    )
)  # fmt: skip
def test_no_row_is_too_odd(row: dict[str, object]) -> None:
    parsed = parse(row, "USD")
    assert parsed.product is not None or parsed.errors


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://WWW.Shop.example/P/Tea/?utm_source=x&gclid=1#top", "shop.example/P/Tea"),
        ("http://shop.example/p?b=2&a=1", "shop.example/p?a=1&b=2"),
        ("http://shop.example:8080/p", "shop.example:8080/p"),
        ("/p/tea/", "/p/tea"),
        ("mailto:a@b.c", None),
        ("tea", None),
        ("https://[bad", None),
    ],
)
def test_addresses_have_one_spelling(url: str, key: str | None) -> None:
    assert url_key(url) == key


def test_numbers_have_one_spelling() -> None:
    assert gtin_key("4006381333931") == gtin_key("04006381333931") == "04006381333931"
    assert gtin_key("123") is None
    assert [id_key(v) for v in (7, 7.0, " a ", "", True, None)] == ["7", "7", "a", None, None, None]
    assert candidates("4006381333931") == ["4006381333931", "04006381333931"]
