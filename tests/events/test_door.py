"""A client sends events: what it is answered, and what is on disk when it is."""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import msgspec

from conftest import House
from events.doors import Doorway, counted, doorway, envelopes, events_in
from events.walking import refusals, walk_all
from patron.events.door import calls
from patron.events.door.openapi import openapi_paths
from patron.events.routes import Door, DoorSettings
from patron.kit.db import Database
from patron.shops.types import Shop

LOOK = {"event": "Product Viewed", "anonymousId": "a-1", "properties": {"product_id": "17"}}


def told(house: House, story: Any, **more: Any) -> Any:
    """Run `story(doorway)` and give back what it returns, with the envelopes of acme's inbox."""

    async def run(db: Database) -> tuple[Any, list[dict[str, Any]]]:
        async with doorway(db, house.acme, **more) as door:
            result = await story(door)
        return result, await envelopes(db, house.acme)

    return house.run(run)


def test_every_path_takes_its_call_and_the_answer_means_on_disk(house: House) -> None:
    async def story(door: Doorway) -> None:
        before = 0
        for path, kind in calls.PATHS.items():
            body = {"batch": [{**LOOK, "type": "track"}] * 3} if kind == "batch" else LOOK
            answer = await door.post(path, body)
            assert (answer.status_code, answer.json()) == (200, {"success": True}), path
            assert answer.headers["access-control-allow-origin"] == "*"
            after = await counted(door.db, house.acme)
            assert after - before == (3 if kind == "batch" else 1), path
            before = after

    _, found = told(house, story)
    assert len(found) == len(calls.PATHS)
    for kind, envelope in zip(calls.PATHS.values(), found, strict=True):
        expected = {"track" if kind == "batch" else kind}
        assert {event["type"] for event in events_in([envelope])} == expected
        assert (envelope["t"], envelope["s"], envelope["f"]) == (0, 0, False)
        assert envelope["ip"] == "192.0.2.7"


def test_the_key_may_stand_where_clients_put_it(house: House) -> None:
    async def story(door: Doorway) -> None:
        key = door.write_key

        async def status(authorization: str | None, body: dict[str, Any]) -> int:
            answer = await door.post("/v1/t", body, headers={"authorization": authorization})
            return answer.status_code

        def basic(text: str) -> str:
            return "Basic " + base64.b64encode(text.encode()).decode()

        assert await status(basic(f"{key}:"), LOOK) == 200
        assert await status(basic(key), LOOK) == 200
        assert await status("basic " + base64.b64encode(key.encode()).decode(), LOOK) == 200
        assert await status(f"Bearer {key}", LOOK) == 200
        assert await status(None, {**LOOK, "writeKey": key}) == 200
        assert await status("Negotiate abc", {**LOOK, "writeKey": key}) == 200
        assert await status(None, LOOK) == 401
        assert await status(None, {**LOOK, "writeKey": "wk_wrong"}) == 401
        assert await status(basic("wk_wrong:"), {**LOOK, "writeKey": key}) == 401
        assert await status("Basic ####", LOOK) == 401

    _, found = told(house, story)
    assert len(found) == 6


def test_a_server_key_makes_a_call_trusted_and_one_without_the_scope_is_refused(
    house: House,
) -> None:
    async def story(door: Doorway) -> None:
        assert (await door.post("/v1/t", {**LOOK, "writeKey": door.server_key}, headers={
            "authorization": None
        })).status_code == 200  # fmt: skip
        refused = await door.post(
            "/v1/t", LOOK, headers={"authorization": f"Bearer {door.reader_key}"}
        )
        assert refused.status_code == 403
        assert "ingest" in refused.json()["remedy"]

    _, found = told(house, story)
    assert [(e["t"], e["s"]) for e in found] == [(2, 1)]
    assert found[0]["k"]


def test_two_shops_keep_apart(house: House) -> None:
    async def story(db: Database) -> None:
        async with doorway(db, house.acme) as acme, doorway(db, house.bolt) as bolt:
            assert (await acme.post("/v1/t", LOOK)).status_code == 200
            assert (await bolt.post("/v1/i", {"userId": "b-1"})).status_code == 200
        shops: tuple[Shop, Shop] = house.shops
        types = [[e["type"] for e in events_in(await envelopes(db, shop))] for shop in shops]
        assert types == [["track"], ["identify"]]

    house.run(story)


