"""Counting models again after one event in a hundred is new, beside counting them from scratch.

    python benchmarks/recommend_refresh.py [EVENTS]

Two million made-up events in a year of a shop with 20,000 products unless said otherwise, written
as a lake: page views, product views, carts, and orders with up to five lines. Both countings see
the same events and must make the same models, byte for byte. Each has a process of its own, and
what it reads is in the page cache; the database, which would tell who is who, is not asked.
"""

import asyncio
import hashlib
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from apart import apart, peak_mb
from figure import show
from patron.kit.lake import Lake
from patron.recommend import shelf
from patron.recommend.history import reading
from patron.recommend.history.kept import kept_of
from patron.recommend.history.lines import Names
from patron.recommend.history.reading import Told
from patron.recommend.serving.goods import columns
from patron.recommend.training.sources import Wares
from patron.recommend.training.train import again
from sorted_events import origin

EVENTS, NEW = 2_000_000, 0.01
PRODUCTS, GROUP, STEPS = 20_000, 50, 6
END = datetime(2026, 6, 1, tzinfo=UTC)
YEAR = 365 * 86_400
AT_ONCE = 500_000
NAMES = ["Page Viewed", "Product Viewed", "Product Added", "Order Completed"]
SHARES = [0.45, 0.46, 0.06, 0.03]
CONTEXT = (
    '"context":{"page":{"url":"https://acme.example/p","title":"A page of the shop"},'
    '"userAgent":"Mozilla/5.0 (X11; Linux x86_64)","library":{"name":"patron.js"}}}'
)
MODELS = "models"


class Took(msgspec.Struct):
    """A counting: seconds of the reading and of everything, MB at most, a digest of the models."""

    reading: float
    processor: float
    whole: float
    peak: float
    deeds: int
    new: int
    digest: str


def write(folder: Path, events: int, share: float) -> None:
    """The first `share` of all events, behind those that are there."""
    lake = Lake(str(folder / "events"))
    there = lake.position("e") or 0
    draw = np.random.default_rng(there + 1)
    people = max(events // 12, 1)
    weight = np.cumsum(draw.pareto(1.5, people) + 0.2)
    upto = round(events * share)
    while there < upto:
        count = min(AT_ONCE, upto - there)
        visits = -(-count // STEPS)
        who = np.searchsorted(weight, draw.random(visits) * weight[-1]).repeat(STEPS)[:count]
        first, last = (int(YEAR * n / events) for n in (there, there + count))
        begin = np.sort(draw.integers(first, last + 1, visits)) + int(END.timestamp()) - YEAR
        at = begin.repeat(STEPS)[:count] + np.tile(np.arange(STEPS) * 20, visits)[:count]
        group = (draw.random(visits) ** 2 * (PRODUCTS // GROUP)).astype(np.int64)
        lake.append(
            _table(draw, there, who, at, group.repeat(STEPS)[:count]), "e", there, there + count
        )
        there += count


def _table(
    draw: np.random.Generator,
    after: int,
    who: NDArray[np.int64],
    at: NDArray[np.int64],
    group: NDArray[np.int64],
) -> pa.Table:
    count = len(who)
    kind = draw.choice(len(NAMES), count, p=SHARES)
    product = group * GROUP + (draw.random(count) ** 2 * GROUP).astype(np.int64)
    bodies: list[str] = pc.binary_join_element_wise(
        pa.scalar('{"properties":{"product_id":"p'),
        pa.array(product).cast(pa.string()),
        pa.scalar('","price":19.99,"currency":"USD","category":"Boots"},' + CONTEXT),
        "",
    ).to_pylist()
    for row in np.flatnonzero(kind == 0).tolist():
        bodies[row] = '{"properties":{"url":"https://acme.example/p"},' + CONTEXT
    for row in np.flatnonzero(kind == 3).tolist():
        others = draw.integers(0, GROUP, draw.integers(1, 6)) + group[row] * GROUP
        lines = ",".join(f'{{"product_id":"p{one}","quantity":1}}' for one in others.tolist())
        order = f'"order_id":"o{after + row}","products":[{lines}]'
        bodies[row] = f'{{"properties":{{{order}}},' + CONTEXT
    known, place = np.unique(who, return_inverse=True)
    ids = [origin(number).hex() for number in known.tolist()]
    ts = pa.array(at * 1_000_000).cast(pa.timestamp("us", tz="UTC"))
    return pa.table(
        {
            "position": np.arange(after + 1, after + count + 1),
            "message_id": [f"m{after + row}" for row in range(count)],
            "name": pa.array(NAMES).take(pa.array(kind)),
            "ts": ts,
            "origin_id": pa.array(ids).take(pa.array(place)),
            "body": pa.array(bodies),
            "month": pc.strftime(ts, format="%Y-%m"),
        }
    )


def counted(folder: Path) -> Took:
    """A counting, from what is kept and the lake to models on the shelf."""
    items = sorted(f"p{number}" for number in range(PRODUCTS))
    names = Names("Product Viewed", "Product Added", "Order Completed")
    told = Told(items, {}, set(), names, epoch="e")
    wares = Wares(columns([None] * PRODUCTS, items, "USD"), [""] * PRODUCTS)
    lake = Lake(str(folder / "events"))
    kept = kept_of(lake.uri)
    began, worked = time.perf_counter(), time.process_time()
    with kept.held():
        past = asyncio.run(reading.past(lake, kept, told, _nothing, END))
    read = time.perf_counter() - began
    models = again(past, wares, None)
    written = shelf.write(folder / MODELS, items, models, END, past.position)
    whole, worked = time.perf_counter() - began, time.process_time() - worked
    peak = peak_mb()
    digest = hashlib.sha256()
    for file in sorted(written.glob("*.npy")):
        digest.update(file.name.encode() + file.read_bytes())
    return Took(read, worked, whole, peak, len(past.interactions), past.news, digest.hexdigest())


async def _nothing(said: Sequence[str]) -> dict[str, str]:
    return {}


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    with tempfile.TemporaryDirectory(prefix="refresh-") as name:
        folder = Path(name)
        apart(write, folder, events, 1 - NEW)
        apart(counted, folder)  # compiled, and kept
        apart(write, folder, events, 1.0)
        new: Took = apart(counted, folder)
        shutil.rmtree(folder / "deeds")
        scratch: Took = apart(counted, folder)
    assert new.digest == scratch.digest
    assert 0 < new.new < scratch.new
    tell(events, new, scratch)


def tell(events: int, new: Took, scratch: Took) -> None:
    note = (
        f"{events:,} events, {new.deeds:,} deeds, {new.new:,} of them new; reference: all are new"
    )
    figures: list[tuple[str, Any, Any, str]] = [
        ("refresh_reading", new.reading, scratch.reading, "s"),
        ("refresh", new.whole, scratch.whole, "s"),
        ("refresh_processor", new.processor, scratch.processor, "s"),
        ("refresh_peak", new.peak, scratch.peak, "MB"),
    ]
    for figure, value, reference, unit in figures:
        show(figure, value, unit, reference=reference, note=note)


if __name__ == "__main__":
    main()
