"""The examples of the OpenAPI document are sent to a running Patron, and work."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import outside
from running import Running, eventually, running

KEYS = {"lists": "trade-fair", "webhooks": "crm", "segments": "cart-open"}
"""What there is under the address of a kind, as soon as its own examples were tried."""


ABOUT_A_MAIL = {"/api/messages/returned"}  # that came back, and so was sent first
ABOUT_MANY = {"/api/lists/lookalikes"}  # people of whom something is known since last night


@pytest.fixture(scope="module")
def shop() -> Iterator[Running]:
    with running() as house:
        house.open_shop()
        house.start()
        named = {"traits": {"email": "ada@customers.example"}}
        house.track("Product Viewed", {"product_id": "tea"}, userId="ada", context=named)
        eventually(lambda: house.call("GET", "/api/profiles/user_id:ada").is_success, "her profile")
        bounced = "/api/suppressions/import?reason=hard_bounce"
        assert house.call("POST", bounced, content=b"email\nada@customers.example\n").is_success
        yield house


def examples(document: dict[str, Any], operation: dict[str, Any]) -> list[Any]:
    """All examples of an operation's request body, wherever the document keeps them."""
    found: list[Any] = []
    for content in operation.get("requestBody", {}).get("content", {}).values():
        found += [e["value"] for e in (content.get("examples") or {}).values()]
        schema = content.get("schema", {})
        while "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        found += schema.get("examples", [])
    return found


def test_every_body_has_an_example_and_every_example_works(shop: Running) -> None:
    document = outside.get(f"{shop.url}/api/openapi.json", timeout=60).json()
    places = {"{who}": "user_id:ada", "{writeKey}": shop.write_key}
    missing, failed, tried = [], [], 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if "requestBody" not in operation:
                continue
            bodies = examples(document, operation)
            if not bodies:
                missing.append(f"{method} {path}")
            kind = path.split("/")[2] if path.count("/") > 1 else ""
            address = path.replace("{key}", KEYS.get(kind, "abandoned_cart"))
            for place, value in places.items():
                address = address.replace(place, value)
            if "{" in address or address in ABOUT_A_MAIL | ABOUT_MANY:
                continue  # about a thing that only exists after a failure, such as a message
            for body in bodies:
                auth = {"auth": (shop.write_key, "")} if path.startswith("/v1/") else {}
                send: Any = httpx.request if auth else shop.call
                target = f"{shop.url}{address}" if auth else address
                # What is no JSON, such as a file, stands there as text.
                sent = {"content": body.encode()} if isinstance(body, str) else {"json": body}
                answer = send(method.upper(), target, **sent, **auth)
                tried += 1
                if not answer.is_success:
                    failed.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
    assert missing == []
    assert failed == [], "\n".join(failed)
    assert tried > 20


def test_errors_are_documented_as_they_are_answered(shop: Running) -> None:
    document = outside.get(f"{shop.url}/api/openapi.json", timeout=60).json()
    responses = document["paths"]["/api/profiles/{who}"]["get"]["responses"]
    assert {"400", "401", "403", "404"} <= responses.keys()
    answer = shop.call("GET", "/api/profiles/user_id:nobody")
    assert answer.status_code == 404
    problem = document["components"]["schemas"]["ProblemDocument"]
    assert set(answer.json()) <= set(problem["properties"])
    assert set(problem["required"]) <= set(answer.json())
