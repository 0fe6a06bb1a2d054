"""Odd addresses and bodies of the API are refused clearly; nothing is a 500."""

from collections.abc import Iterator

import pytest

from musthold.inside import Inside, open_shop
from running import Running, eventually

CALM = {400, 401, 403, 404, 405, 409, 413, 415, 422}


@pytest.fixture(scope="module")
def shop() -> Iterator[Running]:
    with open_shop() as house:
        yield house


PATHS = [
    "/api/profiles/user_id:%00",
    "/api/profiles/email:%ff%fe",
    "/api/profiles/" + "x" * 3_000,
    "/api/profiles/%2e%2e%2f",
    "/api/profiles/email:a@b.example/timeline?cursor=nonsense",
    "/api/profiles/email:a@b.example/timeline?limit=99999999999999999999",
    "/api/events?cursor=%00",
    "/api/events?limit=-1",
    "/api/events?limit=x",
    "/api/events/rejected?cursor=AAAA",
    "/api/events/rejected?reason=nonsense",
    "/api/messages?state=%00",
    "/api/messages/not-a-uuid",
    "/api/journeys/%00",
    "/api/journeys/../../etc",
    "/api/runs/00000000-0000-0000-0000-000000000000",
    "/api/products?cursor=" + "A" * 2_000,
    "/api/tags?cursor=AAAA",
    "/api/profiles/user_id:odd/tags/%00",
    "/api/lists/%00/members",
    "/api/lists/odd/members?cursor=AAAA",
    "/api/lists/odd/imports/not-a-uuid",
    "/api/segments/%00",
    "/api/segments/cart-open/why?person=%00",
    "/api/segments/cart-open/members?on=yesterday",
    "/api/segments/cart-open/members?on=9999-12-31T23:59:59Z",
    "/api/segments/cart-open/growth?days=-1",
    "/api/segments/movement?since=0001-01-01T00:00:00Z",
    "/api/segments/suggestions/%00",
    "/api/computed-traits/%00",
    "/api/predictions/%00",
    "/api/suppressions/export?reason=nonsense",
    "/api/privacy-requests?cursor=AAAA",
    "/api/audit?cursor=AAAA",
    "/api/audit?person=%00",
    "/api/audit?since=9999-12-31T23:59:59-14:00",
    "/api/webhooks/%00",
    "/api/webhooks/odd/deliveries?cursor=AAAA",
    "/api/nothing",
    "/u/nonsense",
    "/u/%00",
    "/c/nonsense",
    "/c/" + "A" * 4_000,
    "/l/nonsense",
    "/l/%ff",
    "/o/nonsense.gif",
    "/preferences/nonsense",
    "/preferences/%00",
    "/confirm/nonsense",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_odd_addresses_are_answered_without_an_error_of_ours(shop: Running, path: str) -> None:
    answer = shop.call("GET", path)
    assert answer.status_code < 500, answer.text


WRITES = [
    ("PUT", "/api/journeys/odd"),
    ("POST", "/api/products"),
    ("PATCH", "/api/shop/settings"),
    ("POST", "/api/shop/mode"),
    ("POST", "/api/keys"),
    ("POST", "/api/events/replay"),
    ("POST", "/api/profiles/user_id:odd-1/consents"),
    ("POST", "/api/profiles/user_id:odd-1/tags"),
    ("POST", "/api/profiles/user_id:odd-1/notes"),
    ("POST", "/api/suppressions/import"),
    ("POST", "/api/suppressions/lift"),
    ("POST", "/api/segments"),
    ("PATCH", "/api/segments/cart-open"),
    ("PUT", "/api/computed-traits/odd"),
    ("PUT", "/api/predictions/odd"),
    ("PUT", "/api/predictions/odd/file"),
    ("POST", "/api/computed-traits/try"),
    ("POST", "/api/lists"),
    ("POST", "/api/lists/odd/members"),
    ("POST", "/api/lists/odd/imports"),
    ("POST", "/api/webhooks"),
    ("POST", "/api/webhooks/odd/replay"),
    ("POST", "/u/nonsense"),
    ("POST", "/preferences/nonsense"),
    ("POST", "/preferences/nonsense/export"),
    ("POST", "/confirm/nonsense"),
]
BAD = [
    b"", b"{", b"[]", b"null", b"17", b'"x"', b"{}", rb'{"name":"\u0000"}', b'{"name":"\xff"}',
    b'{"name":' + b"[" * 5_000 + b"]" * 5_000 + b"}", b'{"definition":{"steps":[{}]},"name":"x"}',
    b'{"unknown":1}', rb'{"a":"\ud800"}', b'{"name":1e400}',
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_odd_bodies_of_the_api_are_refused_clearly(shop: Running, method: str, path: str) -> None:
    for body in BAD:
        answer = shop.call(method, path, content=body, headers={"content-type": "application/json"})
        assert answer.status_code < 500, (body, answer.text)
        if answer.status_code >= 400:
            assert answer.status_code in CALM


def test_the_house_still_works_afterwards(shop: Running) -> None:
    inside = Inside(shop)
    shop.track("Product Viewed", {"product_id": "tea"}, userId="calm", messageId="calm-1")
    eventually(lambda: inside.events("message_id = 'calm-1'") == 1, "the walk of one more event")
    assert "Traceback" not in (shop.folder / "err.log").read_text("utf-8", "replace")
