"""Shelves for tests of rules and ranking: small shops with all that may be missing."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from patron.recommend.rules.types import Context, Goods, Offer, Words
from patron.recommend.types import Scored

DAY = 86_400
NOW = 1_700_000_000
BRANDS = ("Acme", "Brio", "acme ")
CATEGORIES = ("Shoes > Boots", "Shoes > Boots > Winter", "Shoes > Sandals", "Tea")
COLOURS = ("red", "Blue", "42")


def words(*texts: str | None) -> Words:
    known = sorted({text for text in texts if text is not None})
    codes = [-1 if text is None else known.index(text) for text in texts]
    return Words(np.array(codes, np.int32), known)


def many_words(*texts: Sequence[str]) -> Words:
    """Several texts a product."""
    known = sorted({text for some in texts for text in some})
    codes = [known.index(text) for some in texts for text in some]
    starts = np.cumsum([0, *map(len, texts)])
    return Words(np.array(codes, np.int32), known, starts.astype(np.int64))


def goods(n: int = 4, **columns: Any) -> Goods:
    """`n` products of which nothing is known but that they are in stock and shown."""
    usual: dict[str, Any] = {
        "currency": "EUR",
        "price": np.full(n, -1),
        "compare_at": np.full(n, -1),
        "in_stock": np.ones(n, np.bool_),
        "stock": np.full(n, -1, np.int32),
        "brand": words(*[None] * n),
        "category": words(*[None] * n),
        "parent": np.full(n, -1, np.int32),
        "margin": np.full(n, np.nan, np.float32),
        "first_seen": np.full(n, -1),
        "popularity": np.zeros(n, np.float32),
        "repeat": np.full(n, np.nan, np.float32),
        "shown": np.ones(n, np.bool_),
        "kind": words(*["product"] * n),
        "numbers": {f"p{number}": number for number in range(n)},
    }
    arrays = {"price": np.int64, "compare_at": np.int64, "in_stock": np.bool_, "stock": np.int32,
              "parent": np.int32, "margin": np.float32, "first_seen": np.int64,
              "popularity": np.float32, "repeat": np.float32, "shown": np.bool_}  # fmt: skip
    made = {
        name: np.asarray(value, arrays[name]) if name in arrays else value
        for name, value in {**usual, **columns}.items()
    }
    return Goods(**made)


def moment(n: int = 4, **known: Any) -> Context:
    items = {"cart", "viewed", "bought", "excluded", "ignored", "ignored_times", "fresh"}
    made: dict[str, Any] = {
        name: np.array(value, np.int32)
        if name in items
        else np.array(value, np.int64)
        if name == "bought_at"
        else value
        for name, value in known.items()
    }
    return Context(**{"now": NOW, "n": n, **made})


def offer(items: Sequence[int], strategy: str = "together", **more: Any) -> Offer:
    """Items with falling scores."""
    scores = np.linspace(1, 0.1, len(items), dtype=np.float32)
    return Offer(strategy, Scored(np.array(items, np.int32), scores), **more)


@st.composite
def shelves(draw: st.DrawFn, most: int = 24) -> Goods:
    """Any shop, down to an empty one, whose prices may be missing, zero or negative."""
    n = draw(st.sampled_from((0, 1, 2, *range(4, most + 1))))

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=n, max_size=n))

    amounts = st.sampled_from((-1, -500, 0, 1, 999, 1999, 2000, 5000, 10**15))
    share = st.sampled_from((float("nan"), 0.0, 0.1, 0.4, 1.0))
    colours = column(st.lists(st.sampled_from(COLOURS), max_size=2, unique=True))
    return goods(
        n,
        price=column(amounts),
        compare_at=column(amounts),
        in_stock=column(st.sampled_from((True, True, True, False))),
        stock=column(st.integers(-1, 5)),
        brand=words(*column(st.sampled_from((None, *BRANDS)))),
        category=words(*column(st.sampled_from((None, *CATEGORIES)))),
        parent=column(st.integers(-1, 3)),
        margin=column(share),
        first_seen=column(st.sampled_from((-1, NOW - 400 * DAY, NOW - DAY, NOW))),
        popularity=column(share),
        repeat=column(share),
        shown=column(st.sampled_from((True, True, True, False))),
        kind=words(*column(st.sampled_from((None, "product", "guide")))),
        attributes={"Colour": many_words(*colours)},
    )


@st.composite
def moments(draw: st.DrawFn, size: int) -> Context:
    """Any visitor of a shop of `size` products; some of what she knows is not in it any more."""
    items = st.lists(st.integers(-1, size + 1), max_size=3)
    bought = draw(items)
    ignored = draw(st.lists(st.integers(-1, size + 1), unique=True, max_size=4))
    return moment(
        draw(st.sampled_from((0, 1, 4, 8, 12))),
        seed=draw(st.integers(-(2**70), 2**70)),
        product=draw(st.integers(-1, size)),
        cart=draw(items),
        cart_value=draw(st.sampled_from((-1, 0, 1500))),
        free_shipping_from=draw(st.sampled_from((-1, 3000))),
        viewed=draw(items),
        bought=bought,
        bought_at=[draw(st.sampled_from((0, NOW - 100 * DAY, NOW - DAY))) for _ in bought],
        excluded=draw(items),
        ignored=ignored,
        ignored_times=[draw(st.integers(0, 40)) for _ in ignored],
        fresh=draw(items),
        customer={"country": "LV", "segments": ["vip"], "orders": 3, "vip": True},
        params={"size": "42", "colours": ["red", "blue"], "none": ""},
    )
