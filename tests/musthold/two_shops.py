"""Two live shops in one house, each with one of everything, every word of it marked."""

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

import outside
from musthold.inside import Inside, consent, item
from postbox import Mailbox, mailbox
from receiver import Receiver, receiver
from running import HANG, Running, eventually, running

SCOPES = (
    "ingest", "profiles:read", "profiles:write", "profiles:export", "catalog:read", "catalog:write",
    "journeys:read", "journeys:write", "messages:read", "messages:write", "analytics:read",
    "events:read", "events:write", "recommend:read", "recommend:write", "shop:admin",
)  # fmt: skip

LOCAL = "127.0.0.0/8"

# What is posted as it is.
FILES = {
    ("POST", "/api/suppressions/import"): b"email\nzoe@customers.example\n",
    ("PUT", "/api/predictions/{key}/file"): b"person,value\nemail:zoe@customers.example,1\n",
    ("POST", "/api/messages/returned"): b"""Content-Type: multipart/report; boundary=b

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.com

Action: failed
Status: 5.1.1

--b
Content-Type: text/rfc822-headers

Message-ID: <MESSAGE@acme.example>

--b--
""",
}


# Where the owner is refused for what she asks, not for who she is.
REFUSED = {
    ("POST", "/api/messages/{message_id}/resolve"): 409,
    ("POST", "/api/lists/lookalikes"): 409,  # of a segment with nobody in it
}