def test_json_counts_whatever_the_content_type_says(house: House) -> None:
    async def story(door: Doorway) -> None:
        for media in ("text/plain", "application/x-www-form-urlencoded", "", "image/png"):
            answer = await door.post("/v1/t", LOOK, headers={"content-type": media})
            assert answer.status_code == 200, media

    assert len(told(house, story)[1]) == 4


def test_packed_bodies_are_unpacked_within_bounds(house: House) -> None:
    packed = gzip.compress(msgspec.json.encode(LOOK))
    half = len(packed) // 2

    async def story(door: Doorway) -> None:
        async def status(body: bytes, encoding: str | None, path: str = "/v1/t") -> int:
            answer = await door.post(path, body, headers={"content-encoding": encoding})
            return answer.status_code

        assert await status(packed, "gzip") == 200
        assert await status(packed, None) == 200  # a .gz file
        assert await status(msgspec.json.encode(LOOK), "gzip") == 200  # unpacked by a proxy
        assert await status(packed[:half], "gzip") == 400
        assert await status(b"\x1f\x8b\x08garbage", "gzip") == 400
        assert await status(b"\x1b\x03\x00", "br") == 415
        bomb = gzip.compress(b'{"batch":[' + b" " * 60_000_000 + b"]}", 9)
        assert len(bomb) < 100_000
        assert await status(bomb, "gzip", "/v1/b") == 413
        members = gzip.compress(b'{"event":"x",') + gzip.compress(b'"anonymousId":"a"}')
        assert await status(members, "gzip") == 200

    assert len(told(house, story)[1]) == 4


def deep(levels: int) -> bytes:
    return b'{"event":"x","properties":' + b'{"a":' * levels + b"1" + b"}" * levels + b"}"


BROKEN = {
    "empty": b"",
    "cut": b'{"event":"x"',
    "two": b"{}{}",
    "envelope broken out of": b'{}},{"r":1,"t":2,"s":1,"f":false,"b":{}',
    "array": b"[]",
    "text": b'"x"',
    "null": b"null",
    "nan": b'{"a":NaN}',
    "type is a number": b'{"type":5}',
    "key is a number": b'{"writeKey":5}',
    "nul": b'{"event":"a\\u0000b"}',
    "nul byte": b'{"event":"a\x00b"}',
    "lone high": b'{"event":"\\ud800"}',
    "lone low": b'{"event":"\\uDC00 x"}',
    "invalid utf-8": b'{"event":"\xff\xfe"}',
    "surrogate in utf-8": b'{"event":"\xed\xa0\x80"}',
    "deep": deep(5_000),
    "deep at the edge": deep(900),
    "deep arrays": b'{"a":' + b"[" * 15_000 + b"]" * 15_000 + b"}",
}


def test_a_broken_event_is_a_clear_400(house: House) -> None:
    async def story(door: Doorway) -> None:
        for name, body in BROKEN.items():
            answer = await door.post("/v1/track", body)
            assert answer.status_code == 400, name
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["remedy"]
            assert answer.json()["code"] == "bad_request"  # what Segment's clients look for
            assert answer.json()["message"] == answer.json()["detail"]

    assert told(house, story)[1] == []


BROKEN_BATCHES = {
    "none": {"sentAt": "2026-03-02T12:00:00Z"},
    "text": {"batch": "abc"},
    "null": {"batch": None},
    "object": {"batch": {}},
    "of numbers": {"batch": [1, 2]},
    "of nulls": {"batch": [{}, None]},
}


def test_a_broken_batch_is_a_clear_400_that_says_where(house: House) -> None:
    async def story(door: Doorway) -> None:
        for name, body in BROKEN_BATCHES.items():
            answer = await door.post("/v1/batch", body)
            assert answer.status_code == 400, name
            assert "batch" in answer.text, name

    assert told(house, story)[1] == []


