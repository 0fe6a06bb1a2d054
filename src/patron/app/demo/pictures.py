"""Pictures of the demo shop's products, drawn by code: a silhouette, the aisle's colours, a label.

The same drawing is written as SVG for pages and painted as PNG for mails. Each stands on a softly
tinted tile of its own, so that it looks the same on a white and on a dark page.
"""

import colorsys
import hashlib
from typing import Final

from patron.app.demo.art.drawing import Part, Shape, Text, box, ellipse, to_png, to_svg
from patron.app.demo.art.packing import Drawn, Paint
from patron.app.demo.art.silhouettes import SILHOUETTES
from patron.app.demo.catalogue import Product

_INK: Final = "#2b2f38"
_PAPER: Final = "#fffdf8"
_MILK: Final = "#f3f5f8"
# Tile and package colours of an aisle; a brand has one of the package colours for its own.
_PALETTES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "Produce": ("#eaf3e3", ("#5c9a52", "#7fae4a", "#3f8560", "#a3a844")),
    "Meat & Seafood": ("#f7e6e1", ("#b5483f", "#8f3a3d", "#c76a4f", "#4d7394")),
    "Deli": ("#f6ebdd", ("#a8603a", "#7c5a3c", "#b8893f", "#8c4a46")),
    "Dairy & Eggs": ("#e6eff8", ("#3f7fb8", "#5aa0c8", "#4c6fb0", "#e0b54a")),
    "Bakery": ("#f8eedd", ("#c98a3e", "#b06f35", "#d9a24c", "#8f5f3c")),
    "Breakfast": ("#fdf0dc", ("#e08b3a", "#d6673f", "#c9a02f", "#5f86b3")),
    "Pantry": ("#f5ece2", ("#b24a3b", "#4f7d5d", "#c98636", "#3f6a86", "#8a4d6b")),
    "Frozen": ("#e3f0f5", ("#2f7fa3", "#3f9aa8", "#5470b5", "#7a5ea8")),
    "Snacks & Sweets": ("#f9e8ec", ("#d0495f", "#e2703a", "#8b4fa0", "#d9a02e", "#3c8f8a")),
    "Drinks": ("#e2f2f1", ("#23898c", "#3a77b8", "#d0543f", "#5c9a45")),
    "Household": ("#e9edf6", ("#4668b0", "#2f93a8", "#7a63b8", "#4d9a78")),
    "Health & Beauty": ("#f5e9f2", ("#b0639a", "#6f7fc0", "#4f9f98", "#cf7f6f")),
    "Baby": ("#fcefe8", ("#e59a84", "#7fb5c9", "#a7b96a", "#d8a8c0")),
    "Pets": ("#eef0e2", ("#8a8a3a", "#b3763a", "#4f7f7a", "#a0554a")),
    "Home & Gifts": ("#f1ebf5", ("#7e5fa8", "#c06a86", "#4f84a8", "#b08a4a")),
}
_OTHER: Final = ("#eef0f3", ("#6b7480",))
# What a flavour, scent or fruit looks like; the first word found in the name wins.
_COLOURS: Final = (
    ("strawberr", "#e2485c"), ("raspberr", "#d13a6a"), ("blueberr", "#4a5fb0"),
    ("blackberr", "#4b3463"), ("cherr", "#c22f48"), ("cranberr", "#b8324c"), ("berry", "#8c4a9c"),
    ("berries", "#8c4a9c"), ("grapefruit", "#ee7c68"), ("white grape", "#b9c95c"),
    ("green grape", "#a5c653"), ("grape tomato", "#d9442f"), ("grape", "#6f4a96"),
    ("sweet potato", "#d07a3f"), ("watermelon", "#e8566a"), ("cantaloupe", "#eda55d"),
    ("melon", "#9cc66b"), ("pineapple", "#efc53f"), ("banana", "#f0cd50"), ("mango", "#f2a33a"),
    ("peach", "#f2a071"), ("nectarine", "#ec8150"), ("apricot", "#f0a050"), ("plum", "#75406f"),
    ("tangerine", "#f28a2e"), ("clementine", "#f28a2e"), ("mandarin", "#f28a2e"),
    ("orange", "#f08c2e"), ("lemon-lime", "#b9d13f"), ("lemon", "#f2d13f"), ("lime", "#8cc04a"),
    ("citrus", "#f0b73a"), ("pear", "#c3c95a"), ("granny smith", "#8fbf4d"), ("gala", "#dd6a4f"),
    ("golden", "#e2bf4f"), ("green apple", "#8fbf4d"), ("apple", "#cf4b44"), ("kiwi", "#8db14a"),
    ("avocado", "#5f7f3f"), ("coconut", "#e9ddc7"), ("tomato", "#d9442f"), ("salsa", "#d9442f"),
    ("marinara", "#c93f2c"), ("pepperoni", "#c4472f"), ("carrot", "#ec8a36"), ("corn", "#efc44a"),
    ("red onion", "#8e4468"), ("red potato", "#b5564f"), ("onion", "#d8a867"),
    ("potato", "#c79a63"), ("mushroom", "#b39a80"), ("spinach", "#4f8f4a"), ("mint", "#5bb89a"),
    ("basil", "#5d9a49"), ("herb", "#6f9f52"), ("ranch", "#8fb7a0"), ("chocolate", "#7a4a32"),
    ("fudge", "#6c3f2b"), ("cocoa", "#7a4a32"), ("mocha", "#8a5d42"), ("coffee", "#7b5338"),
    ("cola", "#8a3325"), ("root beer", "#7d4a2a"), ("caramel", "#d09a4d"), ("maple", "#b8732f"),
    ("honey", "#e5a93a"), ("vanilla", "#efdba4"), ("cream", "#efe2c2"), ("butter", "#f0d777"),
    ("cheddar", "#f0a63a"), ("cheese", "#f2bb4a"), ("swiss", "#ecd37c"), ("cinnamon", "#b96a3a"),
    ("lavender", "#9c84c8"), ("ocean", "#4fa3c8"), ("linen", "#8fb4d6"), ("pine", "#4c8a63"),
    ("red bell", "#cf3f35"), ("bell pepper", "#6aa84a"), ("cucumber", "#6f9f4f"),
    ("zucchini", "#5f8f4a"), ("tea", "#a9743f"),
    ("garlic", "#d9cfae"), ("barbecue", "#9c4128"), ("hot", "#d4482e"), ("spicy", "#d4482e"),
    ("beef", "#a1473f"), ("pork", "#d98a80"), ("chicken", "#dca860"), ("turkey", "#c99a68"),
    ("ham", "#dd8f88"), ("fish", "#6f9fb8"), ("tuna", "#6f9fb8"), ("salmon", "#ee9277"),
    ("shrimp", "#ee9a80"),
)  # fmt: skip
# Words that say little: organic strawberries are red all the same.
_VAGUE: Final = (("diet", "#b9c2cc"), ("light", "#a9c8d8"), ("organic", "#7aa85a"))
_SPARE: Final = ("#e0a83f", "#5fa7a0", "#d4714f", "#7a8fc4", "#a3b35a", "#c77a9c")


