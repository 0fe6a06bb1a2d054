"""Flat pictures from one description: written as SVG or painted as PNG.

A picture is a list of parts on a 200 × 200 board. Paths use the absolute commands M, L, Q, C and Z
of SVG with numbers separated by spaces. A shaded part gets light from the left.
"""

import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont, ImageFont

BOARD: Final = 200
_OVERSAMPLING: Final = 3
_STEPS: Final = 10
# Light over the width of a shaded part: (place, lightness, opacity).
_LIGHT: Final = (
    (0.00, 0, 0.10),
    (0.10, 255, 0.02),
    (0.22, 255, 0.26),
    (0.40, 255, 0.00),
    (0.68, 0, 0.00),
    (1.00, 0, 0.20),
)
_FONTS: Final = "'Avenir Next','Segoe UI','Helvetica Neue',Arial,sans-serif"

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Shape:
    path: str
    fill: str
    opacity: float = 1.0
    shade: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text centred on (x, y); `size` is the height of its letters' box."""

    text: str
    x: float
    y: float
    size: float
    fill: str


Part = Shape | Text


def rounded(points: Sequence[Point], radius: float | Sequence[float]) -> str:
    """A closed path through the points with rounded corners; one radius, or one a corner."""
    count = len(points)
    radii = [radius] * count if isinstance(radius, int | float) else list(radius)
    out: list[str] = []
    for at, (x, y) in enumerate(points):
        entry = _towards((x, y), points[at - 1], radii[at])
        leave = _towards((x, y), points[(at + 1) % count], radii[at])
        out.append(f"{'L' if out else 'M'} {entry[0]:.1f} {entry[1]:.1f}")
        if radii[at]:
            out.append(f"Q {x:.1f} {y:.1f} {leave[0]:.1f} {leave[1]:.1f}")
    return " ".join(out) + " Z"


def _towards(start: Point, to: Point, distance: float) -> Point:
    dx, dy = to[0] - start[0], to[1] - start[1]
    length = (dx * dx + dy * dy) ** 0.5 or 1.0
    part = min(distance, length / 2) / length
    return start[0] + dx * part, start[1] + dy * part


def box(x0: float, y0: float, x1: float, y1: float, radius: float = 0) -> str:
    return rounded(((x0, y0), (x1, y0), (x1, y1), (x0, y1)), radius)


def lathe(profile: Sequence[Point], radius: float | Sequence[float], centre: float = 100) -> str:
    """A body of revolution: (half width, y) pairs from top to bottom, mirrored at `centre`."""
    right = [(centre + half, y) for half, y in profile]
    left = [(centre - half, y) for half, y in reversed(profile)]
    radii = radius if isinstance(radius, int | float) else [*radius, *reversed(list(radius))]
    return rounded([*right, *left], radii)


def ellipse(x: float, y: float, rx: float, ry: float) -> str:
    kx, ky = rx * 0.5523, ry * 0.5523
    return (
        f"M {x - rx:.1f} {y:.1f} "
        f"C {x - rx:.1f} {y - ky:.1f} {x - kx:.1f} {y - ry:.1f} {x:.1f} {y - ry:.1f} "
        f"C {x + kx:.1f} {y - ry:.1f} {x + rx:.1f} {y - ky:.1f} {x + rx:.1f} {y:.1f} "
        f"C {x + rx:.1f} {y + ky:.1f} {x + kx:.1f} {y + ry:.1f} {x:.1f} {y + ry:.1f} "
        f"C {x - kx:.1f} {y + ry:.1f} {x - rx:.1f} {y + ky:.1f} {x - rx:.1f} {y:.1f} Z"
    )


def to_svg(parts: Sequence[Part], title: str) -> str:
    """The picture as an SVG document that scales to its place."""
    body: list[str] = []
    for part in parts:
        if isinstance(part, Text):
            body.append(
                f'<text x="{part.x:.1f}" y="{part.y + part.size * 0.35:.1f}" '
                f'font-size="{part.size:.1f}" fill="{part.fill}">{escape(part.text)}</text>'
            )
            continue
        opacity = "" if part.opacity == 1 else f' fill-opacity="{part.opacity:g}"'
        body.append(f'<path d="{part.path}" fill="{part.fill}"{opacity}/>')
        if part.shade:
            body.append(f'<path d="{part.path}" fill="url(#light)"/>')
    stops = "".join(
        f'<stop offset="{place:g}" stop-color="{"#fff" if light else "#000"}" '
        f'stop-opacity="{opacity:g}"/>'
        for place, light, opacity in _LIGHT
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {BOARD} {BOARD}" role="img" '
        f"aria-label={quoteattr(title)}>"
        f'<defs><linearGradient id="light">{stops}</linearGradient></defs>'
        f'<g font-family="{_FONTS}" font-weight="600" text-anchor="middle">'
        f"{''.join(body)}</g></svg>"
    )


