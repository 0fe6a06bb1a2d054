"""The catalog in columns: what products say is found again, and nothing else."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from patron.catalog.watching.store import Ware
from patron.recommend.rules.types import NONE
from patron.recommend.serving.goods import columns

WHEN = datetime(2026, 3, 2, tzinfo=UTC)
WORD = st.sampled_from(["red", "Blue", "green", "äöü", ""])
SAID = st.dictionaries(
    st.sampled_from(["colour", "size", "kind"]),
    st.one_of(WORD, st.lists(WORD, max_size=3), st.integers(0, 3), st.booleans(), st.none()),
)
WARE: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    price=st.one_of(st.none(), st.integers(-5, 10_000)),
    compare_at=st.one_of(st.none(), st.integers(-5, 10_000)),
    currency=st.sampled_from(["USD", "EUR", None]),
    available=st.sampled_from([True, False, None]),
    stock=st.one_of(st.none(), st.integers(-3, 2**40)),
    brand=st.one_of(st.none(), WORD),
    categories=st.lists(WORD, max_size=2),
    margin=st.one_of(st.none(), st.floats(-1, 1)),
    shown=st.booleans(),
    attributes=SAID,
)


def ware(number: int, said: dict[str, Any]) -> Ware:
    return Ware(id=f"p{number}", title=None, image_url=None, url=None, created_at=WHEN, **said)


def texts(said: Any) -> list[str]:
    many = said if isinstance(said, list) else [said]
    said = [one for one in many if one is not None and one != ""]
    return [str(one).lower() if isinstance(one, bool) else str(one) for one in said]


@given(st.lists(st.one_of(st.none(), WARE), max_size=12))
def test_columns_say_what_the_products_say(told: list[dict[str, Any] | None]) -> None:
    wares = [None if said is None else ware(n, said) for n, said in enumerate(told)]
    goods = columns(wares, [f"p{n}" for n in range(len(told))], "USD")
    assert len(goods) == len(told)
    for number, said in enumerate(told):
        if said is None:
            assert not goods.shown[number]
            assert goods.brand.of(number) == goods.category.of(number) == []
            continue
        price = said["price"]
        known = price is not None and price > 0 and said["currency"] != "EUR"
        assert goods.price[number] == (price if known else NONE)
        assert goods.shown[number] == said["shown"]
        assert goods.brand.of(number) == texts(said["brand"])
        path = " > ".join(step for step in said["categories"] if step)
        assert goods.category.of(number) == texts(path)
        assert goods.stock[number] >= NONE
        if said["available"] is not None:
            assert goods.in_stock[number] == said["available"]
        assert np.isnan(goods.margin[number]) == (said["margin"] is None)
        for name in ("colour", "size"):
            column = goods.attributes.get(name)
            expected = texts(said["attributes"].get(name))
            assert ([] if column is None else column.of(number)) == expected