def svg(product: Product) -> str:
    """The product's picture as an SVG document with its title for screen readers."""
    return to_svg(_parts(product), product.title)


def png(product: Product, size: int) -> bytes:
    """The product's picture as a square PNG of `size` pixels (needs Pillow)."""
    return to_png(_parts(product), size)


def _parts(product: Product) -> list[Part]:
    aisle = product.categories[0]
    tint, mains = _PALETTES.get(aisle, _OTHER)
    main = mains[_pick(product.brand, len(mains))]
    accent = _accent(product, main)
    body = _MILK if "Milk" in product.noun else accent if aisle == "Drinks" else main
    paint = Paint(main, _shade(main, -0.16), _shade(main, 0.22), accent, body)
    shape = product.kind.shape if product.kind else "box"
    drawn = SILHOUETTES[shape](paint)
    ground = drawn.bottom
    return [
        Shape(box(0, 0, 200, 200, 18), tint),
        Shape(ellipse(100, ground, 74, 9), "#1f2430", 0.07),
        Shape(ellipse(100, ground, 56, 6), "#1f2430", 0.09),
        *drawn.parts,
        *_label(product, drawn, paint),
    ]


def _label(product: Product, drawn: Drawn, paint: Paint) -> list[Part]:
    x0, y0, x1, y1 = drawn.label
    middle, wide, high = (x0 + x1) / 2, x1 - x0, y1 - y0
    parts: list[Part] = [Shape(box(x0, y0, x1, y1, 5), _PAPER)]
    if drawn.tag:
        parts.append(Shape(box(x0, y0, x0 + 5, y1, 2.5), paint.accent))
    inner = wide - (16 if drawn.tag else 8)
    brand = product.brand.upper()
    brand_size = min(7.5, _fit(brand, inner, 0.68))
    band = 0.0 if drawn.tag or high < 40 or not product.variety else min(17.0, high * 0.24)
    room = high - band - brand_size - 9
    lines, size = _wrap(product.noun, inner, room)
    block = size * 1.12 * len(lines)
    y = y0 + 4 + brand_size / 2
    parts.append(Text(brand, middle, y, brand_size, paint.dark))
    first = y0 + 5 + brand_size + (room - block) / 2 + size * 0.62
    parts += [
        Text(line, middle, first + number * size * 1.12, size, _INK)
        for number, line in enumerate(lines)
    ]
    if band:
        parts.append(Shape(box(x0, y1 - band, x1, y1, 5), paint.accent))
        parts.append(Shape(box(x0, y1 - band, x1, y1 - band / 2), paint.accent))
        text_size = min(8.5, _fit(product.variety, inner, 0.56))
        ink = _INK if _lightness(paint.accent) > 0.58 else "#ffffff"
        parts.append(Text(product.variety, middle, y1 - band / 2, text_size, ink))
    return parts


