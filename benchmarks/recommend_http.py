"""Recommendations over HTTP: requests a second and latencies, everything as `patron serve` runs it.

    python benchmarks/recommend_http.py [CLICKS] [PRODUCTS]

Four million made-up clicks on 40,000 products unless said otherwise. Each call names a visitor, of
whom the log knows what she looked at in this visit, and one of two placements: what comes next in
the visit under rules of the shopkeeper (stock, two filters, a boost, what she has seen or bought,
a limit per brand), and the ready-made "recommended for you". An answer has
twelve products with title, address, picture, price and reason. The load comes from a process beside
it, over eight connections that each wait for their answer; both share the machine's cores. What a
request costs the web process is told besides: processor time, which other work on the machine
disturbs least.
"""

import shutil
import statistics
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec

from clicks import Size, asking, read, write
from figure import show
from house import Running, eventually, running
from load import Load, drive, post
from patron.kit.clock import SystemClock
from patron.recommend import shelf
from patron.recommend.popular.fit import fit as fit_popular
from patron.recommend.popular.types import Params as Popular
from patron.recommend.sequence.fit import fit as fit_sequence
from patron.recommend.sequence.model import Params as Sequence
from patron.recommend.session.fit import fit as fit_session
from patron.recommend.session.index import Params as Session

CLICKS, PRODUCTS = 4_000_000, 40_000
VISITORS, STEPS = 4_000, 5
AT_ONCE = 400
CONNECTIONS, SECONDS, ROUNDS = 8, 5.0, 3
RULES: dict[str, Any] = {
    "name": "Under rules",
    "count": 12,
    "chain": ["session", "for_you"],
    "fallback": ["trending", "best_sellers", "new"],
    "filters": ["price < 95", 'brand not in ("B3", "B7")'],
    "boosts": ["1.3 if margin > 40% else 1"],
    "exclude": {"viewed": True, "bought": {"days": 90}},
    "diversity": {"per_brand": 3},
}


def stock(house: Running, products: int) -> None:
    """The catalog, by the API."""
    for first in range(0, products, 1_000):
        rows = [
            {
                "id": f"p{n:07}",
                "title": f"A thing of the kind {n}",
                "price": f"{100 + n * 37 % 9_900:04}"[:-2] + "." + f"{n * 37 % 100:02}",
                "brand": f"B{n % 60}",
                "category": f"C{n % 10} > D{n % 400}",
                "url": f"https://acme.example/p/{n}",
                "image_url": f"https://acme.example/i/{n}.jpg",
                "stock": n * 31 % 50,
                "margin": (n * 13 % 60) / 100,
            }
            for n in range(first, min(first + 1_000, products))
        ]
        answer = house.call("POST", "/api/products", json={"products": rows})
        assert answer.status_code == 200, answer.text
        assert not answer.json()["refused"], answer.text


def train(house: Running, size: Size) -> None:
    """Models of the made-up clicks, as if they had been counted this night."""
    with tempfile.TemporaryDirectory(prefix="clicks-") as folder:
        write(Path(folder), size)
        past = read(Path(folder), size)
        last = int(past.at.max())
        models = {
            "session": (fit_session(past, Session()), shelf.About()),
            "sequence": (fit_sequence(past, Sequence()), shelf.About()),
            "popular": (fit_popular(past, Popular(), last), shelf.About()),
        }
        items = [f"p{n:07}" for n in range(size.products)]
        shelf.write(
            shelf.shelf_of(house.folder / "data", "acme"), items, models, SystemClock().now()
        )


def come(house: Running, size: Size) -> list[str]:
    """Visitors look at products, by the front door; their browsers' ids."""
    now = datetime.now(UTC)
    visits = asking(size, VISITORS, STEPS).tolist()
    events = [
        {
            "type": "track",
            "event": "Product Viewed",
            "messageId": f"view-{visitor}-{step}",
            "anonymousId": f"visitor-{visitor}",
            "timestamp": (now - timedelta(seconds=20 * (STEPS - step))).isoformat(),
            "properties": {"product_id": f"p{item:07}"},
        }
        for visitor, items in enumerate(visits)
        for step, item in enumerate(items)
    ]
    for first in range(0, len(events), 1_000):
        answer = httpx.post(
            f"{house.url}/v1/batch",
            json={"batch": events[first : first + 1_000]},
            auth=(house.write_key, ""),
        )
        assert answer.status_code == 200, answer.text
    return [f"visitor-{n}" for n in range(VISITORS)]


def questions(house: Running, visitors: list[str], placement: str) -> list[bytes]:
    key = f"Bearer {house.write_key}"
    return [
        post("127.0.0.1", "/v1/recommend", body, key)
        for visitor in visitors
        for body in [msgspec.json.encode({"placements": [placement], "anonymousId": visitor})]
    ]


def ask(house: Running, visitor: str, placement: str) -> dict[str, Any]:
    body = {"placements": [placement], "anonymousId": visitor, "writeKey": house.write_key}
    answer = httpx.post(f"{house.url}/v1/recommend", json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["placements"][0]
    return found


def spent(house: Running) -> float:
    """Seconds of processor time that the web process has used so far."""
    web = house.part("web")
    times = [one.cpu_times() for one in [web, *web.children(recursive=True)]]
    return float(sum(one.user + one.system for one in times))


def main() -> None:
    size = Size(*(int(one) for one in sys.argv[1:3])) if len(sys.argv) > 2 else Size(
        CLICKS, PRODUCTS
    )  # fmt: skip
    folder = Path(tempfile.mkdtemp(prefix="patron-bench-"))
    try:
        with running(folder / "house") as house:
            house.open_shop()
            train(house, size)  # before the worker looks: it finds fresh ones and leaves them
            house.start()
            stock(house, size.products)
            put = house.call("PUT", "/api/placements/rules", json={"definition": RULES})
            assert put.status_code == 200, put.text
            visitors = come(house, size)
            eventually(
                lambda: "session" in ask(house, visitors[-1], "rules")["items"][0]["codes"],
                "the last visitor's visit",
                120,
            )
            for placement, figure in (("rules", "http"), ("recommended_for_you", "http_for_you")):
                tell(house, figure, placement, questions(house, visitors, placement), size)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def tell(house: Running, figure: str, placement: str, asked: list[bytes], size: Size) -> None:
    items = ask(house, "visitor-0", placement)["items"]
    assert len(items) == 12, items
    for first in range(0, len(asked), AT_ONCE):  # everybody is read once
        some = asked[first : first + AT_ONCE]
        while drive(("127.0.0.1", house.port), some, CONNECTIONS, 1.5).calls < len(some):
            continue
    before = spent(house)
    loads: list[Load] = [
        drive(("127.0.0.1", house.port), asked, CONNECTIONS, SECONDS) for _ in range(ROUNDS)
    ]
    each = (spent(house) - before) / sum(load.calls for load in loads)
    refused = sum(load.refused for load in loads)
    assert refused == 0, f"{refused} calls were refused"
    note = (
        f"{placement}: {size.clicks} clicks, {size.products} products, {VISITORS} visitors with"
        f" {STEPS} views; {CONNECTIONS} connections, load generator on the same cores; median of"
        f" {ROUNDS} rounds"
    )
    show(f"{figure}_rps", statistics.median(one.rate for one in loads), "requests/s", note=note)
    show(f"{figure}_p50", statistics.median(one.p50 for one in loads), "ms", note=note)
    show(f"{figure}_p99", statistics.median(one.p99 for one in loads), "ms", note=note)
    show(f"{figure}_cpu", each * 1e3, "ms/request", note="processor time of the web process")


if __name__ == "__main__":
    main()
