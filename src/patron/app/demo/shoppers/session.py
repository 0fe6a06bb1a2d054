"""One visit to the demo shop, written out as Segment events in time order."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import msgspec

from patron.app.demo.catalogue import CURRENCY, Product
from patron.app.demo.history import History, Timed
from patron.app.demo.people import Person, consent_properties
from patron.app.demo.shoppers.plan import Episode, Purpose, cart_id
from patron.app.demo.wire import facts, order, stamp

_AGENTS: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/141.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.6 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
)
# How visitors arrive: a referrer and a campaign, or neither.
_ARRIVALS: Final[tuple[tuple[str, dict[str, str]], ...]] = (
    ("", {}),
    ("", {}),
    ("https://search.example/", {}),
    ("https://search.example/", {"name": "brand", "source": "search", "medium": "cpc"}),
    ("https://social.example/", {"name": "recipes", "source": "social", "medium": "social"}),
    ("https://blog.example/weeknight-dinners", {}),
)
FROM_MAIL: Final = ("", {"name": "cart", "source": "patron", "medium": "email"})


@dataclass(frozen=True, slots=True)
class Item:
    product: Product
    quantity: int

    def properties(self) -> dict[str, Any]:
        return facts(self.product) | {"quantity": self.quantity}

    @property
    def cents(self) -> int:
        return self.product.price * self.quantity


def value_of(items: Iterable[Item]) -> int:
    """What a cart is worth in US cents."""
    return sum(item.cents for item in items)


class Visit:
    """Collects the events of one visit; `at` is the visit's running clock in seconds."""

    def __init__(
        self,
        episode: Episode,
        at: int,
        arrival: tuple[str, Mapping[str, str]],
        agent: str,
        shop_url: str,
    ) -> None:
        self.at = at
        self.events: list[Timed] = []
        self.user_id = episode.person if episode.known else ""
        self._device = episode.device
        self._prefix = f"gen-{episode.number}-{at % 100_000}"
        self._agent = agent
        self._shop_url = shop_url
        self._referrer, self._campaign = arrival

    def track(self, event: str, path: str, properties: Mapping[str, Any]) -> None:
        self._put({"type": "track", "event": event, "properties": properties}, path)

    def identify(self, who: Person) -> None:
        """From here on the shop knows her."""
        self.user_id = who.user_id
        traits = who.traits() | {"createdAt": stamp(self.at)}
        self._put({"type": "identify", "traits": traits}, "/account")

    def _put(self, call: Mapping[str, Any], path: str) -> None:
        context: dict[str, Any] = {
            "generated": True,
            "library": {"name": "demo-shop", "version": "1"},
            "userAgent": self._agent,
            "page": {"url": self._shop_url + path, "path": path},
        }
        if not self.events:
            if self._referrer:
                context["page"]["referrer"] = self._referrer
            if self._campaign:
                context["campaign"] = self._campaign
        ids = {"anonymousId": self._device}
        if self.user_id:
            ids["userId"] = self.user_id
        message = f"{self._prefix}-{len(self.events)}"
        rest = {"messageId": message, "timestamp": stamp(self.at), "context": context}
        self.events.append((self.at, msgspec.json.encode({**call, **ids, **rest})))


