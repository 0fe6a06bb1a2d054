"""The demo's web server: the shop's pages, its pictures, and the mailbox. Loopback only."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import minijinja

from patron.app.demo import pictures
from patron.app.demo.catalogue import CURRENCY, Product
from patron.app.demo.source import NOTICE
from patron.app.demo.stage.mailbox import Mail, Mailbox
from patron.app.demo.zone import ZONE
from patron.kit.log import logger
from patron.kit.money import format_money

log = logger(__name__)

AISLES = ("Produce", "Bakery", "Dairy & Eggs", "Pantry", "Drinks", "Snacks")
ON_A_SHELF = 5
PICTURE = 360  # pixels
_PAGES = Path(__file__).with_name("pages")
_PLAIN = "default-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src 'self'"
_MAIL_POLICY = "default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline'"
_ICON = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32"
 rx="9" fill="#1f5f4a"/><path d="M9 12h14l-2 12H11z" fill="#f4efe2"/><path d="M12 12c0-6 8-6 8 0"
 fill="none" stroke="#f4efe2" stroke-width="2"/></svg>"""


@dataclass(frozen=True)
class Answer:
    """What the server sends back."""

    body: bytes
    kind: str = "text/html; charset=utf-8"
    status: int = 200
    policy: str = _PLAIN
    kept: bool = False  # by browsers, for an hour


class Shopfront:
    """Every page by its path. `products` by id; `patron_url` is where carts are restored."""

    def __init__(
        self, shop: str, products: Mapping[str, Product], mailbox: Mailbox, patron_url: str
    ) -> None:
        self._products = products
        self._mailbox = mailbox
        self._patron_url = patron_url
        self._pages = minijinja.Environment(
            loader=lambda name: (_PAGES / name).read_text("utf-8"),
            globals={"shop": shop, "patron_url": patron_url, "notice": NOTICE},
        )

    def answer(self, address: str) -> Answer:
        """The page at `address` (path and query)."""
        parts = urlsplit(address)
        words = [word for word in parts.path.split("/") if word]
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        match words:
            case []:
                return self._page("shop.html", "shop", **self._home)
            case ["icon.svg"]:
                return Answer(_ICON.encode(), "image/svg+xml", kept=True)
            case ["products", number] if number in self._products:
                return self._product(self._products[number])
            case ["pictures", name]:
                return self._picture(name) or self._missing(address)
            case ["cart"]:
                return self._cart(query.get("restore"))
            case ["mailbox.json"]:
                return Answer(json.dumps(self._mails()).encode(), "application/json")
            case ["mailbox"]:
                return self._page("mailbox.html", "mailbox", mails=self._mails(), mail=None)
            case ["mailbox", name]:
                return self._mail(name, query.get("part", "mail")) or self._missing(address)
        return self._missing(address)

    def _page(self, name: str, here: str, **values: Any) -> Answer:
        return Answer(self._pages.render_template(name, here=here, **values).encode())

    def _missing(self, address: str) -> Answer:
        page = self._page("missing.html", "", path=address[:200])
        return Answer(page.body, status=404)

    @cached_property
    def _home(self) -> dict[str, Any]:
        best = sorted(self._products.values(), key=lambda p: (-p.sold, p.product_id))
        aisles = []
        for name in AISLES:
            # One of a kind: five kinds of milk make a dull shelf.
            shelf = {p.noun: p for p in reversed(best) if p.categories[0] == name and p.stock}
            chosen = sorted(shelf.values(), key=lambda p: -p.sold)[:ON_A_SHELF]
            if chosen:
                aisles.append({"name": name, "products": [shown(p) for p in chosen]})
        return {"aisles": aisles, "count": f"{len(self._products):,}"}

    def _product(self, product: Product) -> Answer:
        beside = [
            shown(other)
            for other in self._products.values()
            if other.noun == product.noun and other is not product
        ][:ON_A_SHELF]
        return self._page("product.html", "shop", p=shown(product), beside=beside)

    def _picture(self, name: str) -> Answer | None:
        number, _, kind = name.partition(".")
        product = self._products.get(number)
        if product is None or kind not in ("svg", "png"):
            return None
        if kind == "svg":
            return Answer(pictures.svg(product).encode(), "image/svg+xml", kept=True)
        return Answer(pictures.png(product, PICTURE), "image/png", kept=True)

    def _cart(self, token: str | None) -> Answer:
        """Her cart: this page asks Patron for the lines, as a shop's own cart page would."""
        if token is None:
            words = "It is empty. The link in a cart mail brings one back."
            return self._page("cart.html", "cart", lines=[], words=words)
        try:
            address = f"{self._patron_url}/c/{quote(token, safe='')}.json"
            with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 – ours, http
                cart = json.load(answer)
        except (urllib.error.URLError, ValueError) as error:
            words = f"This cart cannot be restored: Patron answers “{error}”."
            return self._page("cart.html", "cart", lines=[], words=words)
        lines = [self._line(item) for item in cart["items"]]
        total = format_money(cart["value"], cart["currency"]) if lines else ""
        words = "This cart was ordered already. Thank you!"
        return self._page("cart.html", "cart", lines=lines, total=total, words=words)

    def _line(self, item: Mapping[str, Any]) -> dict[str, Any]:
        product = self._products.get(str(item.get("product_id")))
        price, quantity = item.get("price") or 0, item.get("quantity") or 1
        return {
            "title": item.get("title") or (product.title if product else "Something"),
            "path": product.url if product else None,
            "picture": f"/pictures/{product.product_id}.svg" if product else "/icon.svg",
            "quantity": f"{quantity:g}",
            "price": format_money(price, CURRENCY),
            "total": format_money(round(price * quantity), CURRENCY),
        }

    def _mails(self) -> list[dict[str, Any]]:
        return [_listed(mail) for mail in reversed(self._mailbox.mails)]

    def _mail(self, name: str, part: str) -> Answer | None:
        number, _, kind = name.partition(".")
        mail = next((m for m in self._mailbox.mails if str(m.number) == number), None)
        if mail is None or kind not in ("", "html", "eml"):
            return None
        if kind == "eml":
            return Answer(mail.raw, "text/plain; charset=utf-8")
        if kind == "html":
            # Links of the mail open beside the mailbox, not inside its frame.
            framed = mail.html.replace("<head>", '<head><base target="_blank">', 1)
            return Answer(framed.encode(), policy=_MAIL_POLICY)
        when = mail.received_at.astimezone(ZONE)
        shown_mail = _listed(mail) | {
            "when": f"{when:%B} {when.day}, {when:%H:%M:%S}",
            "text": mail.text,
            "headers": mail.headers,
        }
        return self._page(
            "mailbox.html", "mailbox", mails=self._mails(), mail=shown_mail, part=part
        )


