"""What a shop's developer pastes works in a real browser, and so do the pages customers see."""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

import outside
from patron.kit.ids import new_id
from patron.kit.signing import Signer
from patron.messages.links import Mint, Ticket, short
from running import PATRON, Running, eventually, running

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
LIBRARY = Path(__file__).parents[1] / "sdk/node/node_modules/@segment/analytics-next/dist/umd"
# A headless browser says that it is one and is rightly taken for a machine.
PERSON = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/140.0.0.0 Safari/537.36"
)
BREAD = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Bread</title>
SNIPPET
</head><body><h1>Bread</h1>
<button onclick="analytics.track('Product Viewed',
  {product_id: 'rye-1', name: 'Rye Bread, 500 g', price: 4.2, currency: 'USD'})">Rye</button>
</body></html>"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium: `apt-get install chromium`"),
]


@pytest.fixture(scope="module")
def house() -> Iterator[Running]:
    """A Patron whose shop was founded with `patron init`; `made` is what that printed."""
    with running(browser_library=LIBRARY) as house:
        made = init(house)
        house.write_key = made["founded"]["write_key"]
        house.server_key = made["founded"]["server_key"]
        (house.folder / "snippet.html").write_text(made["snippet"])
        house.start()
        yield house


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def init(house: Running) -> dict[str, Any]:
    done = subprocess.run(
        [
            *(PATRON, "init", "--yes", "--json", "--name", "Acme", "--currency", "USD"),
            *("--time-zone", "America/New_York", "--url", "http://localhost"),
            *("--owner", "owner@acme.example"),
        ],
        env=house.environ, cwd=house.folder, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made: dict[str, Any] = json.loads(done.stdout)
    return made


@contextmanager
def site(html: str) -> Iterator[str]:
    """The shop's own pages, on another origin than Patron."""

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path.startswith("/bread")
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(html.encode() if found else b"")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def listen(page: Page) -> list[str]:
    """What the page will complain of; that there is no icon is no complaint."""
    complaints: list[str] = []

    def hear(said: ConsoleMessage) -> None:
        if said.type == "error" and not said.location["url"].endswith("/favicon.ico"):
            complaints.append(f"{said.text} {said.location['url']}")

    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints


@pytest.mark.skipif(
    not LIBRARY.exists(), reason="no browser library: `npm ci` in tests/sdk/node installs it"
)
def test_the_snippet_that_init_prints_is_heard(house: Running, browser: Browser) -> None:
    snippet = (house.folder / "snippet.html").read_text()
    context = browser.new_context(user_agent=PERSON)
    page = context.new_page()
    complaints = listen(page)
    with site(BREAD.replace("SNIPPET", snippet)) as shop:
        page.goto(f"{shop}/bread?utm_source=letter&utm_medium=email&utm_campaign=spring")
        page.get_by_role("button", name="Rye").click()

        def tail() -> dict[str, Any]:
            page.wait_for_timeout(50)  # lets the page send
            found = house.run("events", "tail", "--once")
            names = {event["name"]: event for event in found}
            return names if {"Page Viewed", "Product Viewed"} <= set(names) else {}

        seen = eventually(tail, "page and product view")
    context.close()
    assert complaints == []
    viewed, product = seen["Page Viewed"], seen["Product Viewed"]
    assert viewed["channel"] == "email"
    assert viewed["context"]["campaign"] == {
        "source": "letter", "medium": "email", "name": "spring",
    }  # fmt: skip
    assert (viewed["trust"], viewed["source"], viewed["device"]) == ("public", "browser", "desktop")
    assert product["properties"]["product_id"] == "rye-1"
    assert product["anonymous_id"] == viewed["anonymous_id"]
    assert product["session_id"] == viewed["session_id"]
    assert product["profile"] == viewed["profile"]


def addresses(house: Running) -> dict[str, str]:
    """Every page that people read, with something on it."""
    signer = Signer((house.folder / "data" / "secret").read_bytes())
    here = short(new_id())
    ticket = Ticket("acme", here, here, "abandoned_cart", "mail-1", "abandoned_cart")
    cart = open_cart(house)
    return {
        "docs": f"{house.url}/api/docs",
        "unsubscribe": Mint(signer, house.url, ticket).unsubscribe(),
        "cart": f"{house.url}/c/{signer.token('cart.restore', {'s': 'acme', 'c': cart})}",
        "damaged": f"{house.url}/l/nonsense",
        "damaged cart": f"{house.url}/c/nonsense",
        "damaged unsubscription": f"{house.url}/u/nonsense",
        "nothing": house.url,
    }


def open_cart(house: Running) -> UUID:
    """A cart with two lines, one with a name too long for a phone."""
    lines = [("rye-1", "Rye Bread, 500 g", 4.2), ("jam-1", "Damson Plum Jam " * 5, 12.5)]
    for product, name, price in lines:
        house.track(
            "Product Added",
            {"cart_id": "c-1", "product_id": product, "name": name, "price": price, "quantity": 2},
            userId="17",
        )

    def look() -> Any:
        found = house.call("GET", "/api/carts", params={"profile": "user_id:17"})
        items = found.json().get("items") if found.status_code == 200 else None
        return items[0]["id"] if items and len(items[0]["items"]) == 2 else None

    return UUID(eventually(look, "an open cart"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_pages_can_be_read_on_a_phone_and_at_night(
    house: Running, browser: Browser, width: int, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    for name, address in addresses(house).items():
        page = context.new_page()
        complaints = listen(page)
        page.goto(address)
        room, needed, ink, paper = page.evaluate(LOOKS)
        assert needed <= room, f"{name} is {needed} px wide on a screen of {room}"
        assert page.title(), name
        assert page.locator("h1").count() == 1, name
        assert contrast(ink, paper) >= 7, f"{name}: {ink} on {paper}"
        assert name.startswith(("damaged", "nothing")) or complaints == [], name
        page.close()
    context.close()


LOOKS = """() => {
  const root = document.documentElement, heading = document.querySelector('h1');
  let at = heading, paper = 'rgba(0, 0, 0, 0)';
  while (at && paper === 'rgba(0, 0, 0, 0)') {
    paper = getComputedStyle(at).backgroundColor; at = at.parentElement;
  }
  const said = document.querySelector('meta[name="color-scheme"]')?.content ?? '';
  const night = (getComputedStyle(root).colorScheme + said).includes('dark');
  const canvas = night && matchMedia('(prefers-color-scheme: dark)').matches
    ? 'rgb(18, 18, 18)' : 'rgb(255, 255, 255)';
  if (paper === 'rgba(0, 0, 0, 0)') paper = canvas;
  return [root.clientWidth, root.scrollWidth, getComputedStyle(heading).color, paper];
}"""


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's ratio of two `rgb(r, g, b)` texts."""

    def luminance(color: str) -> float:
        channels = [int(part) / 255 for part in color[4:-1].split(",")]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_unsubscribing_takes_one_tap(house: Running, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 800})
    page = context.new_page()
    page.goto(addresses(house)["unsubscribe"])
    page.get_by_role("button", name="Unsubscribe").click()
    page.get_by_role("heading", name="You are unsubscribed").wait_for()
    context.close()


def test_the_page_of_the_api_needs_no_script(house: Running, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{house.url}/api/docs")
    route = page.locator("details")
    assert route.count() > 40
    route.first.locator("summary").click()
    assert "curl" in route.first.inner_text()
    assert outside.get(f"{house.url}/api/docs").text.count("<script") == 0
    context.close()
