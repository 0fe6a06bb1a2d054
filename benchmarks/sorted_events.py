"""Made-up events of a shop, written straight as its sorted copy: a fixed seed, bounded memory.

A million people over 180 days: most only look, some put things in carts and buy, mails are sent and
opened. Shares of the events and of categories are those of the figures in the house's reference.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patron.events.sorted.layout import VERSION, Folder, Manifest
from patron.events.sorted.writing import Writer

END = 1_780_000_000_000_000  # microseconds since 1970: a day in 2026
DAYS = 180
DAY = 86_400_000_000
PRODUCTS, CATEGORIES, BRANDS = 20_000, 200, 120
SHARES = {
    "Page Viewed": 0.4380,
    "Product Viewed": 0.3780,
    "Email Sent": 0.0880,
    "Product Added": 0.0452,
    "Email Opened": 0.0250,
    "Checkout Started": 0.0142,
    "Order Completed": 0.0092,
    "Email Link Clicked": 0.0024,
}
PEOPLE_AT_ONCE = 100_000
Column = NDArray[np.integer]


def origin(number: int) -> bytes:
    """The id of a person: in the order of the numbers, as those are that come one by one."""
    return (
        (number + 1).to_bytes(6, "big")
        + bytes(4)
        + (number * 2_654_435_761 % 2**48).to_bytes(6, "big")
    )


def write(folder: Path, events: int, people: int, epoch: str, seed: int = 1) -> Manifest:
    """About so many `events` of so many `people` as a sorted copy in `folder`."""
    writer = Writer(Folder(folder), Manifest(VERSION, epoch, 0, 0, [], {}))
    writer.origins([origin(number) for number in range(people)])
    coded = {
        "product_id": [writer.values("product_id").number(f"p{n}") for n in range(PRODUCTS)],
        "category": [
            writer.values("category").number(f"Department {n}") for n in range(CATEGORIES)
        ],
        "brand": [writer.values("brand").number(f"Brand {n}") for n in range(BRANDS)],
        "price": [writer.values("price").number(n / 4 + 1) for n in range(400)],
        "revenue": [writer.values("revenue").number(n / 2 + 5) for n in range(1_000)],
        "machine_open": [writer.values("machine_open").number(flag) for flag in (False, True)],
        "channel": [writer.values("channel").number(one) for one in ("direct", "paid_search")],
        "device": [writer.values("device").number(one) for one in ("desktop", "mobile")],
    }
    numbers = {path: np.array(codes, np.uint32) for path, codes in coded.items()}
    draw = np.random.default_rng(seed)
    position = 0
    # Some do a thousand times as much as others.
    weight = draw.pareto(1.5, people) + 0.2
    for name, share in SHARES.items():
        parts: list[dict[str, Any]] = []
        mean = weight / weight.sum() * events * share
        for start in range(0, people, PEOPLE_AT_ONCE):
            counts = draw.poisson(mean[start : start + PEOPLE_AT_ONCE])
            who = np.repeat(np.arange(start, start + len(counts), dtype=np.uint32), counts)
            parts.append(_columns(draw, name, who, numbers, position))
            position += len(who)
        keys = list(parts[0])
        writer.add_columns(name, {key: np.concatenate([p.pop(key) for p in parts]) for key in keys})
    return writer.finish(position, "2026-05-28")


def _columns(
    draw: np.random.Generator,
    name: str,
    who: Column,
    numbers: Mapping[str, Column],
    position: int,
) -> dict[str, Any]:
    count = len(who)
    columns: dict[str, Any] = {
        "who": who,
        "at": END - draw.integers(0, DAYS * DAY, count),
        "position": np.arange(position + 1, position + count + 1),
        "channel": numbers["channel"][(draw.random(count) < 0.2).astype(np.int64)],
        "device": numbers["device"][(draw.random(count) < 0.6).astype(np.int64)],
    }
    if name in ("Product Viewed", "Product Added"):
        product = (draw.random(count) ** 2 * PRODUCTS).astype(np.int64)  # some sell better
        columns["product_id"] = numbers["product_id"][product]
        columns["category"] = numbers["category"][product % CATEGORIES]
        columns["brand"] = numbers["brand"][product % BRANDS]
        columns["price"] = numbers["price"][product % 400]
    elif name == "Order Completed":
        columns["revenue"] = numbers["revenue"][draw.integers(0, 1_000, count)]
    elif name == "Email Opened":
        columns["machine_open"] = numbers["machine_open"][(draw.random(count) < 0.3).astype(int)]
    return columns
