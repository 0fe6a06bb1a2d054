"""Bought together: counted right, popular things weighed down, models swapped whole."""

from collections import Counter
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patron.recommend import shelf, tasks
from patron.recommend.shelf import DamagedModelError, Shelf
from patron.recommend.together.fit import count
from patron.recommend.together.offer import Together
from patron.recommend.together.types import Params

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def lines_of(baskets: list[list[int]]) -> tuple[Any, Any]:
    pairs = [(b, item) for b, basket in enumerate(baskets) for item in basket]
    columns = np.array(pairs, np.int32).reshape(-1, 2)
    return columns[:, 0], columns[:, 1]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 7), max_size=6), max_size=40))
def test_counts_agree_with_counting_by_hand(baskets: list[list[int]]) -> None:
    table = count(*lines_of(baskets), items=8)
    orders = [set(basket) for basket in baskets if basket]
    single = Counter(item for basket in orders for item in basket)
    both = Counter(pair for basket in orders for pair in permutations(sorted(basket), 2))
    expected = {
        pair: (times, times * len(orders) / single[pair[0]] / single[pair[1]])
        for pair, times in both.items()
        if times >= Params().least
    }
    found = {}
    for item in range(8):
        for k in range(table.start[item], table.start[item + 1]):
            found[(item, int(table.item[k]))] = (int(table.support[k]), float(table.lift[k]))
        sure = table.sure[table.start[item] : table.start[item + 1]]
        assert list(sure) == sorted(sure, reverse=True)
    assert found.keys() == expected.keys()
    for pair, (times, lift) in expected.items():
        assert found[pair][0] == times
        assert found[pair][1] == pytest.approx(lift, rel=1e-5)


def shop(orders: int = 2_000) -> Together:
    """Product 0 is in nearly every order; 1 and 2 go together; the rest is chance."""
    draw = np.random.default_rng(7)
    baskets = []
    for _ in range(orders):
        basket = [0] if draw.random() < 0.9 else []
        if draw.random() < 0.05:
            basket += [1, 2]
        basket += list(draw.integers(3, 60, size=3))
        baskets.append(basket)
    names = [f"p{i}" for i in range(60)]
    return Together(names, count(*lines_of(baskets), items=60))


def test_what_everybody_buys_is_weighed_down() -> None:
    picks = shop().picks(["p1"], 4)
    assert [pick.product_id for pick in picks] == ["p2"]
    assert picks[0].lift > 10
    assert picks[0].because_of == "p1"
    assert shop().picks(["p1", "p2"], 4) == []
    assert shop().picks(["p1"], 4, exclude=frozenset({"p2"})) == []
    assert shop().picks(["unknown"], 4) == []


def write_lake(path: Path, orders: list[tuple[str, str, list[str]]]) -> None:
    body = [
        msgspec.json.encode(
            {"properties": {"order_id": order, "products": [{"product_id": p} for p in products]}}
        ).decode()
        for _, order, products in orders
    ]
    columns = {
        "name": ["Order Completed"] * len(orders),
        "ts": pa.array([NOW] * len(orders), pa.timestamp("us", tz="UTC")),
        "message_id": [message for message, _, _ in orders],
        "body": body,
    }
    pq.write_table(pa.table(columns), path)


def test_refresh_counts_an_order_once_and_swaps(tmp_path: Path) -> None:
    file = tmp_path / "part.parquet"
    orders = [(f"m{i}", f"o{i}", ["a", "b"]) for i in range(8)]
    orders += [(f"m{i + 100}", f"o{i}", ["a", "b"]) for i in range(8)]
    orders += [(f"n{i}", f"q{i}", ["c", f"d{i}"]) for i in range(40)]
    write_lake(file, orders)
    models = tmp_path / "models"
    fitted = tasks.refresh([str(file)], models, NOW)
    assert (fitted.orders, fitted.products) == (48, 43)
    open_shelf = Shelf(models)
    model = open_shelf.together()
    assert model is not None
    pick = model.picks(["a"], 4)[0]
    assert (pick.product_id, pick.support, pick.lift) == ("b", 8, 6.0)
    write_lake(file, orders[:4])
    tasks.refresh([str(file)], models, NOW.replace(hour=13))
    assert open_shelf.together() is not model
    assert tasks.refresh([], models, NOW).orders == 0


def test_a_damaged_model_is_refused_and_the_previous_one_stays(tmp_path: Path) -> None:
    file = tmp_path / "part.parquet"
    write_lake(file, [(f"m{i}", f"o{i}", ["a", "b"]) for i in range(8)])
    models = tmp_path / "models"
    tasks.refresh([str(file)], models, NOW)
    open_shelf = Shelf(models)
    good = open_shelf.together()
    tasks.refresh([str(file)], models, NOW.replace(hour=13))
    name = shelf.current(models)
    assert name is not None
    damaged = models / name / "lift.npy"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\xff")
    assert open_shelf.together() is good
    with pytest.raises(DamagedModelError, match=r"lift.npy is not what was written"):
        shelf.read(models / name)


def test_no_model_yet(tmp_path: Path) -> None:
    assert Shelf(tmp_path).together() is None
