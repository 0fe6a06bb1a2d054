"""Whatever is sent, the answer is clear or the refusal is listed; nothing is a 500."""

import gzip
import json
import socket
from collections.abc import Iterator
from random import Random
from typing import Any

import httpx
import pytest

import outside
from musthold.inside import Inside, open_shop
from patron.events.types import Source
from running import Running, eventually

pytestmark = pytest.mark.slow

DEEP = 60_000


@pytest.fixture(scope="module")
def shop() -> Iterator[Running]:
    with open_shop() as house:
        yield house


@pytest.fixture
def inside(shop: Running) -> Inside:
    return Inside(shop)


def post(shop: Running, path: str, body: bytes, **headers: str) -> httpx.Response:
    given = {
        "content-type": "application/json",
        **{k.replace("_", "-"): v for k, v in headers.items()},
    }
    return outside.post(
        f"{shop.url}{path}", content=body, headers=given, auth=(shop.write_key, ""), timeout=30
    )


def said(answer: httpx.Response) -> dict[str, Any]:
    """The problem document of a refusal."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    document: dict[str, Any] = answer.json()
    assert document["status"] == answer.status_code
    assert document["detail"]
    assert document["remedy"]
    return document


TRACK = b'{"event":"X","userId":"u","properties":{"say":%s}}'

BODIES = {
    "nothing": (b"", 400),
    "text": (b"hello", 400),
    "half": (b'{"event":"X"', 400),
    "list": (b"[1,2]", 400),
    "number": (b"17", 400),
    "null": (b"null", 400),
    "trailing": (b'{"event":"X","userId":"u"} and more', 400),
    "single quotes": (b"{'event':'X'}", 400),
    "NaN": (TRACK % b"NaN", 400),
    "raw NUL": (TRACK % b'"a\x00b"', 400),
    "escaped NUL": (TRACK % rb'"a\u0000b"', 400),
    "NUL in a name": (rb'{"event":"X","userId":"u","properties":{"\u0000":1}}', 400),
    "lone high surrogate": (TRACK % rb'"\ud800"', 400),
    "lone low surrogate": (TRACK % rb'"\udc00x"', 400),
    "surrogates swapped": (TRACK % rb'"\udc00\ud800"', 400),
    "not UTF-8": (TRACK % b'"\xff\xfe"', 400),
    "UTF-16": ('{"event":"X"}'.encode("utf-16"), 400),
    "deep lists": (TRACK % (b"[" * 10_000 + b"]" * 10_000), 400),
    "deep objects": (TRACK % (b'{"a":' * 4_000 + b"1" + b"}" * 4_000), 400),
    "unclosed deep": (b"[" * 30_000, 400),
    "a large event": (TRACK % (b'"%s"' % (b"x" * 33_000)), 413),
    "key of the wrong type": (b'{"writeKey":17,"event":"X","userId":"u"}', 400),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("path", ["/v1/track", "/v1/t"])
def test_a_call_that_is_no_event_is_answered_clearly(shop: Running, name: str, path: str) -> None:
    body, status = BODIES[name]
    answer = post(shop, path, body)
    assert answer.status_code == status, answer.text
    said(answer)


BATCHES = {
    "no batch": (b"{}", 400),
    "batch is text": (b'{"batch":"x"}', 400),
    "batch is null": (b'{"batch":null}', 400),
    "batch of numbers": (b'{"batch":[1,2]}', 400),
    "batch of lists": (b'{"batch":[[]]}', 400),
    "too large": (b'{"batch":[{"type":"track","x":"%s"}]}' % (b"x" * 520_000), 413),
    "deep": (b'{"batch":[%s]}' % (b'{"a":' * DEEP + b"1" + b"}" * DEEP), 400),
}  # fmt: skip


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("path", ["/v1/batch", "/v1/import", "/v1/b"])
def test_a_batch_that_is_none_is_answered_clearly(shop: Running, name: str, path: str) -> None:
    body, status = BATCHES[name]
    answer = post(shop, path, body)
    assert answer.status_code == status, answer.text
    said(answer)


def test_bodies_packed_wrongly_are_answered_clearly(shop: Running) -> None:
    bomb = gzip.compress(b'{"batch":[' + b" " * 200_000_000 + b"]}")
    assert said(post(shop, "/v1/batch", bomb, content_encoding="gzip"))["status"] == 413
    whole = gzip.compress(TRACK % b"1")
    assert said(post(shop, "/v1/track", whole[:-9], content_encoding="gzip"))["status"] == 400
    broken = whole[:10] + b"\xff" * 20
    assert said(post(shop, "/v1/track", broken, content_encoding="gzip"))["status"] == 400
    assert said(post(shop, "/v1/track", b"\x00" * 99, content_encoding="br"))["status"] == 415
    assert post(shop, "/v1/track", whole).status_code == 200
    assert post(shop, "/v1/track", TRACK % b"1", content_encoding="gzip").status_code == 200


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, b'{"event":"X","userId":"u"}', 401),
        ({}, b'{"event":"X","userId":"u","writeKey":"wk_wrong"}', 401),
        ({"authorization": "Basic !!!"}, b'{"event":"X","userId":"u"}', 401),
        ({"authorization": "Basic d2tfd3Jvbmc6"}, b'{"event":"X","userId":"u"}', 401),
        ({"authorization": "Bearer sk_wrong"}, b'{"event":"X","userId":"u"}', 401),
        ({"authorization": "Bearer"}, b'{"event":"X","userId":"u"}', 401),
        ({"authorization": "Digest x"}, b'{"event":"X","userId":"u"}', 401),
        ({"authorization": "Bearer " + "x" * 5_000}, b'{"event":"X","userId":"u"}', 401),
        ({}, rb'{"event":"X","userId":"u","writeKey":"\u00e9\u4f60"}', 401),
    ],
)  # fmt: skip
def test_a_key_that_opens_nothing_is_answered_clearly(
    shop: Running, headers: dict[str, str], body: bytes, status: int
) -> None:
    answer = outside.post(f"{shop.url}/v1/track", content=body, headers=headers)
    assert said(answer)["status"] == status


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_another_method_is_answered_clearly(shop: Running, method: str) -> None:
    assert said(outside.request(method, f"{shop.url}/v1/track"))["status"] == 405


def test_a_body_longer_than_said_and_one_that_never_ends_do_no_harm(shop: Running) -> None:
    def parts() -> Iterator[bytes]:
        yield b'{"batch":['
        while True:
            yield b" " * 65_536

    try:
        answer = outside.post(
            f"{shop.url}/v1/batch", content=parts(), auth=(shop.write_key, ""), timeout=30
        )
        assert answer.status_code == 413
    except httpx.WriteError:
        pass  # the server hung up on us, as it may
    with socket.create_connection(("127.0.0.1", shop.port), 5) as line:
        line.sendall(b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n{")
    with socket.create_connection(("127.0.0.1", shop.port), 5) as line:
        line.sendall(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
        line.recv(1_000)
    assert shop.ready()


# --- inside a batch: every event is logged or listed --------------------------------------------

HUGE = 10**400
ODD: list[Any] = [
    None, True, 0, -1, 17, 3.5, -0.0, 1e308, 10**30, "", " ", "x", "🍞", "\u202e", "a\x7fb",
    "x" * 1_000, "x" * 9_000, "NaN", "Infinity", "1e999", "-5", [], [[]], [None], {}, {"": {}},
    {"a": [1, {"b": None}]}, ["a", 1, None, {}], "2026-03-02T12:00:00Z", "' OR 1=1 --",
    "{{7*7}}", "%s %n", "../../etc/passwd", "<script>alert(1)</script>",
]  # fmt: skip
TIMES: list[Any] = [
    "yesterday", "0000-00-00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z",
    "2026-02-30T00:00:00Z", "2026-13-01", "2026-03-02T25:61:61Z", "1970-01-01T00:00:00Z",
    "-000001-01-01T00:00:00Z", "2026-03-02T12:00:00+99:99", "20260302", "2026-W10", "12:00",
    0, -1, 10**18, 1e300, -1e300, 1772452800, 1772452800000, True, [], {}, "",
    "2026-03-02T12:00:00",
    "+275760-09-13T00:00:00Z", "2106-02-07T06:28:15Z", "1772452800", "2026-03-02 12:00:00 UTC",
]  # fmt: skip
FIELDS = [
    "type", "event", "userId", "anonymousId", "messageId", "timestamp", "sentAt",
    "originalTimestamp", "properties", "context", "traits", "integrations", "name", "category",
    "groupId", "previousId", "backfill", "userHash", "channel", "_metadata", "version",
]  # fmt: skip
PROPERTIES = [
    "products", "product_id", "sku", "price", "quantity", "revenue", "total", "value", "currency",
    "order_id", "cart_id", "checkout_id", "email", "url", "name", "image_url", "category", "query",
    "coupon", "discount", "list", "text", "channel", "purpose", "items", "ecommerce",
]  # fmt: skip
CONTEXT = [
    "ip", "userAgent", "page", "campaign", "traits", "locale", "timezone", "library", "device",
    "os", "screen", "referrer", "patron", "consent", "externalIds", "sessionId",
]  # fmt: skip
EVENTS = [
    "Product Viewed", "Product Added", "Product Removed", "Cart Viewed", "Checkout Started",
    "Order Completed", "Order Refunded", "Order Cancelled", "Products Searched", "add_to_cart",
    "purchase", "Email Subscribed", "Email Unsubscribed", "Unsubscribed", "Email Bounced",
    "Product List Viewed", "Cart Updated", "Order Updated",
]  # fmt: skip
TYPES = ["track", "identify", "page", "screen", "group", "alias"]


def hostile(random: Random, number: int) -> dict[str, Any]:
    """An event with something wrong in one, two or three places."""
    event: dict[str, Any] = {
        "type": random.choice(TYPES),
        "event": random.choice(EVENTS),
        "userId": f"odd-{number % 40}",
        "anonymousId": f"anon-{number % 30}",
        "properties": {
            "order_id": f"o{number}",
            "cart_id": f"c{number % 50}",
            "product_id": "p1",
            "price": 5,
            "products": [{"product_id": "p1", "price": 5, "quantity": 2}],
        },
        "context": {"traits": {"email": f"odd{number % 40}@people.example"}},
        "traits": {"email": f"odd{number % 40}@people.example"},
        "previousId": f"anon-{(number + 1) % 30}",
        "groupId": "g",
    }
    for _ in range(random.randrange(1, 4)):
        where, value = random.randrange(6), random.choice(ODD)
        if where == 0:
            event[random.choice(FIELDS)] = value
        elif where == 1 and isinstance(event["properties"], dict):
            event["properties"][random.choice(PROPERTIES)] = value
        elif where == 2 and isinstance(event["context"], dict):
            event["context"][random.choice(CONTEXT)] = value
        elif where == 3 and isinstance(event["properties"], dict):
            bad = {random.choice(PROPERTIES): value, "product_id": random.choice(ODD)}
            event["properties"]["products"] = [bad, value]
        elif where == 4:
            event[random.choice(["timestamp", "sentAt", "originalTimestamp"])] = random.choice(
                TIMES
            )
        elif isinstance(event["traits"], dict):
            event["traits"][random.choice(["email", "phone", "firstName", "address", "x"])] = value
    event["mark"] = f"mark-{number:06d}-"
    return event


def rejections(shop: Running) -> list[dict[str, Any]]:
    """Everything that is listed as rejected."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        query = {"limit": 200} | ({"cursor": cursor} if cursor else {})
        page = shop.call("GET", "/api/events/rejected", params=query)
        assert page.status_code == 200, page.text
        found += page.json()["items"]
        cursor = page.json().get("next_cursor")
        if not cursor:
            return found


