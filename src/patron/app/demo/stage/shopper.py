"""One shopper who comes now, through the real `segment-analytics-python`.

Her browser's calls carry the write key, which everybody can read in a page. Who she is and what she
agreed to is said by the shop's own server, with the server key: an address that only a browser
claims would get no marketing.
"""

from typing import Any

from patron.app.demo.catalogue import CURRENCY, Product
from patron.app.demo.people import Person, consent_properties
from patron.app.demo.stage.calls import BROWSER, StageError
from patron.app.demo.stage.place import Standing
from patron.app.demo.wire import facts, order
from patron.kit.ids import new_id


class Shopper:
    """A person with a browser. What she does is on Patron's disk when the method returns."""

    def __init__(self, who: Person, standing: Standing, patron_url: str) -> None:
        self.who = who
        self.cart_id = f"cart-{who.user_id}"
        self._shop_url = standing.ports.shop_url
        self._device = str(new_id())
        self._refused: list[str] = []
        self._browser = self._client(standing.write_key, patron_url)
        self._server = self._client(standing.server_key, patron_url)
        self._known = False

    def looks(self, product: Product) -> None:
        self._browser.page(**self._ids, name="Product", context=self._context(product.url))
        self._track(self._browser, "Product Viewed", product, {"currency": CURRENCY})

    def signs_up(self) -> None:
        """She makes an account and ticks the newsletter's box."""
        self._known = True
        context = self._context("/account")
        self._server.identify(**self._ids, traits=self.who.traits(), context=context)
        agreed = consent_properties(self.who, "sign-up form")
        self._server.track(
            **self._ids, event="Email Subscribed", properties=agreed, context=context
        )
        self._arrived()

    def adds(self, product: Product) -> None:
        more = {"cart_id": self.cart_id, "quantity": 1}
        self._track(self._browser, "Product Added", product, more)

    def orders(self, products: list[Product]) -> None:
        cents = sum(product.price for product in products)
        bought = [self._told(product) | {"quantity": 1} for product in products]
        self._server.track(
            **self._ids,
            event="Order Completed",
            properties=order(f"order-{self.who.user_id}", cents, bought, cart_id=self.cart_id),
            context=self._context("/thank-you"),
        )
        self._arrived()

    def leaves(self) -> None:
        """Close the SDK's threads."""
        for client in (self._browser, self._server):
            client.join()

    @property
    def _ids(self) -> dict[str, str]:
        ids = {"anonymous_id": self._device}
        return ids | {"user_id": self.who.user_id} if self._known else ids

    def _track(self, client: Any, event: str, product: Product, more: dict[str, Any]) -> None:
        client.track(
            **self._ids,
            event=event,
            properties=self._told(product) | more,
            context=self._context(product.url),
        )
        self._arrived()

    def _told(self, product: Product) -> dict[str, Any]:
        return facts(product) | {
            "url": self._shop_url + product.url,
            "image_url": self._shop_url + product.image_url,
        }

    def _context(self, path: str) -> dict[str, Any]:
        page = {"url": self._shop_url + path, "path": path, "referrer": "https://search.example/"}
        return {"page": page, "userAgent": BROWSER, "generated": True}

    def _arrived(self) -> None:
        for client in (self._browser, self._server):
            client.flush()
        if self._refused:
            raise StageError(f"Patron refused the SDK's call: {self._refused[0]}")

    def _client(self, key: str, url: str) -> Any:
        from segment.analytics.client import Client

        return Client(
            key,
            host=url,
            upload_interval=0.05,
            on_error=lambda error, _: self._refused.append(str(error)),
        )
