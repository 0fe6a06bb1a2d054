"""What rules look at (the catalogue in columns, the moment) and what they answer."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cached_property

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.recommend.types import Scored

NONE = -1
"""Unknown amount, no word, no product."""
_NO_ITEMS: NDArray[np.int32] = np.empty(0, np.int32)
_NO_TIMES: NDArray[np.int64] = np.empty(0, np.int64)
_NO_ITEMS.flags.writeable = _NO_TIMES.flags.writeable = False

Plain = str | float | bool | Sequence[str]
"""A fact about a customer or a parameter of a request."""
PATH = " > "
"""Between the steps of a category's path: `Shoes > Boots`."""


def folded(text: str) -> str:
    """How texts are compared: without regard to case and blanks around them."""
    return text.strip().casefold()


def steps_of(path: str) -> list[str]:
    """The steps of a category's path as they are compared."""
    return [folded(step) for step in path.split(PATH.strip())]


def above(path: str) -> set[str]:
    """Every step of a path, and every path down to it."""
    steps = steps_of(path)
    return {*steps, *(PATH.join(steps[: depth + 1]) for depth in range(len(steps)))}


class Strategy(StrEnum):
    """Where an offer comes from; the first reason code of each."""

    TOGETHER = "together"
    CART = "cart"
    BUNDLE = "bundle"
    ALSO_VIEWED = "also_viewed"
    SIMILAR = "similar"
    BECAUSE_YOU_VIEWED = "because_you_viewed"
    SESSION = "session"
    FOR_YOU = "for_you"
    AGAIN = "again"
    NEXT_ORDER = "next_order"
    TRENDING = "trending"
    BEST_SELLERS = "best_sellers"
    NEW = "new"
    ON_SALE = "on_sale"
    STAR = "star"
    RECENTLY_VIEWED = "recently_viewed"
    FILLER = "filler"
    UPSELL = "upsell"
    CATEGORIES = "categories"


class Touch(StrEnum):
    """What the shopkeeper's rules did for an offer; further reason codes."""

    PINNED = "pinned"
    BOOSTED = "boosted"
    EXPLORED = "explored"
    FALLBACK = "fallback"


_FALLEN = Touch.FALLBACK.value


class Objection(StrEnum):
    """Why a product that was offered is not in the answer. The first that applies counts."""

    NO_PRODUCT = "no_product"
    TWICE = "twice"
    NOT_SHOWN = "not_shown"
    OUT_OF_STOCK = "out_of_stock"
    CURRENT = "current"
    IN_CART = "in_cart"
    EXCLUDED = "excluded"
    VIEWED = "viewed"
    BOUGHT = "bought"
    IGNORED = "ignored"
    PRICE = "price"
    FILTER = "filter"
    RELEVANCE = "relevance"
    APART = "apart"
    PARENT = "parent"
    BRAND = "brand"
    CATEGORY = "category"


class Words(msgspec.Struct, frozen=True, eq=False, dict=True):
    """A column of texts: `codes` number `words`, NONE where a product has none.

    With `starts` (int64, products + 1) a product has several: `codes[starts[i] : starts[i + 1]]`.
    """

    codes: NDArray[np.int32]
    words: Sequence[str]
    starts: NDArray[np.int64] | None = None

    @cached_property
    def by_text(self) -> dict[str, list[int]]:
        """Codes by text as it is compared; several where words differ in case only."""
        found: dict[str, list[int]] = {}
        for code, word in enumerate(self.words):
            found.setdefault(folded(word), []).append(code)
        return found

    @cached_property
    def by_end(self) -> dict[str, list[int]]:
        """Codes of paths by their last step and by the whole path."""
        found: dict[str, list[int]] = {}
        for code, word in enumerate(self.words):
            steps = steps_of(word)
            for name in {steps[-1], PATH.join(steps)}:
                found.setdefault(name, []).append(code)
        return found

    @cached_property
    def by_ancestor(self) -> dict[str, list[int]]:
        """Codes of paths by each step and by each path down to it: `boots`, `shoes > boots` and
        `shoes` all find `Shoes > Boots`."""
        found: dict[str, list[int]] = {}
        for code, word in enumerate(self.words):
            for name in above(word):
                found.setdefault(name, []).append(code)
        return found

    @cached_property
    def alike(self) -> NDArray[np.int32]:
        """For each code the first code of the same text as it is compared: `Acme` and `ACME` are
        one brand. NONE for NONE, which is the last."""
        found = np.full(len(self.words) + 1, NONE, np.int32)
        for codes in self.by_text.values():
            found[codes] = codes[0]
        return found

    @cached_property
    def kinds(self) -> NDArray[np.int32]:
        """The first text of each product, by its first code of those that are compared alike."""
        if self.starts is None:
            return np.ascontiguousarray(self.alike[self.codes])
        begin, end = self.starts[:-1], self.starts[1:]
        first = np.full(len(begin), NONE, np.int32)
        first[end > begin] = self.codes[begin[end > begin]]
        return np.ascontiguousarray(self.alike[first])

    @cached_property
    def tables(self) -> dict[tuple[str, ...], NDArray[np.bool_]]:
        """What was looked up for texts that stand in rules; whoever fills it keeps it small."""
        return {}

    @cached_property
    def numbers(self) -> NDArray[np.float64]:
        """Each word as a number, nan where it is none."""
        found = np.full(len(self.words), np.nan)
        for code, word in enumerate(self.words):
            try:
                found[code] = float(word)
            except ValueError:
                continue
        found[~np.isfinite(found)] = np.nan
        return found

    def of(self, item: int) -> list[str]:
        """The texts of one product."""
        if self.starts is None:
            codes = self.codes[item : item + 1]
        else:
            codes = self.codes[self.starts[item] : self.starts[item + 1]]
        return [self.words[code] for code in codes.tolist() if code != NONE]