@pytest.mark.parametrize("key", ["write_key", "server_key"])
def test_hostile_events_in_a_batch_are_logged_or_listed_and_poison_nothing(
    shop: Running, inside: Inside, key: str
) -> None:
    random = Random(key)
    count = 3_000
    before = inside.position()
    refused_before = len(rejections(shop))
    for start in range(0, count, 100):
        batch = [hostile(random, number) for number in range(start, start + 100)]
        answer = outside.post(
            f"{shop.url}/v1/batch",
            content=json.dumps({"batch": batch}),
            auth=(getattr(shop, key), ""),
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
    inside.walked()
    assert inside.dead_letters() == []
    refused = rejections(shop)[: len(rejections(shop)) - refused_before]
    assert {one["reason"] for one in refused} >= {"unknown_type", "malformed", "bad_time"}
    assert all(one["detail"] for one in refused)
    ((known, upto, own),) = inside.rows(
        "SELECT count(*), max(position), count(*) FILTER (WHERE source = %s) FROM event"
        " WHERE position > %s",
        (Source.PATRON, before),
    )
    assert known == upto - before
    logged = known - own  # what Patron tells itself, of segments and mails, was sent by nobody
    # Some marks share a message id by chance of the odd values; no event may vanish otherwise.
    doubles = count - logged - len(refused)
    assert 0 <= doubles <= count // 50
    lists = ("products", "messages", "events")
    for path in ("/api/profiles/user_id:odd-3", *(f"/api/{one}?limit=50" for one in lists)):
        answer = shop.call("GET", path)
        assert answer.status_code in (200, 404), (path, answer.text)


def test_absurd_dates_are_logged_with_a_time_that_makes_sense_or_listed(
    shop: Running, inside: Inside
) -> None:
    before = inside.position()
    batch = [
        {"type": "track", "event": "Dated", "userId": "dated", "messageId": f"date-{n}-{field}",
         field: value}
        for n, value in enumerate(TIMES)
        for field in ("timestamp", "sentAt", "originalTimestamp")
    ]  # fmt: skip
    answer = outside.post(
        f"{shop.url}/v1/batch", json={"batch": batch}, auth=(shop.write_key, ""), timeout=30
    )
    assert answer.status_code == 200
    inside.walked()
    logged = {
        mark: ts.year
        for mark, ts in inside.rows(
            "SELECT message_id, ts FROM event WHERE position > %s AND user_id = 'dated'", (before,)
        )
    }
    listed = json.dumps(rejections(shop))
    for event in batch:
        mark = str(event["messageId"])
        assert mark in logged or mark in listed, event
    assert all(1990 <= year <= 2027 for year in logged.values()), logged


def test_what_is_too_much_in_an_event_is_listed_with_its_reason(
    shop: Running, inside: Inside
) -> None:
    nested: Any = 1
    for _ in range(90):
        nested = {"a": nested}
    cases: dict[str, dict[str, Any]] = {
        "too_many_properties": {"properties": {f"p{n}": n for n in range(2_600)}},
        "too_large": {"properties": {"text": "x" * 40_000}},
        "too_deep": {"properties": nested},
        "no_event_name": {"event": ""},
        "unknown_type": {"type": "dance"},
        "no_user_anon_id": {"userId": None},
        "bad_text": {"properties": {"say": "a\x00b"}},
    }
    batch = [
        {"type": "track", "event": "Odd", "userId": "u", "messageId": f"odd-{reason}", **more}
        for reason, more in cases.items()
    ]
    good = {"type": "track", "event": "Good", "userId": "u", "messageId": "good-one"}
    odd = b'{"type":"track","event":"Odd","userId":"u","messageId":"odd-lone",'
    lone = odd + rb'"properties":{"x":"\ud800"}}'
    body = json.dumps({"batch": [*batch, good]}).encode()
    body = body[:-2] + b"," + lone + b"]}"
    assert post(shop, "/v1/batch", body).status_code == 200
    inside.walked()
    assert inside.events("message_id = 'good-one'") == 1
    assert inside.events("message_id LIKE 'odd-%%'") == 0
    listed = rejections(shop)
    for reason in cases:
        assert [one for one in listed if f"odd-{reason}" in json.dumps(one)], reason
        assert [one for one in listed if one["reason"] == reason], reason
    assert [one for one in listed if "odd-lone" in json.dumps(one)]
    many = {"type": "track", "event": "Odd", "userId": "u", "properties": {}}
    many["properties"] = {f"property number {n}": n for n in range(10_000)}
    assert said(post(shop, "/v1/track", json.dumps(many).encode()))["status"] == 413
    assert inside.dead_letters() == []


def test_more_events_than_a_batch_may_hold_are_listed_not_lost(
    shop: Running, inside: Inside
) -> None:
    batch = [
        {"type": "track", "event": "M", "userId": "m", "messageId": f"many-{n}"}
        for n in range(2_600)
    ]
    answer = outside.post(
        f"{shop.url}/v1/batch", json={"batch": batch}, auth=(shop.write_key, ""), timeout=30
    )
    assert answer.status_code in (200, 413)
    inside.walked()
    logged = inside.events("message_id LIKE 'many-%%'")
    if answer.status_code == 200:
        listed = sum("many-" in json.dumps(one) for one in rejections(shop))
        assert (logged, listed) == (2_500, 100)


def test_the_house_still_works_afterwards(shop: Running, inside: Inside) -> None:
    shop.track("Product Viewed", {"product_id": "tea"}, userId="calm", messageId="calm-1")
    eventually(lambda: inside.events("message_id = 'calm-1'") == 1, "the walk of one more event")
    assert "Traceback" not in (shop.folder / "err.log").read_text("utf-8", "replace")