class Tenant:
    """One of the two shops: its keys, and the ids of what is in it."""

    def __init__(self, house: Running, box: Mailbox, listener: Receiver, name: str) -> None:
        self.house, self.box, self.listener = house, box, listener
        self.client = outside.client(base_url=house.url, timeout=HANG)
        made = house.open_shop(name, live=False)
        self.slug: str = made["shop"]["slug"]
        self.owner: str = made["server_key"]
        self.write_key: str = made["write_key"]
        self.mark = f"{self.slug}only"
        self.inside = Inside(house, self.slug)
        self.page = ""
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

    @property
    def key(self) -> str:
        """What her second journey is called, and her list, segment, webhook and computed trait."""
        return self.marked("second").replace("-", "_")

    def heard(self) -> list[str]:
        """What her webhook was told."""
        path = f"/hook/{self.slug}"
        return [one.body.decode() for one in self.listener.heard if one.path == path]

    def track(self, event: str, properties: dict[str, Any], **more: Any) -> None:
        body = {"type": "track", "event": event, "properties": properties, **more}
        answer = outside.post(f"{self.house.url}/v1/track", json=body, auth=(self.owner, ""))
        assert answer.status_code == 200, answer.text

    def furnish(self) -> None:
        """One of everything: a person who was stitched, a cart, a mail, a refusal, keys, and what
        the shop writes down itself. Some of it takes a while: `settle` waits for that."""
        self._ask_ok("POST", "/api/shop/mode", json={"mode": "live"})
        self._webhook()
        self._feed()
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
        outside.post(f"{self.house.url}/v1/track", json=lost, auth=(self.owner, ""))
        self._suppressions()
        self._list()
        self.inside.walked()
        self._written_by_hand(f"/api/profiles/user_id:{who}")
        self._suggestion()
        for scope in SCOPES:
            self.colleagues[scope] = self._key(scope)

    def settle(self) -> None:
        """Returns when all that `furnish` began has come to its end, with the ids of it found."""
        mail = eventually(lambda: self.box.to(self.address), f"the mail of {self.slug}")[0]
        links = re.findall(rf"{self.house.url}/[lucod]/[\w.~-]+", mail.as_string())
        unsubscribe = re.search(r"<(https?://[^>]+)>", mail["List-Unsubscribe"])
        assert unsubscribe is not None
        html = mail.get_body(("html",))
        assert html is not None
        links = sorted(set(re.findall(rf"{self.house.url}/[lo]/[\w.~-]+", html.get_content())))
        self.links = [unsubscribe[1], *links]
        feed = f"/api/feeds/{self.key}"
        eventually(lambda: self._ask_ok("GET", feed)["feed"]["error"], "what its feed answers")
        self._find_ids(self.marked("ada"))

    def _webhook(self) -> None:
        body = {
            "key": self.key,
            "url": f"{self.listener.url}/{self.slug}",
            "topics": ["consent.changed", "order.*"],
            "description": self.marked("CRM"),
        }
        self._ask_ok("POST", "/api/webhooks", json=body)

    def _feed(self) -> None:
        """Where nothing but 204 is answered: what is tried, and fails."""
        body = {"key": self.key, "url": f"{self.listener.url}/{self.marked('feed')}"}
        self._ask_ok("POST", "/api/feeds", json=body)

    def _suppressions(self) -> None:
        self._ask_ok(
            "POST", "/api/suppressions", json={"address": self.marked("sue") + "@x.example"}
        )
        file = f"email\n{self.marked('sid')}@x.example\n".encode()
        self._ask_ok("POST", "/api/suppressions/import?reason=hard_bounce", content=file)

    def _list(self) -> None:
        """A list, and a file for it with a row that cannot be used."""
        body = {"name": self.marked("Fair"), "key": self.key, "description": self.marked("Hall 2")}
        self._ask_ok("POST", "/api/lists", json=body)
        rows = (
            f"email,name\n{self.marked('ivy')}@people.example,Ivy\n{self.marked('nobody')},Nemo\n"
        )
        file = {
            "file": self.marked("fair") + ".csv",
            "content": base64.b64encode(rows.encode()).decode(),
        }
        at = f"/api/lists/{self.key}/imports"
        self._import = f"{at}/{self._ask_ok('POST', at, json=file)['id']}"
        self._ask_ok("POST", f"{self._import}/start")

    def _written_by_hand(self, person: str) -> None:
        """Her tag and note, a segment and a computed trait, and what she asks about her data."""
        tag = self.marked("vip")
        self._ask_ok("POST", f"{person}/tags", json={"tag": tag})
        self._ask_ok("POST", f"{person}/notes", json={"text": self.marked("Likes oak")})
        who = {"people": [self._ask_ok("GET", person)["id"]]}
        self._ask_ok("POST", f"/api/lists/{self.key}/members", json=who)
        segment = {"name": self.marked("Tagged"), "key": self.key, "rule": {"tag": tag}}
        self._ask_ok("POST", "/api/segments", json=segment)
        looks: dict[str, Any] = {
            "event": "Product Viewed",
            "compute": "count",
            "within": {"days": 30},
        }
        body = {"name": self.marked("Looks"), "definition": looks}
        self._ask_ok("PUT", f"/api/computed-traits/{self.key}", json=body)
        offer = {"name": self.marked("Offers"), "count": 3, "chain": ["best_sellers"]}
        at = f"/api/placements/{self.key}"
        self._ask_ok("PUT", at, json={"definition": offer})
        scores = [{"person": who["people"][0], "value": 0.5}]
        risk = {"label": self.marked("Risk"), "scores": scores}
        self._ask_ok("PUT", f"/api/predictions/{self.key}", json=risk)
        self.page = self._ask_ok("POST", f"{person}/preference-link")["url"]
        asked = outside.post(f"{self.page}/export", follow_redirects=True)
        assert asked.status_code == 200, asked.text

    def _suggestion(self) -> None:
        """As a night would leave it that found people alike, of whom there are too few here."""
        self.inside.rows(
            "INSERT INTO suggestion_run (made_at, looked_at, people, said)"
            " VALUES (now() + interval '1 day', 100, 100, %s)",
            (self.marked("Found"),),
        )
        self.inside.rows(
            "INSERT INTO suggestion"
            " (key, kind, place, name, description, rule, people, hits, reach, traits)"
            " VALUES (%s, 'found', 0, %s, '', %s::json, 40, 0.9, 0.9, '[]')",
            (self.marked("found"), self.marked("Alike"), '{"reachable": "email"}'),
        )

    def _journey(self) -> None:
        found = self._ask_ok("GET", "/api/journeys/abandoned_cart")
        definition = found["definition"]
        definition["steps"][0]["wait"] = {"seconds": 1}
        definition["holdout"] = 0
        body = {"name": self.marked("Abandoned cart"), "definition": definition}
        self._ask_ok("PUT", "/api/journeys/abandoned_cart", json=body)
        self._ask_ok("POST", "/api/journeys/abandoned_cart/on")
        self._ask_ok("PUT", f"/api/journeys/{self.key}", json=body)

    def _find_ids(self, who: str) -> None:
        profile = self._ask_ok("GET", f"/api/profiles/user_id:{who}")
        self.ids = {
            "who": profile["id"],
            "product_id": self.marked("tea"),
            "channel": "email",
            "address": self.marked("sue") + "@x.example",
            "bounced": self.marked("sid") + "@x.example",
            "key": self.key,
            "ready_made": "birthday-this-month",
            "suggestion": self.marked("found"),
            "tag": self.marked("vip"),
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
        self.ids["key_id"] = self._ask_ok("GET", "/api/keys")["items"][-1]["id"]
        self._find_what_was_written(f"/api/profiles/{profile['id']}")

    def _find_what_was_written(self, person: str) -> None:
        """Waits for what others do: the file's rows, the segment's people, the webhook's word."""
        self.ids["note_id"] = self._ask_ok("GET", f"{person}/notes")["items"][0]["id"]
        self.ids["request_id"] = self._ask_ok("GET", "/api/privacy-requests")["items"][0]["id"]

        def imported() -> bool:
            found = self._ask_ok("GET", self._import)
            assert found["state"] != "failed", found
            return bool(found["state"] == "done")

        def filled() -> bool:
            found = self._ask_ok("GET", f"/api/segments/{self.key}")
            return found["status"] not in ("filling", "settling") and found["count"] == 1

        def delivered() -> list[Any]:
            at = f"/api/webhooks/{self.key}/deliveries"
            found = self._ask_ok("GET", at, params={"state": "delivered"})["items"]
            assert isinstance(found, list)
            return found

        eventually(imported, f"the import of the file of {self.slug}")
        self.ids["import_id"] = self._import.rpartition("/")[2]
        eventually(filled, f"the filling of the segment of {self.slug}")
        self.ids["delivery_id"] = eventually(delivered, f"word of {self.slug}")[0]["id"]

    def _key(self, scope: str) -> str:
        made = self._ask_ok(
            "POST", "/api/keys", json={"name": self.marked(scope), "scopes": [scope]}
        )
        secret: str = made["secret"]
        return secret

    def _ask_ok(self, method: str, path: str, **more: Any) -> Any:
        answer = self.ask(method, path, **more)
        assert answer.status_code in (200, 201, 202), (method, path, answer.text)
        return answer.json()


@contextmanager
def two_shops() -> Iterator[tuple[Tenant, Tenant]]:
    with (
        mailbox() as box,
        receiver() as listener,
        running(webhook_networks=LOCAL, feed_networks=LOCAL, **box.settings) as house,
    ):
        house.start()
        tenants = Tenant(house, box, listener, "Acme"), Tenant(house, box, listener, "Bolt")
        for tenant in tenants:
            tenant.furnish()
        for tenant in tenants:
            tenant.settle()
        yield tenants
        for tenant in tenants:
            tenant.client.close()
