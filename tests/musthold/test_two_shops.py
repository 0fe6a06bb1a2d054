"""Every route asked by an owner, a colleague with fewer rights, a stranger and the other owner."""

import base64
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

import outside
from musthold.two_shops import FILES, REFUSED, Tenant, two_shops
from running import eventually

pytestmark = pytest.mark.slow

Route = tuple[str, str]

# What a key must be allowed for each route, said once more and independently of the product.
RIGHTS: list[tuple[str, str]] = [
    # Whoever reads the audit log sees what all do; a webhook takes data out of the house.
    (r"\w+ /api/(shop|keys|webhooks|audit|retention)\b", "shop:admin"),
    (r"GET /api/events", "events:read"),
    (r"POST /api/events", "events:write"),
    (r"GET /api/(products|feeds)", "catalog:read"),
    (r"(POST|DELETE) /api/(products|feeds)", "catalog:write"),
    (r"GET /api/carts/order-feed", "analytics:read"),
    (r"GET /api/profiles/\{who\}/export", "profiles:export"),
    (r"GET /api/(profiles|suppressions|carts|tags|privacy-requests)\b", "profiles:read"),
    (r"(POST|DELETE) /api/(profiles|suppressions|privacy-requests)\b", "profiles:write"),
    # Whom a shop groups are its people, whatever they are grouped by.
    (r"POST /api/computed-traits/try", "profiles:read"),
    (r"GET /api/(segments|lists|computed-traits|predictions)\b", "profiles:read"),
    (
        r"(POST|PUT|PATCH|DELETE) /api/(segments|lists|computed-traits|predictions)\b",
        "profiles:write",
    ),
    (r"GET /api/messages", "messages:read"),
    (r"POST /api/messages", "messages:write"),
    (r"GET /api/journeys/\{key\}/results", "analytics:read"),
    (r"GET /api/(journeys|runs|conditions)", "journeys:read"),
    (r"(PUT|POST) /api/journeys", "journeys:write"),
    (r"POST /api/conditions", "profiles:read"),
    (r"GET /api/placements/\{key\}/results", "analytics:read"),
    # To try a draft, and to ask for many, is to ask; nothing is written.
    (r"POST /api/(placements/try|recommend/batch)", "recommend:read"),
    (r"GET /api/(placements|recommend)\b", "recommend:read"),
    (r"(PUT|POST|DELETE) /api/(placements|recommend)\b", "recommend:write"),
]

# Keys that are no shop's own, and those of what Patron suggests.
PLACES = {
    "/api/segments/ready-made/{key}": "ready_made",
    "/api/segments/suggestions/{key}": "suggestion",
}

# Where one may ask for a person, and what that is called.
ASKED_FOR = {
    "profile": ("/api/carts", "/api/messages", "/api/journeys/{key}/runs"),
    "person": ("/api/segments/{key}/why", "/api/audit"),
}

# Asked last: they take away what the others ask about. Of the other deletions, what is part of
# something goes before it.
LAST = ["DELETE", "undo", "DELETE /api/keys", r"DELETE /api/profiles/\{who\}$"]


@pytest.fixture(scope="module")
def shops() -> Iterator[tuple[Tenant, Tenant]]:
    with two_shops() as shops:
        yield shops


@pytest.fixture
def acme(shops: tuple[Tenant, Tenant]) -> Tenant:
    return shops[0]


@pytest.fixture
def bolt(shops: tuple[Tenant, Tenant]) -> Tenant:
    return shops[1]


@cache
def document(shop: Tenant) -> dict[str, Any]:
    found: dict[str, Any] = outside.get(f"{shop.house.url}/api/openapi.json", timeout=60).json()
    return found


def routes(shop: Tenant) -> list[Route]:
    """Every operation under /api, what destroys last."""
    found = [
        (method.upper(), path)
        for path, operations in document(shop)["paths"].items()
        for method, operation in operations.items()
        if operation["security"] and path.startswith("/api/")
    ]

    def rank(route: Route) -> tuple[int, int]:
        said = " ".join(route)
        place = max((n + 1 for n, word in enumerate(LAST) if re.search(word, said)), default=0)
        return place, -said.count("/") if place else 0

    assert len(found) > 100
    return sorted(found, key=rank)


def right(route: Route) -> str:
    said = " ".join(route)
    for pattern, scope in RIGHTS:
        if re.match(pattern, said):
            return scope
    raise AssertionError(f"{said} is new: say in RIGHTS who may ask it")


