"""What the demo shop calls its products.

A title is an invented house brand (it belongs to the maker, its second word to the aisle), a noun,
a variety and a size: "Hollin Farm Shredded Cheese, Mild, 8 oz". Nouns, varieties and brands come
from `names.toml` alone, so that no real brand can slip in. Titles are unique in the catalogue and
depend on the seed and the data set only.
"""

import hashlib
import random
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from patron.app.demo.source import ProductRow

FILE: Final = Path(__file__).with_name("names.toml")

_UNITS: Final = {
    "OZ": "oz",
    "OZS": "oz",
    "FL OZ": "fl oz",
    "LB": "lb",
    "LBS": "lb",
    "CT": "ct",
    "PK": "pk",
    "PC": "pc",
    "PCS": "pc",
    "PKS": "pk",
    "GAL": "gal",
    "GA": "gal",
    "GALON": "gal",
    "QT": "qt",
    "PT": "pt",
    "L": "l",
    "LT": "l",
    "ML": "ml",
    "FT": "ft",
    "SQ FT": "sq ft",
    "IN": "in",
    "LOAD": "loads",
    "LOADS": "loads",
    "LD": "loads",
    "DZ": "dozen",
    "DOZ": "dozen",
    "STEM": "stems",
    "STEMS": "stems",
}
_NUMBER = r"(\d+ \d/\d|\d+/\d|\d*\.\d+|\d+)"
_UNIT = "(" + "|".join(sorted(_UNITS, key=len, reverse=True)) + ")"
_ONE = re.compile(rf"^{_NUMBER}\s*{_UNIT}\b")
_MANY = re.compile(rf"^(\d+)\s*(?:PK|CT)?\s*[/-]\s*{_NUMBER}\s*{_UNIT}\b")
_MANY_AFTER = re.compile(rf"^{_NUMBER}\s*{_UNIT}\s*/\s*(\d+)\s*(?:PK|CT)\b")
# Fresh goods carry the size of the crate they came in ("40 LB", "88 CT"), not of what is sold.
_BY_WEIGHT: Final = {"Produce", "Meat & Seafood"}
_CRATE = re.compile(r"^((1[1-9]|[2-9]\d|\d{3,})(\.\d+)? lb|([2-9]\d|\d{3,}) ct)$")
_FRACTION = re.compile(rf"^(1/2)\s*{_UNIT}\b")


@dataclass(frozen=True)
class Kind:
    """One line of names.toml: how a product type is called, drawn and sold."""

    aisle: str
    nouns: tuple[str, ...]
    shape: str
    varieties: tuple[str, ...]
    unit: str


@dataclass(frozen=True)
class Words:
    """The whole of names.toml: `kinds` by key, `stems` and `words` (by aisle) of the brands."""

    kinds: dict[str, Kind]
    stems: tuple[str, ...]
    words: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Name:
    title: str
    brand: str
    noun: str
    variety: str
    size: str


@cache
def words() -> Words:
    """names.toml, read once; a list named in `varieties` is put in its place."""
    data: dict[str, Any] = tomllib.loads(FILE.read_text(encoding="utf-8"))
    kinds = {
        key: Kind(
            aisle,
            tuple(line["nouns"]),
            line["shape"],
            tuple(
                data["lists"][line["varieties"]]
                if isinstance(line["varieties"], str)
                else line["varieties"]
            ),
            line.get("unit", ""),
        )
        for aisle, lines in data["aisles"].items()
        for key, line in lines.items()
    }
    brands = data["brands"]
    return Words(
        kinds, tuple(brands["stems"]), {key: tuple(of) for key, of in brands["words"].items()}
    )


def kind_of(row: ProductRow) -> Kind | None:
    """The line of names.toml for a product, or None where the shop has no words for its type."""
    if row.type is None:
        return None
    short = row.type.split("(")[0].strip()
    kinds = words().kinds
    for key in (
        f"{row.category} > {row.type}",
        f"{row.department} > {row.type}",
        row.type,
        f"{row.category} > {short}",
        short,
    ):
        if (kind := kinds.get(key)) is not None:
            return kind
    return None


