"""Events of shops arrive in many dialects; the log knows one."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patron.events import ecommerce
from patron.events.ecommerce import SPEC, canonical, line, lines, tidy
from patron.events.reading.dialects import GA4_NAMES, V1_NAMES

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
KNOWN_KEYS = sorted(
    {key for fields in SPEC.values() for key in fields}
    | {"items", "id", "orderId", "transaction_id", "promotion_name", "payment_type"}
)


def tidied(event: str, /, **properties: Any) -> dict[str, Any]:
    tidy(event, properties)
    return properties


# As the pages of the two specifications have them, not as our tables do.
SPEC_V2 = """
Products Searched / Product List Viewed / Product List Filtered / Promotion Viewed / Promotion
Clicked / Product Clicked / Product Viewed / Product Added / Product Removed / Cart Viewed /
Checkout Started / Checkout Step Viewed / Checkout Step Completed / Payment Info Entered / Order
Completed / Order Updated / Order Refunded / Order Cancelled / Coupon Entered / Coupon Applied /
Coupon Denied / Coupon Removed / Product Added to Wishlist / Product Removed from Wishlist /
Wishlist Product Added to Cart / Product Shared / Cart Shared / Product Reviewed
"""
SPEC_V1 = """
Viewed Product Category / Viewed Promotion / Clicked Promotion / Clicked Product / Viewed
Product / Added Product / Removed Product / Started Order / Viewed Checkout Step / Completed
Checkout Step / Completed Order / Updated Order
"""
GA4 = """
view_item_list select_item view_item add_to_cart remove_from_cart add_to_wishlist view_cart
begin_checkout add_shipping_info add_payment_info purchase refund view_promotion select_promotion
"""


def test_the_spec_has_28_events() -> None:
    assert {" ".join(name.split()) for name in SPEC_V2.split("/")} == set(SPEC)
    assert len(SPEC) == 28
    assert {" ".join(name.split()) for name in SPEC_V1.split("/")} <= set(V1_NAMES)
    assert set(GA4.split()) <= set(GA4_NAMES)


@pytest.mark.parametrize("name", SPEC)
def test_every_event_is_found_however_it_is_spelled(name: str) -> None:
    snake = name.lower().replace(" ", "_")
    assert {
        canonical(n) for n in (name, snake, name.upper(), f" {name} ", name.replace(" ", ""))
    } == {name}


@pytest.mark.parametrize(("old", "new"), V1_NAMES.items())
def test_v1_names_are_aliases(old: str, new: str) -> None:
    assert canonical(old) == canonical(old.lower()) == new
    assert new in SPEC


@pytest.mark.parametrize(("theirs", "ours"), GA4_NAMES.items())
def test_ga4_names_are_mapped(theirs: str, ours: str) -> None:
    assert canonical(theirs) == ours
    assert ours in SPEC or ours == "Page Viewed"


def test_an_event_of_the_shops_own_keeps_its_name() -> None:
    assert canonical("Gift Wrapped!") == "Gift Wrapped!"
    assert canonical("Refund") == "Refund", "GA4's bare words count only in GA4's spelling"


def test_a_ga4_purchase_becomes_an_order() -> None:
    order = tidied(
        "Order Completed",
        transaction_id=1001,
        value=41.5,
        currency="EUR",
        gift=True,
        items=[
            {
                "item_id": 7,
                "item_name": "Kettle",
                "item_brand": "Hollin",
                "item_variant": "blue",
                "index": 0,
                "price": "20,75",
                "quantity": "2",
                "affiliation": "web",
            }
        ],
    )
    assert order == {
        "value": 41.5,
        "revenue": 41.5,
        "currency": "EUR",
        "gift": True,
        "order_id": "1001",
        "products": [
            {
                "product_id": "7",
                "name": "Kettle",
                "brand": "Hollin",
                "variant": "blue",
                "position": 0,
                "price": 20.75,
                "quantity": 2,
                "affiliation": "web",
            }
        ],
    }


@pytest.mark.parametrize(
    ("name", "said", "read"),
    [
        ("Order Refunded", {"transaction_id": 7}, {"order_id": "7"}),
        ("Order Refunded", {"transaction_id": "7", "value": 3}, {"order_id": "7", "revenue": 3}),
        ("Order Completed", {"transaction_id": "a", "value": 4}, {"order_id": "a", "revenue": 4}),
        ("Order Completed", {"transaction_id": "paid-1", "order_id": "7"}, {"order_id": "7"}),
        ("Products Searched", {"search_term": "rye"}, {"query": "rye"}),
        ("Payment Info Entered", {"payment_type": "card"}, {"payment_method": "card"}),
        ("Promotion Viewed", {"promotion_name": "May", "creative_slot": "top"},
         {"name": "May", "position": "top"}),
        ("Product Viewed", {"promotion_name": "May", "name": "Rye"}, {"name": "Rye"}),
        ("Product Viewed", {"promotion_name": "May"}, {}),
    ],
)  # fmt: skip
def test_ga4s_words_are_understood_without_items(
    name: str, said: dict[str, Any], read: dict[str, Any]
) -> None:
    assert tidied(name, **said) == said | read


def test_one_ga4_item_becomes_the_product_of_the_event() -> None:
    seen = tidied("Product Viewed", currency="USD", items=[{"item_id": "k1", "price": 3}])
    assert seen == {"currency": "USD", "product_id": "k1", "price": 3}
    added = tidied("Product Added", items=[{"item_id": "a"}, {"item_id": "b"}])
    assert [one.product_id for one in lines(added)] == ["a", "b"]


def test_types_are_put_right_and_unknown_keys_stay() -> None:
    product = tidied(
        "Product Viewed", product_id=12.0, price="$1,299.00", quantity="3", color={"name": "red"}
    )
    assert product == {
        "product_id": "12",
        "price": 1299,
        "quantity": 3,
        "color": {"name": "red"},
    }
    assert tidied("Product Viewed", price="on request")["price"] == "on request"


def test_the_currency_tells_what_an_amount_in_text_is() -> None:
    told = tidied("Order Completed", currency="CLP", total="12.990", products=[{"price": "1.990"}])
    assert (told["total"], told["products"][0]["price"]) == (12990, 1990)
    cart: dict[str, Any] = {"products": [{"price": "12.990", "quantity": "1.500"}]}
    tidy("Cart Viewed", cart, "CLP")  # the shop's own
    assert cart["products"] == [{"price": 12990, "quantity": 1.5}]
    assert tidied("Product Viewed", currency="KWD", price="1,234")["price"] == 1.234
    assert tidied("Product Viewed", currency="USD", price="12.990")["price"] == 12.99


@pytest.mark.parametrize(
    ("products", "ids"),
    [
        ([{"product_id": 1}, {"productId": "2"}, {"id": 3}], ["1", "2", "3"]),
        ({"product_id": "1"}, ["1"]),
        (["a", 2], ["a", "2"]),
        ([None, True, [], "a"], ["a"]),
        ("a", ["a"]),
    ],
)
def test_products_in_any_shape(products: Any, ids: list[str]) -> None:
    cart = tidied("Cart Viewed", products=products)
    assert [one.product_id for one in lines(cart)] == ids


def test_products_may_be_told_in_camel_case() -> None:
    product = {"productId": 7, "imageUrl": "https://shop.example/7.png", "price": "3"}
    (one,) = lines(tidied("Order Completed", orderId=5, products=[product]))
    assert (one.product_id, one.image_url, one.price) == ("7", "https://shop.example/7.png", 3)


def test_a_line_is_typed() -> None:
    one = line({"product_id": "p", "price": 2.5, "quantity": 1.5, "name": 7, "brand": ""})
    assert (one.product_id, one.price, one.quantity) == ("p", 2.5, 1.5)
    assert one.name is None and one.brand is None
    assert lines({}) == []


@given(
    st.sampled_from(sorted(SPEC)),
    st.dictionaries(st.sampled_from(KNOWN_KEYS) | st.text(max_size=8), JSON, max_size=8),
)
def test_tidying_never_fails_and_does_nothing_twice(name: str, properties: dict[str, Any]) -> None:
    unknown = {k: v for k, v in properties.items() if k not in KNOWN_KEYS}
    tidy(name, properties)
    once = repr(properties)
    lines(properties)
    tidy(name, properties)
    assert repr(properties) == once
    if "items" not in once:
        assert unknown.keys() <= properties.keys()


@given(
    st.sampled_from(["Product Viewed", "Order Completed", "Promotion Viewed"]),
    st.dictionaries(st.sampled_from(KNOWN_KEYS), JSON, max_size=5),
)
def test_a_shape_that_was_met_before_is_tidied_as_if_it_were_new(
    name: str, properties: dict[str, Any]
) -> None:
    def tidied_copy() -> dict[str, Any]:
        copy = deepcopy(properties)
        tidy(name, copy)
        return copy

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ecommerce, "_tidy_shapes", set())
        patched.setattr(ecommerce, "LONGEST_SHAPE", 0)
        new = tidied_copy()
    assert repr([tidied_copy(), tidied_copy()]) == repr([new, new])