def _wrap(text: str, wide: float, high: float) -> tuple[list[str], float]:
    """The text on up to three lines as large as the room allows: lines and letter size."""
    words = text.split()
    best: tuple[list[str], float] = ([text], 0.0)
    for count in range(1, min(3, len(words)) + 1):
        for lines in _splits(words, count):
            size = min(min(_fit(line, wide, 0.58) for line in lines), high / (1.12 * count), 17.0)
            if size > best[1]:
                best = (lines, size)
    return best


def _splits(words: list[str], count: int) -> list[list[str]]:
    if count == 1:
        return [[" ".join(words)]]
    return [
        [" ".join(words[:cut]), *rest]
        for cut in range(1, len(words) - count + 2)
        for rest in _splits(words[cut:], count - 1)
    ]


def _fit(text: str, wide: float, letter: float) -> float:
    """Letter size at which the text is as wide as its room; `letter` is a letter's mean width."""
    return wide / max(1.0, len(text) * letter)


def _accent(product: Product, main: str) -> str:
    """The variety's colour, else the noun's, else one that stands off the package."""
    variety, noun = product.variety.lower(), product.noun.lower()
    for text, colours in ((variety, _COLOURS), (noun, _COLOURS), (variety, _VAGUE)):
        for word, colour in colours:
            if word in text:
                return colour
    spare = [colour for colour in _SPARE if abs(_hue(colour) - _hue(main)) > 0.08]
    return spare[_pick(product.variety + product.noun, len(spare))]


def _pick(text: str, count: int) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest()) % count


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def _hue(colour: str) -> float:
    return colorsys.rgb_to_hls(*_rgb(colour))[0]


def _lightness(colour: str) -> float:
    red, green, blue = _rgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def _shade(colour: str, by: float) -> str:
    """The colour moved towards white (by > 0) or black (by < 0)."""
    goal = 1.0 if by > 0 else 0.0
    parts = (value + (goal - value) * abs(by) for value in _rgb(colour))
    return "#" + "".join(f"{round(255 * value):02x}" for value in parts)