def to_png(parts: Sequence[Part], size: int) -> bytes:
    """The picture as a `size` × `size` PNG with transparent corners, painted larger and reduced."""
    from PIL import Image, ImageChops, ImageDraw

    wide = size * _OVERSAMPLING
    scale = wide / BOARD
    board = Image.new("RGB", (wide, wide), "#ffffff")
    alpha = Image.new("L", (wide, wide), 0)
    for number, part in enumerate(parts):
        if isinstance(part, Text):
            font = _font(max(1, round(part.size * scale)))
            ImageDraw.Draw(board).text(
                (part.x * scale, part.y * scale),
                _plain(part.text),
                font=font,
                fill=part.fill,
                anchor="mm",
                stroke_width=max(1, round(part.size * scale / 40)),
                stroke_fill=part.fill,
            )
            continue
        points = [[(x * scale, y * scale) for x, y in ring] for ring in flatten(part.path)]
        xs = [x for ring in points for x, _ in ring]
        ys = [y for ring in points for _, y in ring]
        left, top = max(0, int(min(xs))), max(0, int(min(ys)))
        right, bottom = min(wide, int(max(xs)) + 2), min(wide, int(max(ys)) + 2)
        mask = Image.new("L", (right - left, bottom - top), 0)
        for ring in points:
            ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in ring], fill=255)
        if number == 0:
            alpha.paste(mask, (left, top))
        veil = mask if part.opacity == 1 else mask.point(lambda v, o=part.opacity: round(v * o))
        board.paste(part.fill, (left, top), veil)
        if part.shade:
            for light in (0, 255):
                strip = _light(light, mask.width).resize(mask.size)
                tone = (light, light, light)
                board.paste(tone, (left, top), ImageChops.multiply(mask, strip))
    board.putalpha(alpha)
    out = io.BytesIO()
    board.resize((size, size), Image.Resampling.LANCZOS).save(out, "PNG", optimize=False)
    return out.getvalue()


def _plain(text: str) -> str:
    """The text without accents: Pillow's own font has no letters with them."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def flatten(path: str) -> list[list[Point]]:
    """A path as polygons: curves become short lines."""
    rings: list[list[Point]] = []
    words = iter(path.split())
    for word in words:
        if word == "Z":
            continue
        pairs = {"M": 1, "L": 1, "Q": 2, "C": 3}[word]
        points = [(float(next(words)), float(next(words))) for _ in range(pairs)]
        if word == "M":
            rings.append([points[0]])
        elif word == "L":
            rings[-1].append(points[0])
        else:
            curve = [rings[-1][-1], *points]
            rings[-1].extend(_on_curve(curve, step / _STEPS) for step in range(1, _STEPS + 1))
    return rings


def _on_curve(points: Sequence[Point], share: float) -> Point:
    """De Casteljau's construction."""
    while len(points) > 1:
        points = [
            (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share)
            for a, b in pairwise(points)
        ]
    return points[0]


@lru_cache(maxsize=256)
def _light(light: int, width: int) -> "Image":
    """Opacity of the black or white light over a width, as a one pixel high strip."""
    from PIL import Image

    strip = Image.new("L", (width, 1))
    values = []
    for pixel in range(width):
        place = pixel / max(1, width - 1)
        for (p0, l0, o0), (p1, l1, o1) in pairwise(_LIGHT):
            if p0 <= place <= p1:
                share = (place - p0) / (p1 - p0)
                start, end = o0 if l0 == light else 0.0, o1 if l1 == light else 0.0
                values.append(round(255 * (start + (end - start) * share)))
                break
    strip.putdata(values)
    return strip


@lru_cache(maxsize=64)
def _font(pixels: int) -> "FreeTypeFont | ImageFont":
    from PIL import ImageFont

    return ImageFont.load_default(pixels)
