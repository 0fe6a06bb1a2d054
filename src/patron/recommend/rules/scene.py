"""The columns a rule sees for the products in question, and what is known of the moment.

Numbers are float64 with nan for what is missing; amounts in major units of the shop's currency, so
that `price < 20` says what it seems to: amounts below 2^53 minor units divide to the very number
that the text of a rule reads as.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from patron.kit.money import exponent
from patron.recommend.rules.types import NONE, Context, Goods, Plain, Words

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Value = Floats | np.float64
Rows = NDArray[np.int32] | slice
Pair = tuple[Bools | bool, Bools | bool]
"""Where something holds and where it does not; neither where that is not known."""
MISSING = np.float64(math.nan)
_DAY = 86_400
_MOST_VALUES = 1_000
_LONGEST_VALUE = 1_000


class Scene:
    """Products `rows` (all of `goods` without) at one moment. Columns are made once and kept."""

    def __init__(
        self, goods: Goods, context: Context, rows: NDArray[np.int32] | None = None
    ) -> None:
        self.goods, self.context = goods, context
        self.rows: Rows = slice(None) if rows is None else rows
        self.size = len(goods) if rows is None else len(rows)
        self._numbers: dict[str, Floats] = {}
        self._current = slice(max(context.product, 0), max(context.product, 0) + 1)
        self.has_current = 0 <= context.product < len(goods)

    def number(self, what: str) -> Floats:
        found = self._numbers.get(what)
        if found is None:
            found = self._numbers[what] = number(self.goods, self.context.now, what, self.rows)
        return found

    def items(self) -> NDArray[np.int32]:
        """Numbers of the products in question."""
        if isinstance(self.rows, slice):
            return np.arange(self.size, dtype=np.int32)
        return self.rows

    def truth(self, what: str) -> Bools:
        return truth(self.goods, what, self.rows)

    def current_number(self, what: str) -> np.float64:
        if not self.has_current:
            return MISSING
        found: np.float64 = number(self.goods, self.context.now, what, self._current)[0]
        return found

    def current_truth(self, what: str) -> bool | None:
        return bool(truth(self.goods, what, self._current)[0]) if self.has_current else None

    def current_texts(self, what: str, key: str) -> list[str]:
        words = column(self.goods, what, key) if self.has_current else None
        return words.of(self.context.product) if words is not None else []

    def moment(self, what: str) -> np.float64:
        """A number about the moment."""
        context, goods = self.context, self.goods
        match what:
            case "context.cart_size":
                return np.float64(len(context.cart))
            case "context.cart_value":
                return _major(context.cart_value, goods.currency)
            case _:
                value = _major(context.cart_value, goods.currency)
                wanted = _major(context.free_shipping_from, goods.currency)
                # An unknown cart is not an empty one: nothing is said to be lacking.
                return np.float64(max(wanted - value, 0.0)) if wanted == wanted else MISSING

    def around(self, what: str) -> list[str]:
        """Brands or categories of the cart or the visit."""
        _, where, which = what.split(".")
        items = self.context.cart if where == "cart" else self.context.viewed
        words = self.goods.brand if which == "brands" else self.goods.category
        size = len(self.goods)
        found = (words.of(item) for item in items.tolist() if 0 <= item < size)
        return list(dict.fromkeys(text for texts in found for text in texts))

    def fact(self, what: str, key: str) -> Plain | None:
        return (self.context.customer if what == "customer" else self.context.params).get(key)


def number(goods: Goods, now: float, what: str, rows: Rows) -> Floats:
    """A column of numbers, nan where it is not known."""
    match what:
        case "price":
            return _amounts(goods.price[rows], goods.currency)
        case "compare_at":
            return _amounts(goods.compare_at[rows], goods.currency)
        case "discount":
            return _discount(goods.price[rows], goods.compare_at[rows])
        case "stock":
            return _known(goods.stock[rows])
        case "age":
            return (now - _known(goods.first_seen[rows])) / _DAY
        case "popularity":
            found = goods.popularity[rows].astype(np.float64)
            greatest = goods.greatest_popularity
            return found / greatest if greatest > 0 else np.where(np.isnan(found), np.nan, 0.0)
        case "margin":
            return _finite(goods.margin[rows])
        case "bought_again":
            return _finite(goods.repeat[rows])
    raise LookupError(f"no column of numbers is called {what!r}")


def truth(goods: Goods, what: str, rows: Rows) -> Bools:
    if what == "in_stock":
        # Never the shelf's own column, which changes and which whoever asks might change.
        return np.array(goods.in_stock[rows])
    price = goods.price[rows]
    found: Bools = (price >= 0) & (goods.compare_at[rows] > price)
    return found


def column(goods: Goods, what: str, key: str = "") -> Words | None:
    """A column of texts; None for an attribute that no product has."""
    match what:
        case "brand":
            return goods.brand
        case "category":
            return goods.category
        case "kind":
            return goods.kind
    return goods.named.get(key)


def first_codes(words: Words, rows: Rows) -> NDArray[np.int32]:
    """The code of each product's only or first text, NONE where it has none."""
    if words.starts is None:
        return words.codes[rows]
    begin, end = words.starts[:-1][rows], words.starts[1:][rows]
    found = np.full(len(begin), NONE, np.int32)
    some = end > begin
    found[some] = words.codes[begin[some]]
    return found


