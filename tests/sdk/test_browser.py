"""A page of the shop loads the browser library from Patron, in a real browser, and is heard."""

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from conftest import House
from events.doors import envelopes, events_in, give_key
from patron.shops.types import KeyKind
from sdk.served_door import LIBRARY, served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""

pytestmark = pytest.mark.skipif(
    not CHROMIUM or not LIBRARY.exists(),
    reason="no Chromium, or the browser library is not installed (`npm ci` in tests/sdk/node)",
)

PAGE = """<!doctype html><title>Bread</title><script>
  window.analytics = window.analytics || []
  for (const name of ['page', 'track', 'identify'])
    analytics[name] = (...words) => analytics.push([name, ...words])
  analytics.page()
  analytics.track('Product Viewed', { product_id: '17', name: 'Rye Bread 🍞' })
  analytics.identify('customer-4711', { email: 'ada@example.com' })
</script><script async src="PATRON/analytics.js/v1/KEY/analytics.min.js"></script>"""


@contextmanager
def shop_page(html: str) -> Iterator[str]:
    """The shop's own site, on another origin than Patron."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(html.encode() if self.path.startswith("/bread") else b"")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def visited(url: str, house: House, events: int) -> tuple[list[dict[str, Any]], list[str]]:
    """Open `url` until so many events arrived; the envelopes, and what the page complained of."""
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url)
        end = time.monotonic() + 30
        found: list[dict[str, Any]] = []
        while len(found) < events and time.monotonic() < end:
            page.wait_for_timeout(50)
            found = _in_a_thread(house)
        browser.close()
    return found, complaints


def _in_a_thread(house: House) -> list[dict[str, Any]]:
    """The inbox; Playwright keeps an event loop running in the main thread."""
    found: list[dict[str, Any]] = []
    reader = threading.Thread(
        target=lambda: found.extend(house.run(lambda db: envelopes(db, house.acme)))
    )
    reader.start()
    reader.join()
    return found


def test_a_page_is_heard_and_a_link_into_it_says_who_came(house: House) -> None:
    key = house.run(lambda db: give_key(db, house.acme, KeyKind.PUBLIC, []))
    with served(house.url) as server:
        html = PAGE.replace("PATRON", server.url).replace("KEY", key)
        with shop_page(html) as site:
            # `ajs_event` makes the library fetch one of its further bundles.
            found, complaints = visited(
                f"{site}/bread?utm_campaign=spring&ajs_event=Letter+Opened", house, 4
            )
    assert complaints == []
    events = {e.get("event") or e["type"]: e for e in events_in(found)}
    assert set(events) == {"page", "Product Viewed", "identify", "Letter Opened"}
    assert events["Product Viewed"]["properties"]["name"] == "Rye Bread 🍞"
    assert events["identify"]["userId"] == "customer-4711"
    assert events["page"]["context"]["campaign"] == {"name": "spring"}
    assert len({e["anonymousId"] for e in events.values()}) == 1
    assert all(envelope["ua"].startswith("Mozilla/") for envelope in found)
    assert all(envelope["t"] == 0 for envelope in found)
