"""The OpenAPI document has every route, and says truly which of them are open to everybody."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.routes import HTTPRoute

import outside
from patron.app.server import Web, build_api
from patron.events.door import calls
from patron.events.routes import PAGES
from patron.kit.clock import SystemClock
from patron.kit.settings import Settings
from patron.recommend.serving import door
from running import Running, running

Operations = dict[tuple[str, str], dict[str, Any]]
PUBLIC = {
    "/healthz", "/readyz", "/metrics", "/metrics/worker", "/api/openapi.json", "/api/docs",
    "/c/{token}", "/u/{token}", "/u/{token}/undo", "/o/{token}.gif", "/l/{token}",
    "/preferences/{token}", "/preferences/{token}/{kind}", "/confirm/{token}",
    "/v1/projects/{writeKey}/settings", "/analytics-next/bundles/{name}",
    "/analytics.js/v1/{writeKey}/analytics.js", "/analytics.js/v1/{writeKey}/analytics.min.js",
}  # fmt: skip

NOTHING: dict[str, Any] = {"batch": []}
WHOLE = {
    "/api/retention", "/api/segments/ready-made", "/api/segments/{key}/growth",
    "/api/profiles/{who}/tags", "/api/profiles/{who}/computed", "/api/profiles/{who}/predictions",
}  # fmt: skip
"""Lists with an end by their nature, which docs/api.md names."""


@pytest.fixture(scope="module")
def shop() -> Iterator[Running]:
    with running() as house:
        house.open_shop()
        house.start()
        yield house


@pytest.fixture(scope="module")
def described(shop: Running) -> Operations:
    document = outside.get(f"{shop.url}/api/openapi.json", timeout=60).json()
    return {
        (method.upper(), path): operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }


def filled(shop: Running, path: str) -> str:
    """`path` with something of the right form at every place."""
    given = {"writeKey": shop.write_key, "name": "ajs.js", "who": "user_id:ada", "key": "some"}
    an_id = "018f0000-0000-7000-8000-000000000000"

    def place(found: re.Match[str]) -> str:
        name = found[1]
        return given.get(name) or (an_id if name.endswith("_id") else "nonsense")

    return re.sub(r"\{(\w+)\}", place, path)


def test_every_route_is_described_and_everything_described_is_a_route(
    described: Operations, tmp_path: Path
) -> None:
    api = build_api(Web(Settings(data_dir=tmp_path, database_url="postgresql://x"), SystemClock()))
    answered = {
        (method, route.path_format)
        for route in api.routes
        if isinstance(route, HTTPRoute)
        for method in route.methods
        if method != "OPTIONS"
    }
    answered |= {("POST", path) for path in (*calls.PATHS, door.PATH)}
    bare = {key for key in described if key[1] in PUBLIC} - answered
    assert set(described) == answered | bare
    pages = [re.sub(r"\{name\}", "ajs.js", path).replace("{writeKey}", "wk") for _, path in bare]
    for page in PAGES:
        assert any(page.fullmatch(path) for path in pages), f"{page.pattern} is not described"
    left = [path for path in pages if not any(page.fullmatch(path) for page in PAGES)]
    assert sorted(left) == ["/l/{token}", "/o/{token}.gif"]


def test_what_is_open_to_everybody_is_named_here_too(described: Operations) -> None:
    assert {path for (_, path), one in described.items() if not one["security"]} == PUBLIC


def test_open_routes_answer_a_stranger_and_the_others_do_not(
    shop: Running, described: Operations
) -> None:
    wrong = []
    for (method, path), operation in described.items():
        answer = outside.request(
            method, f"{shop.url}{filled(shop, path)}", json=NOTHING, timeout=30
        )
        if not operation["security"]:
            routed = answer.status_code != 405 and '"NotFound"' not in answer.text
            if answer.status_code in (401, 403) or not routed:
                wrong.append((method, path, answer.status_code, answer.text[:80]))
        elif answer.status_code != 401:
            wrong.append((method, path, answer.status_code, answer.text[:80]))
    assert wrong == []


def test_with_the_key_that_is_described_every_route_answers(
    shop: Running, described: Operations
) -> None:
    wrong = []
    for (method, path), operation in described.items():
        for scheme in operation["security"]:
            auth = (shop.write_key, "") if "writeKey" in scheme else None
            headers = {"Authorization": f"Bearer {shop.server_key}"}
            if not scheme:
                continue  # the key stands in the body
            answer = outside.request(
                method,
                f"{shop.url}{filled(shop, path)}",
                auth=auth,
                headers={} if auth else headers,
                json=NOTHING,
                timeout=30,
            )
            if answer.status_code in (401, 403, 405, 500) or '"NotFound"' in answer.text:
                wrong.append((method, path, scheme, answer.status_code, answer.text[:80]))
    assert wrong == []
    scopes = {
        s for one in described.values() for key in one["security"] for s in key.get("serverKey", ())
    }
    assert {"ingest", "shop:admin", "journeys:write", "analytics:read"} <= scopes


def test_every_list_pages_but_those_that_have_an_end(described: Operations) -> None:
    paging, whole = set(), set()
    for (method, path), operation in described.items():
        answer = operation["responses"].get("200", {}).get("content", {})
        schema = answer.get("application/json", {}).get("schema", {})
        if method == "GET" and schema.get("type") == "array":
            whole.add(path)
        elif method == "GET" and {"cursor", "limit"} <= {
            parameter["name"] for parameter in operation.get("parameters", ())
        }:
            paging.add(path)
    assert whole == WHOLE
    assert {"/api/keys", "/api/journeys", "/api/segments", "/api/placements"} < paging
    assert {"/api/feeds", "/api/webhooks", "/api/profiles/{who}/consents"} < paging


def test_a_parameter_that_is_not_described_is_refused_and_the_others_are_not(
    shop: Running, described: Operations
) -> None:
    wrong = []
    for (method, path), operation in described.items():
        if method != "GET" or not any("serverKey" in one for one in operation["security"]):
            continue
        said = shop.call("GET", f"{filled(shop, path)}?reasn=bot").json()
        if said.get("path") != "reasn" or not said.get("remedy", "").startswith("it takes "):
            wrong.append((path, said))
        known = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"}
        for name in known:
            answer = shop.call("GET", f"{filled(shop, path)}?{name}=1")
            if "is no parameter" in answer.text:
                wrong.append((path, name))
    assert wrong == []


def test_pages_follow_each_other_to_the_end(shop: Running) -> None:
    whole = shop.call("GET", "/api/placements").json()
    assert whole["next_cursor"] is None
    keys = []
    cursor: str | None = ""
    while cursor is not None:
        page = shop.call("GET", f"/api/placements?limit=4&cursor={cursor}").json()
        keys += [one["key"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert keys == [one["key"] for one in whole["items"]]
    assert len(keys) == len(set(keys)) > 4
    damaged = shop.call("GET", "/api/keys?cursor=nonsense")
    assert damaged.status_code == 400
    assert damaged.json()["path"] == "cursor"


def test_nothing_else_is_found(shop: Running) -> None:
    for path in (
        "/",
        "/api",
        "/api/nowhere",
        "/api/docs/nowhere",
        "/api/docs/openapi.json",
        "/v1/x",
    ):
        answer = shop.call("GET", path)
        assert (path, answer.status_code) == (path, 404)
        assert answer.headers["content-type"] == "application/problem+json"