def has_code(words: Words, rows: Rows, wanted: Bools) -> Bools:
    """Which products have a text that is `wanted` (bool by code, and False for NONE at its end)."""
    if words.starts is None:
        return wanted[words.codes[rows]]
    owner, codes = _spread(words, words.starts, rows)
    found = np.zeros(len(words.starts[:-1][rows]), np.bool_)
    found[owner[wanted[codes]]] = True
    return found


def used_codes(words: Words, rows: Rows) -> list[int]:
    """Every code that a product in question has."""
    if words.starts is None:
        codes = words.codes[rows]
    else:
        _, codes = _spread(words, words.starts, rows)
    found: list[int] = np.unique(codes[codes >= 0]).tolist()
    return found


def _spread(
    words: Words, starts: NDArray[np.int64], rows: Rows
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """All texts of the products in question: which of them has it, and its code."""
    begin, end = starts[:-1][rows], starts[1:][rows]
    many = end - begin
    owner = np.repeat(np.arange(len(begin)), many)
    offset = np.arange(len(owner)) - np.repeat(np.cumsum(many) - many, many)
    return owner, words.codes[np.repeat(begin, many) + offset]


def is_among(items: NDArray[np.int32], there: NDArray[np.int32]) -> Bools:
    """Which items are there. A few comparisons are quicker than sorting, which `np.isin` does."""
    if len(there) > 8:
        return np.isin(items, there)
    found = np.zeros(len(items), np.bool_)
    for one in there.tolist():
        found |= items == one
    return found


def as_number(fact: Plain | None) -> np.float64:
    """A fact as a number: also the text of one; nan for everything else."""
    if not isinstance(fact, str | int | float) or fact is True or fact is False:
        return MISSING
    try:
        found = np.float64(fact)
    except (ValueError, OverflowError):
        return MISSING
    return found if np.isfinite(found) else MISSING


def as_texts(fact: Plain | None) -> list[str]:
    """A fact as texts to compare: of a list at most a thousand, each cut to a thousand signs."""
    if not isinstance(fact, str | int | float | Sequence):
        return []
    if isinstance(fact, bool):
        return ["true" if fact else "false"]
    if isinstance(fact, int | float):
        whole = isinstance(fact, float) and fact.is_integer() and abs(fact) < 1e15
        return [str(int(fact) if whole else fact)]
    many: Sequence[str] = [fact] if isinstance(fact, str) else list(fact)[:_MOST_VALUES]
    return [str(one)[:_LONGEST_VALUE] for one in many]


def _amounts(minor: NDArray[np.int64], currency: str) -> Floats:
    return np.where(minor >= 0, minor, np.nan) / 10.0 ** exponent(currency)


def _major(minor: int, currency: str) -> np.float64:
    return np.float64(minor / 10 ** exponent(currency)) if minor >= 0 else MISSING


def _known(whole: NDArray[np.int32] | NDArray[np.int64]) -> Floats:
    return np.where(whole >= 0, whole, np.nan)


def _finite(found: NDArray[np.float32]) -> Floats:
    # The float32 nearest to 0.4 is another number, and `margin = 0.4` is meant to hold for it.
    exact = np.round(found.astype(np.float64), 6)
    return np.where(np.isfinite(exact), exact, np.nan)


def _discount(price: NDArray[np.int64], before: NDArray[np.int64]) -> Floats:
    reduced = (before > price) & (before > 0)
    share = (before - price) / np.where(reduced, before, 1)
    return np.where(price < 0, np.nan, np.where(reduced, share, 0.0))
