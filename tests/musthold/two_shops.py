"""Two live shops in one house, each with one of everything, every word of it marked."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from musthold.inside import Inside, consent, item
from postbox import Mailbox, mailbox
from running import HANG, Running, eventually, running

SCOPES = (
    "ingest", "profiles:read", "profiles:write", "catalog:read", "catalog:write", "journeys:read",
    "journeys:write", "messages:read", "messages:write", "analytics:read", "events:read",
    "events:write", "shop:admin",
)  # fmt: skip


class Tenant:
    """One of the two shops: its keys, and the ids of what is in it."""

    def __init__(self, house: Running, box: Mailbox, name: str) -> None:
        self.house, self.box = house, box
        self.client = httpx.Client(base_url=house.url, timeout=HANG)
        made = house.open_shop(name, live=False)
        self.slug: str = made["shop"]["slug"]
        self.owner: str = made["server_key"]
        self.write_key: str = made["write_key"]
        self.mark = f"{self.slug}only"
        self.inside = Inside(house, self.slug)
        self.ids: dict[str, str] = {}
        self.colleagues: dict[str, str] = {}

    def ask(self, method: str, path: str, *, key: str | None = None, **more: Any) -> httpx.Response:
        """As the owner, or with another `key`."""
        headers = {"Authorization": f"Bearer {key or self.owner}"}
        return self.client.request(method, path, headers=headers, **more)

    def marked(self, word: str) -> str:
        return f"{word}-{self.mark}"

    @property
    def address(self) -> str:
        return self.marked("ada") + "@people.example"

    def track(self, event: str, properties: dict[str, Any], **more: Any) -> None:
        body = {"type": "track", "event": event, "properties": properties, **more}
        answer = httpx.post(f"{self.house.url}/v1/track", json=body, auth=(self.owner, ""))
        assert answer.status_code == 200, answer.text

    def furnish(self) -> None:
        """One of everything: a person who was stitched, a cart, a mail, a refusal, keys."""
        self._ask_ok("POST", "/api/shop/mode", json={"mode": "live"})
        self._journey()
        who, browser = self.marked("ada"), self.marked("browser")
        thing = {**item(self.marked("tea")), "url": f"https://{self.slug}.example/tea"}
        self.track("Product Viewed", thing, anonymousId=browser)
        self.inside.walked()
        more = {"userId": who, "context": {"traits": {"email": self.address}}}
        self.track("Email Subscribed", consent(self.address), **more)
        self.track(
            "Product Added", {"cart_id": self.marked("cart"), **thing}, anonymousId=browser, **more
        )
        self.track("Product Viewed", {"product_id": self.marked("ghost")}, userId=who)
        lost = {"type": "track", "event": "Dated", "userId": who, "timestamp": self.marked("never")}
        httpx.post(f"{self.house.url}/v1/track", json=lost, auth=(self.owner, ""))
        self._ask_ok(
            "POST", "/api/suppressions", json={"address": self.marked("sue") + "@x.example"}
        )
        mail = eventually(lambda: self.box.to(self.address), f"the mail of {self.slug}")[0]
        links = re.findall(rf"{self.house.url}/[lucod]/[\w.~-]+", mail.as_string())
        unsubscribe = re.search(r"<(https?://[^>]+)>", mail["List-Unsubscribe"])
        assert unsubscribe is not None
        html = mail.get_body(("html",))
        assert html is not None
        links = sorted(set(re.findall(rf"{self.house.url}/[lo]/[\w.~-]+", html.get_content())))
        self.links = [unsubscribe[1], *links]
        self._find_ids(who)
        for scope in SCOPES:
            self.colleagues[scope] = self._key(scope)

    def _journey(self) -> None:
        found = self._ask_ok("GET", "/api/journeys/abandoned_cart")
        definition = found["definition"]
        definition["steps"][0]["wait"] = {"seconds": 1}
        definition["holdout"] = 0
        body = {"name": self.marked("Abandoned cart"), "definition": definition}
        self._ask_ok("PUT", "/api/journeys/abandoned_cart", json=body)
        self._ask_ok("POST", "/api/journeys/abandoned_cart/on")
        self._ask_ok("PUT", f"/api/journeys/{self.marked('second').replace('-', '_')}", json=body)

    def _find_ids(self, who: str) -> None:
        profile = self._ask_ok("GET", f"/api/profiles/user_id:{who}")
        self.ids = {
            "who": profile["id"],
            "product_id": self.marked("tea"),
            "channel": "email",
            "address": self.marked("sue") + "@x.example",
            "key": self.marked("second").replace("-", "_"),
            "writeKey": self.write_key,
            "token": "nonsense",
        }
        carts = self._ask_ok("GET", "/api/carts", params={"profile": profile["id"]})["items"]
        self.ids["cart_id"] = carts[0]["id"]

        def told() -> list[Any]:
            found = self._ask_ok("GET", "/api/messages", params={"state": "sent"})["items"]
            assert isinstance(found, list)
            return found

        self.ids["message_id"] = eventually(told, "the ledger")[0]["id"]
        runs = self._ask_ok("GET", "/api/journeys/abandoned_cart/runs")["items"]
        self.ids["run_id"] = runs[0]["id"]
        merges = self._ask_ok("GET", f"/api/profiles/{profile['id']}/merges")["merges"]
        self.ids["merge_id"] = str(merges[0]["id"]) if merges else "1"
        self._key("shop:admin")
        self.ids["key_id"] = self._ask_ok("GET", "/api/keys")[-1]["id"]

    def _key(self, scope: str) -> str:
        made = self._ask_ok(
            "POST", "/api/keys", json={"name": self.marked(scope), "scopes": [scope]}
        )
        secret: str = made["secret"]
        return secret

    def _ask_ok(self, method: str, path: str, **more: Any) -> Any:
        answer = self.ask(method, path, **more)
        assert answer.status_code in (200, 201), (method, path, answer.text)
        return answer.json()


@contextmanager
def two_shops() -> Iterator[tuple[Tenant, Tenant]]:
    with mailbox() as box, running(**box.settings) as house:
        house.start()
        acme, bolt = Tenant(house, box, "Acme"), Tenant(house, box, "Bolt")
        for tenant in (acme, bolt):
            tenant.furnish()
        yield acme, bolt
        for tenant in (acme, bolt):
            tenant.client.close()