ODD: dict[str, dict[str, Any]] = {
    "nothing": {},
    "10,000 properties": {**LOOK, "properties": {f"p{n}": n for n in range(10_000)}},
    "escapes that are text": {**LOOK, "properties": {"path": "c:\\u0000\\ud800", "q": '"}]'}},
    "pair": {**LOOK, "properties": {"name": "\U0001f35e"}},
    "wrong types inside": {"event": 5, "properties": "x", "context": [], "timestamp": {}},
    "wrong type": {**LOOK, "type": "identify"},
    "type null": {**LOOK, "type": None},
}


def test_what_is_odd_but_whole_is_kept_as_it_came(house: House) -> None:
    async def story(door: Doorway) -> None:
        for name, event in ODD.items():
            single = json.dumps(event).encode()  # escapes everything that is not ASCII
            path, body = "/v1/t", single
            if len(single) > calls.EVENT_BYTES:
                path, body = "/v1/b", b'{"batch":[%s]}' % single
            assert (await door.post(path, body)).status_code == 200, name

    _, found = told(house, story)
    assert [{**event, "type": "track"} for event in events_in(found)] == [
        {**event, "type": "track"} for event in ODD.values()
    ]


def test_half_a_pair_in_a_batch_costs_only_its_own_event(house: House) -> None:
    batch = [{**LOOK, "type": "track", "messageId": str(n)} for n in range(5)]
    batch[3]["event"] = "\ud83c broken"
    batch[4]["event"] = "\U0001f35e c:\\ud800"

    async def story(door: Doorway) -> Any:
        return await door.post("/v1/batch", json.dumps({"batch": batch}).encode())

    answer, found = told(house, story)
    assert answer.status_code == 200
    assert [e["event"] for e in events_in(found)] == [
        *["Product Viewed"] * 3,
        "\x00 broken",  # which the walk lists as bad text
        "\U0001f35e c:\\ud800",
    ]


def test_sizes_are_bounded_and_a_surplus_is_left_to_the_walk(house: House) -> None:
    async def story(door: Doorway) -> None:
        async def status(path: str, body: Any) -> int:
            return (await door.post(path, body)).status_code

        filler = {**LOOK, "properties": {"text": "x" * 33_000}}
        assert await status("/v1/t", filler) == 413
        assert await status("/v1/b", {"batch": [filler]}) == 200
        assert await status("/v1/b", {"batch": [filler] * 16}) == 413
        assert await status("/v1/b", {"batch": [{"type": "track"}] * 2_600}) == 200
        assert await status("/v1/b", b"x" * 3_000_000) == 413
        assert await status("/v1/b", {"batch": []}) == 200

    _, found = told(house, story)
    assert len(events_in(found)) == 2_601


def test_history_is_marked(house: House) -> None:
    async def story(door: Doorway) -> None:
        assert (await door.post("/v1/t", {**LOOK, "backfill": True})).status_code == 200
        assert (await door.post("/v1/b", {"batch": [LOOK], "backfill": True})).status_code == 200
        assert (await door.post("/v1/t", {**LOOK, "backfill": "yes"})).status_code == 400

    assert [envelope["f"] for envelope in told(house, story)[1]] == [True, True]


def test_pages_of_other_hosts_may_call(house: House) -> None:
    async def story(door: Doorway) -> None:
        for path in ("/v1/t", "/v1/batch", f"/v1/projects/{door.write_key}/settings"):
            answer = await door.http.options(path)
            assert answer.status_code == 204
            assert answer.headers["access-control-allow-origin"] == "*"
            named = answer.headers["access-control-allow-headers"].split(", ")
            assert {"authorization", "content-type", "*"} <= set(named)
        answer = await door.http.get("/v1/t")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST, OPTIONS")
        nobody = await door.http.post("/v1/t", json=LOOK)
        # "Basic" would have the browser ask the shop's visitors for a password.
        assert nobody.headers["www-authenticate"].startswith("Bearer")
        assert nobody.headers["access-control-allow-origin"] == "*", (
            "or the page's script sees none"
        )

    told(house, story)


