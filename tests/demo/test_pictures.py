"""A product's picture is the same drawing on a page (SVG) and in a mail (PNG)."""

import io
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from patron.app.demo.art.drawing import BOARD, flatten, rounded
from patron.app.demo.art.silhouettes import SILHOUETTES
from patron.app.demo.catalogue import Catalogue, Product
from patron.app.demo.pictures import png, svg


def one_of_each(catalogue: Catalogue) -> dict[str, Product]:
    return {product.kind.shape: product for product in catalogue.shown if product.kind}


def test_every_silhouette_is_used(catalogue: Catalogue) -> None:
    assert set(one_of_each(catalogue)) == set(SILHOUETTES)
    assert len(SILHOUETTES) >= 24


def test_svg_is_well_formed_and_stays_on_its_tile(catalogue: Catalogue) -> None:
    for product in one_of_each(catalogue).values():
        root = ElementTree.fromstring(svg(product))
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert root.attrib["aria-label"] == product.title
        for path in root.iter("{http://www.w3.org/2000/svg}path"):
            for ring in flatten(path.attrib["d"]):
                assert all(0 <= x <= BOARD and 0 <= y <= BOARD for x, y in ring), product.title


def test_the_label_names_the_product(catalogue: Catalogue) -> None:
    for product in catalogue.shown[::50]:
        root = ElementTree.fromstring(svg(product))
        texts = [text.text or "" for text in root.iter("{http://www.w3.org/2000/svg}text")]
        assert texts[0] == product.brand.upper()
        assert product.noun in " ".join(texts)


@pytest.mark.parametrize("size", [64, 120, 240])
def test_png_has_its_size_and_clear_corners(catalogue: Catalogue, size: int) -> None:
    image = Image.open(io.BytesIO(png(catalogue.shown[0], size)))
    assert image.format == "PNG"
    assert image.size == (size, size)
    assert image.mode == "RGBA"
    assert image.getpixel((0, 0))[3] == 0  # type: ignore[index]
    assert image.getpixel((size // 2, size // 2))[3] == 255  # type: ignore[index]


def test_every_silhouette_can_be_painted(catalogue: Catalogue) -> None:
    for shape, product in one_of_each(catalogue).items():
        image = Image.open(io.BytesIO(png(product, 64))).convert("RGB")
        colours = image.getcolors(64 * 64)
        assert colours is not None
        assert len(colours) > 20, shape


def test_a_picture_depends_on_its_product_alone(catalogue: Catalogue) -> None:
    first, second = catalogue.shown[:2]
    assert svg(first) == svg(first)
    assert png(first, 48) == png(first, 48)
    assert svg(first) != svg(second)


@given(
    st.lists(st.tuples(st.floats(0, 200), st.floats(0, 200)), min_size=3, max_size=8, unique=True),
    st.floats(0, 40),
)
def test_rounding_never_leaves_the_polygons_box(
    points: list[tuple[float, float]], radius: float
) -> None:
    (ring,) = flatten(rounded(points, radius))
    for axis in (0, 1):
        low, high = min(point[axis] for point in points), max(point[axis] for point in points)
        assert all(low - 0.1 <= point[axis] <= high + 0.1 for point in ring)
