"""Real dirt: two years of a gift shop's invoices, with returns, strangers and odd codes.

The data is not part of the project: PATRON_TEST_DATA names the folder that holds it.
"""

import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from conftest import House
from imports.files import counts, fingerprint, imported, previewed
from postgres_fixture import ask

DATA = Path(
    os.environ.get("PATRON_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data")
)
FILE = DATA / "online_retail_ii" / "online_retail_2009_2010.parquet"
LINES = 60_000
PRODUCT = re.compile(r"\d{5}[A-Za-z]{0,3} ?|DCGS\w+|SP1002|PADS")
SHIPPING = {"POST", "DOT", "C2"}


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    if not FILE.exists():
        reason = f"SKIPPED: {FILE} is absent; set PATRON_TEST_DATA to the folder with the data"
        print(reason)
        pytest.skip(reason)
    path = tmp_path / "online_retail.parquet"
    pq.write_table(pq.read_table(FILE).slice(0, LINES), path)
    return path


def expected(lines: list[dict[str, Any]]) -> tuple[Counter[str], int, float, float]:
    """A naive recount: odd codes, orders with something sold, what was sold and came back."""
    odd: Counter[str] = Counter()
    sold: dict[str, float] = {}
    named: set[str] = set()
    back = 0.0
    for line in lines:
        invoice, code = line["Invoice"], line["StockCode"]
        amount = line["Quantity"] * line["Price"]
        if line["Customer ID"] is not None:
            named.add(invoice)
        if not PRODUCT.fullmatch(code):
            odd[code.upper()] += 1
            if code in SHIPPING and amount < 0:
                back -= amount
        elif line["Quantity"] > 0:
            sold[invoice] = sold.get(invoice, 0) + amount
        else:
            back -= amount
    discounts = [line for line in lines if line["StockCode"] == "D"]
    back += sum(
        -line["Quantity"] * line["Price"] for line in discounts if line["Invoice"] not in sold
    )
    orders = [invoice for invoice, amount in sold.items() if amount or invoice in named]
    return odd, len(orders), sum(sold.values()), back


@pytest.mark.slow
def test_sixty_thousand_lines_become_the_orders_they_are(
    house: House, tmp_path: Path, sample: Path
) -> None:
    preview = previewed(house, tmp_path, "orders", str(sample))
    assert preview["map"]["columns"] == {
        "order_id": "Invoice", "time": "InvoiceDate", "user_id": "Customer ID",
        "product_id": "StockCode", "product_name": "Description", "quantity": "Quantity",
        "price": "Price",
    }  # fmt: skip
    outcome = imported(house, tmp_path, "orders", str(sample))
    lines = pq.read_table(sample).to_pylist()
    odd, orders, sold, back = expected(lines)
    told = {
        reason.split(": ")[0].removeprefix("code "): count
        for reason, count in outcome["left_out"].items()
        if reason.startswith("code ")
    }
    assert told == dict(odd)
    assert {"POST", "D", "M", "BANK CHARGES", "DOT", "TEST001"} <= told.keys()
    assert outcome["faults"] == 0
    strangers = "orders that name no customer (kept, each as somebody of its own)"
    assert outcome["left_out"][strangers] > 100
    log = counts(house)
    assert log["Order Completed"] == orders
    assert log["Order Completed"] + log["Order Refunded"] == outcome["events"] == outcome["new"]
    schema = house.acme.schema
    revenue, refunded = (
        float(ask(house.url, f"SELECT sum({what}) / 100.0 FROM {schema}.order_fact"))
        for what in ("revenue", "refunded")
    )
    assert revenue == pytest.approx(sold, abs=1)
    assert refunded == pytest.approx(back, abs=1)

    before = fingerprint(house)
    again = imported(house, tmp_path, "orders", str(sample), "--again")
    assert (again["new"], again["events"]) == (0, outcome["events"])
    assert again["left_out"] == outcome["left_out"]
    assert (counts(house), fingerprint(house)) == (log, before)