def size_text(text: str | None, unit: str = "") -> str:
    """A package size as a shop writes it: "10/6.75 OZ" → "10 × 6.75 oz", none → `unit`."""
    if text is None:
        return unit
    plain = re.sub(r"\s+", " ", text.strip().upper())
    plain = re.sub(r"^(L|N|B|\d{5}) (?=[\d.])", "", plain)
    if plain in _UNITS:
        return "per lb" if plain == "LB" else f"1 {_UNITS[plain]}"
    if found := _FRACTION.match(plain):
        return f"{found[1]} {_UNITS[found[2]]}"
    if found := _MANY_AFTER.match(plain):
        return f"{found[3]} × {_number(found[1])} {_UNITS[found[2]]}"
    if found := _MANY.match(plain):
        return f"{found[1]} × {_number(found[2])} {_UNITS[found[3]]}"
    if found := _ONE.match(plain):
        return f"{_number(found[1])} {_UNITS[found[2]]}"
    return unit


def _number(text: str) -> str:
    if "/" in text:
        return text
    return f"{float(text):g}"


def _draw(*parts: object) -> random.Random:
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return random.Random(int.from_bytes(digest))  # noqa: S311 – names, not secrets


def brands(pairs: Iterable[tuple[int, str]], seed: int) -> dict[tuple[int, str], tuple[str, ...]]:
    """House brands for (manufacturer id, aisle): the first its own, then two spare ones.

    A maker keeps its stem from aisle to aisle as far as no other maker was there first; the maker
    in most aisles (the shop's own label) chooses first and bears the first stem.
    """
    known = words()
    pairs = set(pairs)
    aisles = Counter(maker for maker, _ in pairs)
    own = max(aisles, key=lambda maker: (aisles[maker], -maker), default=None)
    taken: set[str] = set()
    given: dict[tuple[int, str], tuple[str, ...]] = {}
    for maker, aisle in sorted(pairs, key=lambda pair: (pair[0] != own, pair)):
        stems = list(known.stems)
        _draw(seed, maker).shuffle(stems)
        if maker == own:
            stems.sort(key=lambda stem: stem != known.stems[0])
        seconds = list(known.words[aisle])
        _draw(seed, maker, aisle).shuffle(seconds)
        choices = (f"{stem} {second}" for stem in stems for second in seconds)
        first = next((name for name in choices if name not in taken), f"{stems[0]} {seconds[0]}")
        taken.add(first)
        spare = [f"{stem} {seconds[0]}" for stem in stems if not first.startswith(stem)]
        given[maker, aisle] = (first, *spare[:2])
    return given


def titles(rows: Sequence[tuple[ProductRow, Kind]], seed: int) -> dict[int, Name]:
    """Unique names by product id.

    Products of one maker, kind and size walk through that kind's varieties in a seeded order, so
    that a shelf shows different things; a maker that has used up all nouns and varieties at one
    size sells under a spare brand.
    """
    brand_of = brands(((row.manufacturer_id, kind.aisle) for row, kind in rows), seed)
    used: set[str] = set()
    turn: dict[tuple[int, Kind], list[tuple[str, str]]] = {}
    names: dict[int, Name] = {}
    for row, kind in sorted(rows, key=lambda pair: pair[0].product_id):
        size = size_text(row.size, kind.unit)
        if kind.aisle in _BY_WEIGHT and _CRATE.match(size):
            size = kind.unit or "per lb"
        order = turn.get((row.manufacturer_id, kind))
        if order is None:
            order = [(noun, variety) for noun in kind.nouns for variety in kind.varieties]
            _draw(seed, row.manufacturer_id, kind.nouns).shuffle(order)
            turn[row.manufacturer_id, kind] = order
        name = _next_free(brand_of[row.manufacturer_id, kind.aisle], order, size, used)
        used.add(name.title)
        names[row.product_id] = name
    return names


def _next_free(
    brand_names: tuple[str, ...], order: list[tuple[str, str]], size: str, used: set[str]
) -> Name:
    for brand in brand_names:
        for at, (noun, variety) in enumerate(order):
            title = ", ".join(part for part in (f"{brand} {noun}", variety, size) if part)
            if title not in used:
                # To the back of the row: the next product of this maker gets another variety.
                order.append(order.pop(at))
                return Name(title, brand, noun, variety, size)
    raise ValueError(
        f"no free title left for {brand_names[0]} {order[0][0]} in size {size!r}; "
        "give its line in names.toml more varieties"
    )