def filled(path: str, ids: dict[str, str]) -> str:
    ids = {**ids, "key": ids[PLACES.get(path, "key")]}
    return re.sub(r"\{(\w+)\}", lambda found: ids[found[1]], path)


def bodies(shop: Tenant) -> dict[Route, Any]:
    """Where the document's example speaks of somebody else."""
    bounced = {"address": shop.ids["bounced"], "reason": "hard_bounce", "why": "it works again"}
    return {
        ("POST", "/api/profiles/{who}/consents"): {"state": "granted", "text_shown": "Yes"},
        ("POST", "/api/suppressions/lift"): bounced,
        ("POST", "/api/webhooks/{key}/replay"): {"delivery": shop.ids["delivery_id"]},
    }


def body_of(shop: Tenant, route: Route) -> dict[str, Any]:
    """What is posted there: a file, or the document's example with the shop's own people in it;
    nothing where nothing is."""
    method, path = route
    if route in FILES:
        return {"content": FILES[route].replace(b"MESSAGE", shop.ids["message_id"].encode())}
    if route in bodies(shop):
        return {"json": bodies(shop)[route]}
    spec = document(shop)
    operation = spec["paths"][path][method.lower()]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schema = content.get("schema", {})
        if "$ref" in schema:
            schema = spec["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        examples = [e["value"] for e in (content.get("examples") or {}).values()]
        examples += schema.get("examples", [])
        assert examples, f"{method} {path} has no example in the document"
        hers = {"person": shop.ids["who"], "people": [shop.ids["who"]]}
        named = {
            name: value
            for name, value in hers.items()
            if type(examples[0].get(name)) is type(value)
        }
        return {"json": {**examples[0], **named}}
    return {}


def query_of(shop: Tenant, path: str) -> dict[str, str]:
    return {name: shop.ids["who"] for name, paths in ASKED_FOR.items() if path in paths}


STRANGERS = {
    "nobody": {},
    "a wrong key": {"Authorization": "Bearer sk_00000000000000000000000000000000"},
    "an empty key": {"Authorization": "Bearer"},
    "a key by Basic": {"Authorization": "Basic c2tfd3Jvbmc6"},
    "half a key": {},
    "the write key": {},
}


@pytest.mark.parametrize("who", STRANGERS)
def test_a_stranger_is_told_nothing(acme: Tenant, who: str) -> None:
    headers = dict(STRANGERS[who])
    if who == "half a key":
        headers = {"Authorization": f"Bearer {acme.owner[:-1]}"}
    if who == "the write key":
        headers = {"Authorization": f"Bearer {acme.write_key}"}
    for method, path in routes(acme):
        answer = acme.client.request(
            method, filled(path, acme.ids), headers=headers, params=query_of(acme, path)
        )
        assert answer.status_code == 401, (method, path, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["remedy"]
        assert acme.mark not in answer.text


def test_a_colleague_may_ask_only_what_her_key_is_for(acme: Tenant) -> None:
    nothing = {**acme.ids, "who": "user_id:nobody", "address": "no@x.example", "tag": "nothing"}
    nothing |= dict.fromkeys(("key", "ready_made", "suggestion"), "nothing")
    for name in acme.ids:
        if name.endswith("_id") and name != "product_id":
            nothing[name] = "01900000-0000-7000-8000-000000000000"
    for route in routes(acme):
        method, path = route
        needed = right(route)
        for scope, key in acme.colleagues.items():
            if scope == "shop:admin":
                continue  # implies all; the owner asks below
            answer = acme.ask(method, filled(path, nothing), key=key, params=query_of(acme, path))
            if scope == needed:
                assert answer.status_code not in (401, 403), (route, scope, answer.text)
            else:
                assert answer.status_code == 403, (route, scope, answer.text)
                assert scope not in answer.json()["detail"]
                assert needed in answer.json()["remedy"]


def test_the_owner_of_another_shop_sees_and_changes_nothing(acme: Tenant, bolt: Tenant) -> None:
    before = standing(acme)
    # What she writes under acme's keys is hers, and there from then on: that comes last.
    for method, path in sorted(routes(acme), key=lambda route: route[0] == "PUT"):
        answer = bolt.ask(
            method,
            filled(path, acme.ids),
            **body_of(acme, (method, path)),
            params=query_of(acme, path),
        )
        assert answer.status_code < 500, (method, path, answer.text)
        if "{" in path and method != "PUT" and "ready-made" not in path:
            assert answer.status_code == 404, (method, path, answer.text)
        rest = answer.text
        for asked in acme.ids.values():  # what was asked for may be repeated
            rest = rest.replace(asked, "")
        assert acme.mark not in rest, (method, path, answer.text)
    assert standing(acme) == before


def test_what_is_anothers_is_not_found_under_ones_own(acme: Tenant, bolt: Tenant) -> None:
    """Her own list, person or webhook, and with it something of the other shop."""
    before, others = standing(bolt), standing(acme)
    for method, path in routes(bolt):
        _, *last = re.findall(r"\{(\w+)\}", path) or [""]
        if last:
            mixed = {**bolt.ids, last[-1]: acme.ids[last[-1]]}
            answer = bolt.ask(method, filled(path, mixed), **body_of(bolt, (method, path)))
            assert answer.status_code == 404, (method, path, answer.text)
    key, who = bolt.ids["key"], acme.ids["who"]
    asked: list[tuple[str, str, Any]] = [
        ("GET", f"/api/segments/{key}/why?person={who}", None),
        ("POST", f"/api/webhooks/{key}/replay", {"delivery": acme.ids["delivery_id"]}),
    ]
    for method, path, body in asked:
        assert bolt.ask(method, path, json=body).status_code == 404, path
    for path in ("", "/remove"):
        answer = bolt.ask("POST", f"/api/lists/{key}/members{path}", json={"people": [who]})
        assert answer.json()["unknown"] == [who]
    assert standing(bolt)[OWN:] == before[OWN:]
    assert standing(acme) == others


def standing(shop: Tenant) -> Any:
    """What of a shop must not change because another one was asked."""

    def told(path: str, **params: str) -> Any:
        answer = shop.ask("GET", filled(path, shop.ids), params=params)
        assert answer.status_code == 200, (path, answer.text)
        return answer.json() if "json" in answer.headers["content-type"] else answer.text

    profile = told("/api/profiles/{who}")
    segments = [
        [*(one[name] for name in ("key", "name", "rule")), one["status"] == "paused"]
        for one in told("/api/segments")["items"]
    ]
    # When each was tried last is the worker's doing.
    feeds = [
        [one[name] for name in ("key", "address", "kind")] for one in told("/api/feeds")["items"]
    ]
    # Who changed what; that it is read here is written down too.
    changes = [one["id"] for one in told("/api/audit", changes="true", limit="200")["items"]]
    return [
        changes, profile["identifiers"], profile["origins"], profile["reach"], profile["consents"],
        told("/api/carts", profile=shop.ids["who"])["items"], segments, feeds,
        shop.heard(), *(told(path) for path in STANDING),
    ]  # fmt: skip


OWN = 1
"""Where in `standing` begins what refused calls of a shop's own leave as it is."""

STANDING = [
    "/api/shop", "/api/keys", "/api/journeys", "/api/products/{product_id}",
    "/api/suppressions", "/api/suppressions/export", "/api/privacy-requests", "/api/tags",
    "/api/profiles/{who}/tags", "/api/profiles/{who}/notes", "/api/profiles/{who}/lists",
    "/api/profiles/{who}/segments", "/api/profiles/{who}/computed", "/api/computed-traits",
    "/api/predictions", "/api/profiles/{who}/predictions", "/api/placements",
    "/api/lists", "/api/lists/{key}/members", "/api/lists/{key}/export",
    "/api/lists/{key}/imports/{import_id}", "/api/lists/{key}/imports/{import_id}/report",
    "/api/segments/{key}", "/api/segments/{key}/members", "/api/segments/suggestions",
    "/api/webhooks", "/api/webhooks/{key}/deliveries",
]  # fmt: skip


def test_a_webhook_hears_of_its_own_shop_alone(acme: Tenant, bolt: Tenant) -> None:
    for shop, other in ((acme, bolt), (bolt, acme)):
        assert shop.mark in "".join(shop.heard())
        for said in shop.heard():
            assert json.loads(said)["data"]["shop"] == shop.slug
            assert other.mark not in said


def test_events_sent_with_one_shops_keys_are_in_that_shop_alone(acme: Tenant, bolt: Tenant) -> None:
    for key in (bolt.write_key, bolt.owner):
        body = {"event": "Visited", "userId": acme.marked("ada"), "messageId": f"b-{key[:3]}"}
        answer = outside.post(f"{bolt.house.url}/v1/track", json=body, auth=(key, ""))
        assert answer.status_code == 200
    # A key in the header counts more than one in the body.
    body = {"event": "Visited", "anonymousId": "x", "messageId": "b-x", "writeKey": acme.write_key}
    outside.post(f"{bolt.house.url}/v1/track", json=body, auth=(bolt.write_key, ""))
    eventually(lambda: bolt.inside.events("name = 'Visited'") == 3, "the walk of bolt's events")
    acme.inside.walked()
    assert acme.inside.events("name = 'Visited'") == 0
    assert bolt.ask("GET", f"/api/profiles/user_id:{acme.marked('ada')}").status_code == 200


def forged(link: str, old: str, new: str) -> str:
    """The link with another shop's name in it, its signature as it was."""
    base, _, token = link.rpartition("/")
    body, _, mac = token.removesuffix(".gif").partition(".")
    text = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    assert f'"{old}"'.encode() in text, text
    changed = text.replace(f'"{old}"'.encode(), f'"{new}"'.encode())
    return f"{base}/{base64.urlsafe_b64encode(changed).decode().rstrip('=')}.{mac}" + (
        ".gif" if link.endswith(".gif") else ""
    )


def test_a_link_signed_for_one_shop_works_in_no_other(acme: Tenant, bolt: Tenant) -> None:
    happened = "name LIKE 'Email %%' OR name = 'Unsubscribed'"
    before = bolt.inside.events(happened)
    assert len(acme.links) >= 3
    for link in acme.links:
        fake = forged(link, acme.slug, bolt.slug)
        got = outside.get(fake)
        assert got.status_code in (200, 400, 404), (link, got.status_code)
        assert not got.headers.get("location", "").startswith(f"https://{bolt.slug}"), link
        assert acme.mark not in got.text
        if "/u/" in link:
            assert got.status_code in (400, 404)
            refused = outside.post(fake, data={"List-Unsubscribe": "One-Click"})
            assert refused.status_code in (400, 404)
    restore = next(
        where
        for where in (outside.get(link).headers.get("location", "") for link in acme.links)
        if "/c/" in where
    )
    assert outside.get(restore).status_code == 200
    assert outside.get(forged(restore, acme.slug, bolt.slug)).status_code in (400, 404)
    page = forged(acme.page, acme.slug, bolt.slug)
    assert outside.get(acme.page).status_code == 200
    assert outside.get(page).status_code == 404
    for at in (page, f"{page}/export", f"{page}/erasure"):
        assert outside.post(at, data={"purpose": "x"}).status_code == 404
    # The same person may be in both shops: what she tells one is not said to the other.
    more = {"userId": "twin", "context": {"traits": {"email": acme.address}}}
    text = {"email": acme.address, "list": "n", "text": "Yes", "where": "x"}
    bolt.track("Email Subscribed", text, **more)
    bolt.inside.walked()
    answer = outside.post(acme.links[0], data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    here = acme.ask("GET", f"/api/profiles/{acme.ids['who']}").json()["reach"]["email"]
    there = bolt.ask("GET", "/api/profiles/user_id:twin").json()["reach"]["email"]
    assert here["suppressed"] == "unsubscribe"
    assert there["suppressed"] is None
    assert there["consent"] == "granted"
    bolt.inside.walked()
    assert bolt.inside.events(happened) == before + 1  # her own `Email Subscribed`


def test_public_pages_tell_no_secret(acme: Tenant) -> None:
    settings = outside.get(f"{acme.house.url}/v1/projects/{acme.write_key}/settings")
    assert settings.status_code == 200
    assert "sk_" not in settings.text
    assert outside.get(f"{acme.house.url}/v1/projects/{acme.owner}/settings").status_code == 404
    for path in ("/metrics", "/metrics/worker", "/healthz", "/readyz", "/api/openapi.json"):
        text = outside.get(f"{acme.house.url}{path}").text
        assert acme.mark not in text
        assert acme.owner not in text


def test_the_owner_may_ask_everything(acme: Tenant, bolt: Tenant) -> None:
    for route in routes(acme):
        method, path = route
        answer = acme.ask(
            method, filled(path, acme.ids), **body_of(acme, route), params=query_of(acme, path)
        )
        expected = REFUSED.get(route)
        assert answer.status_code in ((expected,) if expected else (200, 201, 202, 204)), (
            route,
            answer.text,
        )
        assert bolt.mark not in answer.text
    gone = acme.ask("GET", f"/api/profiles/{acme.ids['who']}")
    assert gone.status_code == 404
    assert json.dumps(bolt.ask("GET", f"/api/profiles/{bolt.ids['who']}").json()).count(bolt.mark)