def shown(product: Product) -> dict[str, Any]:
    """A product as the pages show it."""
    before = product.compare_at
    return {
        "id": product.product_id,
        "title": product.title,
        "brand": product.brand,
        "aisle": product.categories[0],
        "path": product.url,
        "picture": f"/pictures/{product.product_id}.svg",
        "price": format_money(product.price, CURRENCY),
        "before": format_money(before, CURRENCY) if before else None,
        "stock": product.stock > 0,
    }


def _listed(mail: Mail) -> dict[str, Any]:
    when = mail.received_at.astimezone(ZONE)
    return {
        "number": mail.number,
        "subject": mail.subject,
        "sender": mail.sender,
        "to": mail.to,
        "time": f"{when:%H:%M:%S}",
        "iso": mail.received_at.isoformat(),
    }


class Front:
    """A web server on a thread of its own."""

    def __init__(self, host: str, port: int, answer: Callable[[str], Answer]) -> None:
        self._server = ThreadingHTTPServer((host, port), _handler(answer))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="demo-pages")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(answer: Callable[[str], Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_GET(self) -> None:
            try:
                found = answer(self.path)
            except Exception as error:
                log.error("page failed", exc_info=error, extra={"path": self.path})
                found = Answer(b"This page failed; see the log.", "text/plain", 500)
            self.send_response(found.status)
            self.send_header("Content-Type", found.kind)
            self.send_header("Content-Length", str(len(found.body)))
            self.send_header("Content-Security-Policy", found.policy)
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Cache-Control", "max-age=3600" if found.kept else "no-store")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(found.body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the terminal tells the demo's story."""

    return Handler