class Sessions:
    """Writes visits out; what happens inside one depends on the seed and the episode alone."""

    def __init__(self, history: History, seed: int, shop_url: str) -> None:
        self.history = history
        self.seed = seed
        self.shop_url = shop_url

    def chance(self, episode: Episode, part: str) -> random.Random:
        return random.Random(f"{self.seed}:{episode.number}:{part}")  # noqa: S311 – a simulation

    def items(self, episode: Episode) -> list[Item]:
        """What she looks at: shown products that were really bought together in one basket."""
        chance = self.chance(episode, "items")
        baskets = self.history.baskets
        first, last = (int(baskets.first[episode.basket + step]) for step in (0, 1))
        products = self.history.catalogue.products
        items = [
            Item(product, min(int(baskets.quantity[row]), 4))
            for row in range(first, last)
            if (product := products[int(baskets.product[row])]) is not None and product.shown
        ]
        if episode.purpose is Purpose.LINKED:
            return items
        if not items:
            items = [Item(chance.choice(self._shown), 1)]
        most = 2 if episode.purpose is Purpose.BROWSE else chance.choice((2, 3, 4, 5, 6, 8))
        return chance.sample(items, min(most, len(items)))

    def browse(self, episode: Episode) -> list[Timed]:
        chance = self.chance(episode, "visit")
        visit = self._visit(episode, episode.at, chance)
        items = self.items(episode)
        self._arrive(visit, items[0], chance)
        for item in items[: chance.choice((0, 1, 1, 2))]:
            self._look(visit, item, chance)
        return visit.events

    def cart(self, episode: Episode, items: list[Item], who: Person | None) -> list[Timed]:
        """A visit that fills a cart and leaves it, or buys it (purpose BUY or LINKED)."""
        chance = self.chance(episode, "visit")
        at = episode.at
        if episode.purpose is Purpose.LINKED:
            at -= 240 + 150 * len(items)
        visit = self._visit(episode, at, chance)
        self._arrive(visit, items[0], chance)
        for turn, item in enumerate(items):
            if turn == 0 or chance.random() < 0.5:
                self._look(visit, item, chance)
            visit.at += chance.randint(8, 45)
            added = {"cart_id": cart_id(episode.number), **item.properties()}
            visit.track("Product Added", item.product.url, added)
            if turn == 0 and who is not None and not visit.user_id:
                self._sign_up(visit, who)
        visit.at += chance.randint(5, 30)
        self.view_cart(visit, episode, items)
        buys = episode.purpose is not Purpose.ABANDON
        if buys or chance.random() < 0.45:
            visit.at += chance.randint(10, 40)
            self.check_out(visit, episode, items)
        if episode.purpose is Purpose.BUY:
            visit.at += chance.randint(40, 200)
            self.buy(visit, episode, items)
        return visit.events

    def return_visit(
        self, episode: Episode, items: list[Item], at: int, mailed: bool, orders: bool
    ) -> list[Timed]:
        """She comes back to a cart of hers – out of the mail or by herself – and may order it."""
        chance = self.chance(episode, "return")
        arrival = FROM_MAIL if mailed else chance.choice(_ARRIVALS)
        agent = self._agent(episode)
        visit = Visit(episode, at, arrival, agent, self.shop_url)
        visit.user_id = episode.person
        self.view_cart(visit, episode, items)
        if orders:
            visit.at += chance.randint(20, 90)
            self.check_out(visit, episode, items)
            visit.at += chance.randint(40, 200)
            self.buy(visit, episode, items)
        return visit.events

    def view_cart(self, visit: Visit, episode: Episode, items: list[Item]) -> None:
        listed = [item.properties() for item in items]
        visit.track(
            "Cart Viewed", "/cart", {"cart_id": cart_id(episode.number), "products": listed}
        )

    def check_out(self, visit: Visit, episode: Episode, items: list[Item]) -> None:
        visit.track(
            "Checkout Started",
            "/checkout",
            {
                "cart_id": cart_id(episode.number),
                "value": value_of(items) / 100,
                "revenue": value_of(items) / 100,
                "currency": CURRENCY,
                "products": [item.properties() for item in items],
            },
        )

    def buy(self, visit: Visit, episode: Episode, items: list[Item]) -> None:
        listed = [item.properties() for item in items]
        number = episode.number
        bought = order(f"g-{number}", value_of(items), listed, cart_id=cart_id(number))
        visit.track("Order Completed", "/thank-you", bought)

    def _visit(self, episode: Episode, at: int, chance: random.Random) -> Visit:
        return Visit(episode, at, chance.choice(_ARRIVALS), self._agent(episode), self.shop_url)

    def _agent(self, episode: Episode) -> str:
        """One browser a device, so that a person's visits look alike."""
        return random.Random(episode.device).choice(_AGENTS)  # noqa: S311 – a simulation

    def _arrive(self, visit: Visit, item: Item, chance: random.Random) -> None:
        product = item.product
        if chance.random() < 0.45:
            visit.track("Products Searched", "/search", {"query": product.noun.lower()})
        else:
            aisle = product.categories[0]
            slug = aisle.lower().replace(" & ", "-").replace(" ", "-")
            visit.track(
                "Product List Viewed",
                f"/aisles/{slug}",
                {"list_id": slug, "category": aisle, "products": [facts(item.product)]},
            )

    def _look(self, visit: Visit, item: Item, chance: random.Random) -> None:
        visit.at += chance.randint(10, 60)
        properties = facts(item.product) | {"currency": CURRENCY, "value": item.product.price / 100}
        visit.track("Product Viewed", item.product.url, properties)

    def _sign_up(self, visit: Visit, who: Person) -> None:
        visit.at += 12
        visit.identify(who)
        if who.consents:
            visit.at += 2
            visit.track("Email Subscribed", "/account", consent_properties(who, "cart page"))

    @cached_property
    def _shown(self) -> list[Product]:
        return self.history.catalogue.shown
