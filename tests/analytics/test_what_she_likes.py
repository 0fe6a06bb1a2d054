"""Affinities: worked by hand, and whatever the order of deeds and however they are batched."""

from datetime import UTC, datetime, timedelta
from math import fsum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patron.analytics.person.shopping import affinities, words_of
from patron.analytics.person.types import Deed
from patron.catalog.types import Item
from patron.segments.liking import affinity
from patron.segments.liking.affinity import Interest, band, levels, ranked, shown, together

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MONTH = affinity.HALF_LIFE


def deed(name: str, ago: timedelta, /, **properties: Any) -> Deed:
    return Deed(1, NOW - ago, name, "public", properties)


def test_interest_halves_in_thirty_days() -> None:
    """Tea: a view today (1), an order 30 days ago (9 / 2). Coffee: a cart 60 days ago (3 / 4)."""
    found = ranked(
        together(
            [
                shown(["Tea"], affinity.VIEW, NOW),
                shown(["Coffee"], affinity.CART, NOW - 2 * MONTH),
                shown(["Tea"], affinity.ORDER, NOW - MONTH),
                shown([], affinity.ORDER, NOW),  # nothing is known of it: it is nobody's share
            ]
        ),
        NOW,
    )
    assert [(one.value, one.score, one.share) for one in found] == [
        ("Tea", 5.5, 0.88),
        ("Coffee", 0.75, 0.12),
    ]
    assert [one.last for one in found] == [NOW, NOW - 2 * MONTH]
    later = ranked(together([shown(["Tea"], 1, NOW)]), NOW + 3 * MONTH)
    assert (later[0].score, later[0].share) == (0.125, 1.0)
    assert ranked(Interest(), NOW) == []


Deeds = st.lists(
    st.tuples(
        st.lists(st.sampled_from("abc"), unique=True, max_size=3),
        st.sampled_from([affinity.VIEW, affinity.CART, affinity.ORDER]),
        st.integers(0, 700 * 86_400),
    ),
    max_size=30,
)


@given(Deeds, st.randoms(use_true_random=False))
def test_neither_order_nor_batches_matter(deeds: list[Any], chance: Any) -> None:
    """Shuffled, cut into batches, and these added in a tree of any shape: as the formula says."""
    expected = {
        value: fsum(w * 2 ** (-s / 86_400 / 30) for values, w, s in deeds if value in values)
        for value in {value for values, _, _ in deeds for value in values}
    }
    whole = fsum(w * 2 ** (-s / 86_400 / 30) for values, w, s in deeds if values)
    parts = [shown(values, w, NOW - timedelta(seconds=s)) for values, w, s in deeds]
    chance.shuffle(parts)
    while len(parts) > 1:
        cut = chance.randint(0, len(parts) - 2)
        size = chance.randint(2, 5)
        parts = [together(parts[cut : cut + size]), *parts[:cut], *parts[cut + size :]]
        chance.shuffle(parts)
    found = together(parts)
    for value, fading in found.values.items():
        assert fading.then(NOW) == pytest.approx(expected.pop(value), rel=1e-9)
    assert expected == {}
    assert (0 if found.whole is None else found.whole.then(NOW)) == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        (0.99, "0.5–1 USD"), (1, "1–2 USD"), (19.99, "10–20 USD"), (20, "20–50 USD"),
        (49.99, "20–50 USD"), (50, "50–100 USD"), (100, "100–200 USD"), (1_000, "1,000–2,000 USD"),
        (2_500_000, "2,000,000–5,000,000 USD"), (0.004, "0.002–0.005 USD"), (0, None), (-5, None),
        (float("nan"), None), (float("inf"), None), (1e300, None),
    ],
)  # fmt: skip
def test_price_bands_go_in_steps_of_one_two_five(price: float, expected: str | None) -> None:
    assert band(price, "USD") == expected


@given(st.floats(1e-6, 9e8))
def test_each_price_has_one_band_around_it(price: float) -> None:
    found = band(price, "USD")
    assert found is not None
    low, high = (float(end.replace(",", "")) for end in found.removesuffix(" USD").split("–"))
    assert low <= price * (1 + 1e-5) and price * (1 - 1e-5) <= high


def test_a_category_counts_for_those_above_it() -> None:
    assert list(levels(["Tea", "Green", "Sencha"])) == [
        "Tea",
        "Tea > Green",
        "Tea > Green > Sencha",
    ]
    assert list(levels([])) == []


def test_the_event_speaks_before_the_catalog() -> None:
    items = {
        "p1": Item(
            product_id="p1", brand="Hollin", categories=["Tea"], price=1_200, currency="USD"
        ),
        "p2": Item(product_id="p2", brand="Ebner", categories=["Cups"], price=900, currency="EUR"),
    }
    deeds = [
        deed("Product Viewed", timedelta(), product_id="p1"),
        deed("Product Added", MONTH, product_id="p1", brand="Old Hollin", category="Tea > Green"),
        deed(
            "Order Completed", timedelta(), products=[{"sku": "p2"}, {"name": "no id", "price": 7}]
        ),
        deed("Viewed it", timedelta(), product_id="p1", price=6, currency="EUR"),
        deed("Cart Viewed", timedelta(), product_id="p1"),
        deed("Product Viewed", timedelta(days=-3), brand="Ahead", product_id="p3"),
    ]
    words = words_of({"viewed_product": "Viewed it"})
    found = affinities(deeds, words, items, NOW, "USD")
    assert found.half_life_days == 30
    assert [(one.value, one.score) for one in found.categories] == [
        ("Cups", 9.0), ("Tea", 3.5), ("Tea > Green", 1.5),
    ]  # fmt: skip
    assert [(one.value, one.score) for one in found.brands] == [
        ("Ebner", 9.0), ("Hollin", 2.0), ("Old Hollin", 1.5), ("Ahead", 1.0),
    ]  # fmt: skip
    # The view's and the cart's from the catalog; euros are in no band of a shop in dollars.
    assert [(one.value, one.score) for one in found.price_bands] == [
        ("5–10 USD", 9.0), ("10–20 USD", 2.5),
    ]  # fmt: skip