def test_only_named_proxies_say_where_a_call_comes_from(house: House) -> None:
    header = {"x-forwarded-for": "203.0.113.9, 198.51.100.4, 192.0.2.8"}

    async def story(door: Doorway) -> None:
        assert (await door.post("/v1/t", LOOK, headers=header)).status_code == 200
        nonsense = {"x-forwarded-for": '"},{"'}
        assert (await door.post("/v1/t", LOOK, headers=nonsense)).status_code == 200

    _, found = told(house, story)
    assert [envelope["ip"] for envelope in found] == ["192.0.2.7"] * 2
    trusting = DoorSettings(trusted_proxies=["192.0.2.0/24"])
    _, found = told(house, story, settings=trusting)
    assert [envelope["ip"] for envelope in found[2:]] == ["198.51.100.4", "192.0.2.7"]


def test_the_user_agent_is_kept_as_text(house: House) -> None:
    async def story(door: Doorway) -> None:
        for agent in (b'Mozilla/5.0 "x"\\', b"caf\xc3\xa9 \xff"):
            await door.post("/v1/t", LOOK, headers={"user-agent": agent})

    _, found = told(house, story)
    assert [envelope["ua"] for envelope in found] == ['Mozilla/5.0 "x"\\', "café �"]


def test_what_a_browser_fetches_ahead_is_dropped_and_listed(house: House) -> None:
    ahead = {"sec-purpose": "prefetch;prerender"}, {"purpose": "prefetch"}

    async def story(db: Database) -> None:
        async with doorway(db, house.acme) as door:
            for headers in ({}, {b"sec-purpose": b'\xe9"odd'}, *ahead):
                assert (await door.post("/v1/t", LOOK, headers=headers)).status_code == 200
        async with db.unit(house.acme.schema) as tx:
            assert len(await walk_all(tx, house.acme)) == 2
            assert [reason for reason, _ in await refusals(tx)] == ["prefetch", "prefetch"]

    house.run(story)


def test_the_browser_library_gets_its_settings_and_itself(house: House, tmp_path: Path) -> None:
    (tmp_path / "standalone.js").write_text('window.analyticsWriteKey="__WRITE_KEY__";')
    (tmp_path / "407.bundle.abc.js").write_text("part()")

    async def story(door: Doorway) -> None:
        settings = await door.http.get(f"/v1/projects/{door.write_key}/settings")
        segment = settings.json()["integrations"]["Segment.io"]
        assert segment["apiKey"] == door.write_key
        assert (segment["protocol"], segment["apiHost"]) == ("http", "patron.test/v1")
        script = await door.http.get(f"/analytics.js/v1/{door.write_key}/analytics.min.js")
        assert f'window.analyticsWriteKey="{door.write_key}"' in script.text
        assert script.headers["content-encoding"] == "gzip"
        assert (await door.http.get("/analytics-next/bundles/407.bundle.abc.js")).text == "part()"
        assert (await door.http.get("/analytics-next/bundles/..%2Fx.js")).status_code == 404
        for path in (
            f"/v1/projects/{door.server_key}/settings",
            "/v1/projects/wk_wrong/settings",
            "/analytics.js/v1/wk_wrong/analytics.min.js",
        ):
            assert (await door.http.get(path)).status_code == 404

    told(house, story, settings=DoorSettings(browser_library=tmp_path))


def test_a_missing_browser_library_says_how_to_get_it(house: House, tmp_path: Path) -> None:
    async def story(door: Doorway) -> None:
        answer = await door.http.get(f"/analytics.js/v1/{door.write_key}/analytics.min.js")
        assert answer.status_code == 404
        assert "npm install @segment/analytics-next" in answer.json()["remedy"]
        assert str(tmp_path) not in answer.text, "the public learns nothing of the machine"

    told(house, story, settings=DoorSettings(browser_library=tmp_path))
    told(house, story)


def test_the_examples_of_the_api_document_are_taken(house: House) -> None:
    async def story(door: Doorway) -> int:
        tried = 0
        for path, item in openapi_paths().items():
            assert Door.answers(path.replace("{writeKey}", door.write_key))
            content = item.get("post", {}).get("requestBody", {}).get("content", {})
            for media, described in content.items():
                for example in described["examples"].values():
                    answer = await door.post(
                        path, example["value"], headers={"content-type": media}
                    )
                    assert answer.status_code == 200, path
                    tried += 1
        return tried

    assert told(house, story)[0] == 2 * len(calls.PATHS)
