"""A shop with a million products of which nobody knows anything yet: ten events in all."""

import gc
import re
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np

from apart import apart, peak_mb
from figure import show
from patron.catalog.watching.store import Ware
from patron.kit.clock import SystemClock
from patron.recommend import shelf
from patron.recommend.history.reading import Past
from patron.recommend.serving.goods import columns
from patron.recommend.serving.opened import opened
from patron.recommend.training.sources import Wares
from patron.recommend.training.train import again
from patron.recommend.types import Interactions

CREATED = datetime(2026, 1, 1, tzinfo=UTC)


def catalog(products: int) -> Iterator[Ware]:
    """Products as a feed tells of them, with a price, a brand, a category and two attributes."""
    for n in range(products):
        yield Ware(
            id=f"p{n:07}",
            title=f"Thing {n % 977} of kind {n % 331}, number {n}",
            price=100 + n * 37 % 9_900,
            compare_at=None,
            currency="USD",
            available=True,
            stock=n % 50,
            brand=f"B{n % 3_000}",
            categories=[f"C{n % 30}", f"D{n % 900}"],
            image_url=f"https://acme.example/i/{n}.jpg",
            url=f"https://acme.example/p/{n}",
            attributes={"colour": f"c{n % 17}", "size": f"s{n % 9}"},
            margin=None,
            shown=True,
            created_at=CREATED,
        )


def few_events(products: int) -> Interactions:
    """Two people look at seven products between them; one buys two."""
    item = np.array([0, 1, 2, 3, 4, 0, 1, 2, 5, 6], np.int32)
    person = np.repeat(np.arange(2, dtype=np.int32), 5)
    kind, basket = np.zeros(10, np.int8), np.full(10, -1, np.int32)
    kind[8:], basket[8:] = 2, 0
    at = np.arange(10, dtype=np.int64) + int(CREATED.timestamp())
    return Interactions(person, item, at, kind, basket, person, 2, products)


def counted(folder: Path, products: int) -> tuple[float, float]:
    """Seconds and MB at most until all its models lie on the shelf, without reading the catalog."""
    ids = [f"p{n:07}" for n in range(products)]
    goods = columns(catalog(products), ids, "USD")
    titles = [ware.title or "" for ware in catalog(products)]
    began = time.perf_counter()
    models = again(Past(few_events(products), ids, 10), Wares(goods, titles), None)
    shelf.write(folder, ids, models, SystemClock().now())
    return time.perf_counter() - began, peak_mb()


def served(folder: Path, products: int) -> tuple[float, float, float]:
    """MB of a process in which the packed catalog, its columns and the opened models stand, besides
    what it had before: memory of its own, that of mapped files, and the most it had."""
    before = _own_mb()
    found = shelf.Shelf(folder).models()
    assert found is not None
    models = opened(found)
    pack, unpack = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(Ware).decode
    wares = {ware.id: pack(ware) for ware in catalog(products)}
    goods = columns((unpack(wares[id]) for id in models.items), models.items, "USD")
    gc.collect()
    mapped = sum(path.stat().st_size for path in found.folder.glob("*.npy")) / 1e6
    assert len(goods) == len(wares) == products
    return _own_mb() - before, mapped, peak_mb()


def _own_mb() -> float:
    said = re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert said
    return int(said[1]) / 1024


def large_catalog(products: int) -> None:
    with tempfile.TemporaryDirectory(prefix="catalog-") as name:
        folder = Path(name)
        apart(counted, folder, 1_000)  # compiled
        seconds, peak = apart(counted, folder, products)
        own, mapped, most = apart(served, folder, products)
    note = f"{products:,} products, 10 events"
    show("large_catalog_fit", seconds, "s", note=note)
    show("large_catalog_fit_peak", peak, "MB", note=f"{note}; their words and columns included")
    rest = f"files of models {mapped:.0f} MB, mapped; at most {most:.0f} MB while it is read"
    show("large_catalog_served", own, "MB", note=f"{note}; {rest}")
