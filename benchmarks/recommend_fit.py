"""Seconds and memory in which indexes of recommendations are built, each in a process of its own.

    python benchmarks/recommend_fit.py [CLICKS] [PRODUCTS]

64 million made-up clicks on a million products unless said otherwise; they take 1.6 GB of disk. The
last part is a catalog of as many products of which next to nothing happened.
Each part is a function that shows its figures; a part more is an entry more in `PARTS`.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from all_indexes import all_indexes
from apart import apart, peak_mb
from clicks import Size, read, write
from figure import show
from large_catalog import large_catalog
from patron.recommend.session.fit import fit
from patron.recommend.session.index import Index, Params

CLICKS, PRODUCTS = 64_000_000, 1_000_000


def visits(size: Size) -> None:
    """The index of what comes next in a visit, from a history that is mapped."""
    with tempfile.TemporaryDirectory(prefix="clicks-") as folder:
        apart(write, Path(folder), size)
        apart(_compile)
        seconds, peak, arrays, kept = apart(_visits, Path(folder), size)
    note = f"{size.clicks:,} clicks, {size.visits:,} visits, {size.products:,} products"
    show("session_fit", seconds, "s", note=f"{note}; bar 60 s; {kept:,} visits are kept")
    show("session_fit_peak", peak, "MB", note=f"mapped history included; index {arrays:,.0f} MB")


def _compile() -> None:
    """Machine code is made at installation, not at each fit."""
    with tempfile.TemporaryDirectory(prefix="clicks-") as folder:
        small = Size(1_000, 100)
        write(Path(folder), small)
        fit(read(Path(folder), small), Params())


def _visits(folder: Path, size: Size) -> tuple[float, float, float, int]:
    """(seconds, MB at most, MB of the index, visits in it)."""
    began = time.perf_counter()
    index = fit(read(folder, size), Params())
    seconds = time.perf_counter() - began
    return seconds, peak_mb(), megabytes(index), len(index.session_start) - 1


def megabytes(index: Index) -> float:
    columns = (getattr(index, name) for name in index.__struct_fields__)
    return sum(column.nbytes for column in columns if isinstance(column, np.ndarray)) / 1e6


def catalogs(size: Size) -> None:
    large_catalog(size.products)


PARTS: tuple[Callable[[Size], None], ...] = (visits, all_indexes, catalogs)


def main() -> None:
    asked = [int(number) for number in sys.argv[1:]]
    size = Size(*(asked + [CLICKS, PRODUCTS][len(asked) :]))
    for part in PARTS:
        part(size)


if __name__ == "__main__":
    main()