class Touched:
    """The numbers of products of which something was written, one after the other, for those who
    keep what they found out. `end` counts all of them, so nobody misses one."""

    MOST = 50_000

    def __init__(self) -> None:
        self._rows: list[int] = []
        self.end = 0

    def add(self, row: int) -> None:
        if len(self._rows) >= self.MOST:
            self._rows.clear()
        self._rows.append(row)
        self.end += 1

    def since(self, seen: int) -> list[int] | None:
        """What came after the first `seen`; None where that is not remembered: anything may."""
        lost = self.end - len(self._rows)
        return None if seen < lost else self._rows[seen - lost :]


class Goods(msgspec.Struct, frozen=True, eq=False, kw_only=True, dict=True):
    """The products of a shelf in columns; position = item number. Amounts in minor units of
    `currency`.

    An item that is not in the catalogue (any more) has `shown` false. `numbers` gives the item
    number of a product id, for rules that name products.
    """

    currency: str
    price: NDArray[np.int64]  # NONE: unknown
    compare_at: NDArray[np.int64]  # NONE: unknown or none
    in_stock: NDArray[np.bool_]
    stock: NDArray[np.int32]  # pieces, NONE: unknown
    brand: Words
    category: Words  # words are whole paths: "Shoes > Boots"
    parent: NDArray[np.int32]  # the same number for variants of one product, NONE: on its own
    margin: NDArray[np.float32]  # share of the price, nan: unknown
    first_seen: NDArray[np.int64]  # seconds since 1970, NONE: unknown
    popularity: NDArray[np.float32]  # any scale from 0; rules see it as share of the greatest
    repeat: NDArray[np.float32]  # share of its buyers who buy it again, nan: unknown
    shown: NDArray[np.bool_]  # false: counts in training, is never offered
    kind: Words  # "product", or of content: "guide", "post", "review" …
    attributes: Mapping[str, Words] = {}
    numbers: Mapping[str, int] = {}

    def __len__(self) -> int:
        return len(self.price)

    @cached_property
    def greatest_popularity(self) -> float:
        known = self.popularity[np.isfinite(self.popularity)]
        return float(known.max()) if len(known) else 0.0

    @cached_property
    def touched(self) -> Touched:
        """Is to be told of whatever is written into the columns."""
        return Touched()

    @cached_property
    def named(self) -> Mapping[str, Words]:
        """Attributes by their name as it is compared."""
        return {folded(name): words for name, words in self.attributes.items()}


class Context(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """One moment of one visitor. Items outside the catalogue's columns are passed over.

    `params` come with the request and may be anybody's: they are data, never an expression.
    `fresh` are new products that may be shown to be tried; `ignored` were shown `ignored_times`
    times without a click.
    """

    now: float  # seconds since 1970, UTC
    n: int
    seed: int = 0
    product: int = NONE  # the one looked at
    cart: NDArray[np.int32] = _NO_ITEMS
    cart_value: int = NONE  # minor units
    free_shipping_from: int = NONE  # minor units, NONE: the shop has not said
    viewed: NDArray[np.int32] = _NO_ITEMS  # oldest first
    bought: NDArray[np.int32] = _NO_ITEMS
    bought_at: NDArray[np.int64] = _NO_TIMES  # last time, seconds since 1970
    excluded: NDArray[np.int32] = _NO_ITEMS
    ignored: NDArray[np.int32] = _NO_ITEMS
    ignored_times: NDArray[np.int32] = _NO_ITEMS
    fresh: NDArray[np.int32] = _NO_ITEMS
    customer: Mapping[str, Plain] = {}
    params: Mapping[str, Plain] = {}


class Offer(msgspec.Struct, frozen=True, eq=False):
    """What one strategy of the chain proposes; `because` is the product that speaks for each, NONE
    where none does."""

    strategy: str
    scored: Scored
    because: NDArray[np.int32] | None = None
    is_fallback: bool = False


class Ranked(msgspec.Struct, frozen=True, eq=False):
    """The answer, in order: scores after boosts, reason codes (first that of the strategy), the
    product that speaks for each (NONE: none), and how many each rule kept out.

    `dropped` is keyed by objection, of filters with their place: `filter[0]`, `apart[1]`.
    """

    items: NDArray[np.int32]
    scores: NDArray[np.float32]
    reasons: list[list[str]]
    because: NDArray[np.int32]
    dropped: dict[str, int]

    @property
    def fallback_share(self) -> float:
        """Which part of the answer comes from a fallback; 0 of an empty one."""
        fallen = sum([_FALLEN in codes for codes in self.reasons])
        return fallen / len(self.reasons) if self.reasons else 0.0
