"""A visitor reads the demo shop's shelves: names of our own, unique, priced."""

import re
import statistics
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patron.app.demo.art.silhouettes import SILHOUETTES
from patron.app.demo.catalogue import _RECENT_LINES, SHOWN_FROM, Catalogue, open_catalogue
from patron.app.demo.names import size_text, words
from patron.app.demo.source import KEPT, REASONS
from patron.app.demo.stage.loading import _offered

SIZE = re.compile(
    r"(\d+ × )?(\d+(\.\d+)?|\d+ \d/\d|\d/\d) "
    r"(oz|fl oz|lb|ct|pk|pc|gal|qt|pt|l|ml|ft|sq ft|in|loads|dozen|stems)|per lb|each|bunch"
)
# Whole words a shopper would take for somebody's trade mark.
_BRANDS = """
kraft heinz pepsi coke sprite fanta nestle hershey lays doritos pringles cheerios kellogg oreo
nabisco ritz cheez clorox lysol bounty charmin huggies pampers gerber purina pedigree friskies alpo
iams whiskas tropicana gatorade powerade snapple campbell progresso stouffer cuisine tyson hormel
yoplait dannon breyers digiorno tombstone totino eggo velveeta philadelphia hellmann wishbone prego
ragu skippy jif smucker crisco wesson crocker duncan hines pillsbury quaker folgers maxwell velcro
kleenex ziploc hefty glad windex febreze downy cascade dove crest colgate listerine budweiser
"""
BRANDS = set(_BRANDS.split())


def test_about_nine_thousand_products_of_six_hundred_types_are_shown(catalogue: Catalogue) -> None:
    shown = catalogue.shown
    assert 9_000 <= len(shown) <= 9_600
    assert 580 <= len(words().kinds) <= 660
    assert all(product.sold >= SHOWN_FROM == 30 for product in shown)
    lines = len(catalogue.source.lines.basket)
    assert 0.72 <= sum(product.sold for product in shown) / lines <= 0.77


def test_titles_are_unique_in_the_whole_catalogue(catalogue: Catalogue) -> None:
    titles = Counter(product.title for product in catalogue.products if product)
    assert [title for title, count in titles.items() if count > 1] == []


def test_titles_use_only_our_own_words(catalogue: Catalogue) -> None:
    known = words()
    brands = {f"{stem} {second}" for stem in known.stems for of in known.words.values()
              for second in of}  # fmt: skip
    for product in catalogue.shown:
        assert product.kind is not None
        assert product.brand in brands
        assert product.noun in product.kind.nouns
        assert product.variety in product.kind.varieties
        parts = [f"{product.brand} {product.noun}", product.variety]
        assert product.title == ", ".join([*parts, product.size] if product.size else parts)
        assert product.size == "" or SIZE.fullmatch(product.size), product.size


def test_no_word_of_ours_is_a_known_brand() -> None:
    kinds = words().kinds.values()
    ours = " ".join(
        [*words().stems, *(text for kind in kinds for text in (*kind.nouns, *kind.varieties))]
    ).lower()
    used = set(re.findall(r"[a-z]+", ours))
    assert used & BRANDS == set()


def test_no_title_stammers(catalogue: Catalogue) -> None:
    for product in catalogue.shown:
        spoken = product.title.lower().replace(",", "").split()
        assert all(a != b for a, b in pairwise(spoken)), product.title


def test_names_are_stable_for_a_seed(catalogue: Catalogue) -> None:
    again = open_catalogue(catalogue.seed, catalogue.source)
    assert again.products == catalogue.products
    other = open_catalogue(catalogue.seed + 1, catalogue.source)
    same = sum(
        a.title == b.title for a, b in zip(catalogue.shown, other.shown, strict=True)
    )  # fmt: skip
    assert same < len(other.shown) / 20


def test_prices_margins_and_stock_make_sense(catalogue: Catalogue) -> None:
    for product in catalogue.shown:
        assert product.price > 0
        assert product.compare_at is None or product.compare_at > product.price
        assert 0.1 < product.margin < 0.7
        assert product.availability == ("in_stock" if product.stock else "out_of_stock")
        assert _offered(product, "http://shop").attributes == {"generated": True}
    out = sum(product.stock == 0 for product in catalogue.shown)
    assert 0.015 < out / len(catalogue.shown) < 0.04


def test_a_price_is_the_median_of_what_was_paid_lately(catalogue: Catalogue) -> None:
    lines = catalogue.source.lines
    marked_down = 0
    for at, product in list(enumerate(catalogue.products))[:40_000:400]:
        rows = np.flatnonzero((lines.product == at) & (lines.reason == KEPT) & (lines.cents > 0))
        if product is None or len(rows) == 0:
            continue
        rows = rows[np.argsort(lines.local[rows], kind="stable")][-_RECENT_LINES:]
        paid = statistics.median(lines.cents[rows] / lines.quantity[rows])
        full = statistics.median((lines.cents[rows] + lines.discount[rows]) / lines.quantity[rows])
        assert abs(product.price - paid) <= 0.5 or product.price == 1
        if product.compare_at is not None:
            assert abs(product.compare_at - full) <= 0.5
            marked_down += 1
        assert product.image_url == f"/pictures/{product.product_id}.png"  # mails show no SVG
    assert marked_down > 10


def test_hidden_products_carry_no_words_of_the_data_set(catalogue: Catalogue) -> None:
    for product in catalogue.products:
        if product is not None and not product.shown:
            assert re.fullmatch(rf"[\w&'% -]+, No\. {product.product_id}", product.title)


def test_every_kind_has_a_silhouette_and_distinct_varieties() -> None:
    for key, kind in words().kinds.items():
        assert kind.shape in SILHOUETTES, key
        assert kind.nouns, key
        assert kind.varieties, key
        assert len(set(kind.varieties)) == len(kind.varieties), key
        assert kind.aisle in words().words, key


def test_lines_are_left_out_for_a_closed_list_of_reasons(catalogue: Catalogue) -> None:
    assert int(catalogue.source.lines.reason.max()) < len(REASONS)


@pytest.mark.parametrize(
    ("raw", "unit", "shop"),
    [
        ("16 OZ", "", "16 oz"),
        ("14.0 OZ", "", "14 oz"),
        (".75 OZ", "", "0.75 oz"),
        ("10/6.75 OZ", "", "10 × 6.75 oz"),
        ("12 PK/12 OZ", "", "12 × 12 oz"),
        ("16.9 OZ/6 PK", "", "6 × 16.9 oz"),
        ("4/4 OZ", "", "4 × 4 oz"),
        ("1/2 GAL", "", "1/2 gal"),
        ("8 7/8 OZ", "", "8 7/8 oz"),
        ("L    16 OZ", "", "16 oz"),
        ("PT", "", "1 pt"),
        ("32 LD", "", "32 loads"),
        ("2 L BTL", "", "2 l"),
        ("LB", "", "per lb"),
        (None, "per lb", "per lb"),
        ("nonsense", "each", "each"),
    ],
)
def test_sizes_read_as_a_shop_writes_them(raw: str | None, unit: str, shop: str) -> None:
    assert size_text(raw, unit) == shop


@given(st.text(max_size=20))
def test_no_size_breaks_the_reader(raw: str) -> None:
    assert "\n" not in size_text(raw, "")
