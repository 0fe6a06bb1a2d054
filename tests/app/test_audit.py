"""What a key reads of people, and what it changes, stands in the audit log; and nothing else."""

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from litestar.routes import HTTPRoute

from app.audited import Api, told
from conftest import NOON, House
from patron.app.apidocs import merged
from patron.app.audit import notes, what
from patron.app.server import Web, build_api
from patron.kit.clock import SystemClock
from patron.kit.db import Tx
from patron.kit.settings import Settings
from patron.profiles import store as profiles
from patron.profiles import walk
from patron.shops.audit import store
from patron.shops.audit.types import PATRON, Asked, Entry, Outcome
from profiles.stories import identified

ADA = "ada@x.example"
UNWATCHED = {
    "GET /api/shop", "GET /api/keys", "GET /api/retention", "GET /api/openapi.json",
    "GET /api/docs", "GET /api/products", "GET /api/products/unresolved",
    "GET /api/products/{product_id}", "GET /api/carts/order-feed", "GET /api/conditions/schema",
    "GET /api/journeys", "GET /api/journeys/{key}", "GET /api/journeys/{key}/results",
    "GET /api/computed-traits", "GET /api/computed-traits/{key}", "GET /api/tags",
    "GET /api/predictions", "GET /api/predictions/{key}", "GET /api/feeds", "GET /api/feeds/{key}",
    "GET /api/placements", "GET /api/placements/{key}", "GET /api/placements/{key}/results",
    "GET /api/recommend/report", "GET /api/recommend/schema",
}  # fmt: skip
AN_ID = "018f0000-0000-7000-8000-000000000000"


async def ada(api: Api) -> str:
    """Make Ada known; her profile's id."""
    async with api.web.db.unit(api.house.acme.schema) as tx:
        await walk.resolve(tx, api.house.acme, [identified("42", email=ADA)], NOON, api.web.signer)
        return str(await profiles.find(tx, f"email:{ADA}"))


def filled(path: str) -> str:
    given = {"who": f"email:{ADA}", "address": ADA, "channel": "email", "key": "some"}

    def place(found: re.Match[str]) -> str:
        return given.get(found[1]) or (AN_ID if found[1].endswith("_id") else "some")

    return re.sub(r"\{(\w+)\}", place, path)


def test_no_personal_read_and_no_change_goes_unrecorded(house: House, tmp_path: Path) -> None:
    async def story(api: Api) -> tuple[set[str], set[str], list[Entry]]:
        await ada(api)
        watched = set()
        for path, operations in merged(api.api)["paths"].items():
            for method, operation in operations.items():
                route = f"{method.upper()} {path}"
                keys = [name for one in operation["security"] for name in one]
                if path.startswith("/api/") and keys and route not in UNWATCHED:
                    watched.add(route)
                    body = None if method == "get" else {"nonsense": 1}
                    await api.call(method.upper(), filled(path), json=body)
        entries = await api.entries()
        return watched, {entry.action for entry in entries}, entries

    watched, recorded, entries = told(house, tmp_path, story)
    assert len(watched) > 20
    assert recorded == watched
    assert {entry.actor.name for entry in entries} == {"till"}
    assert ADA not in str(entries)


def test_what_is_left_out_is_there_and_every_text_in_a_path_is_judged(tmp_path: Path) -> None:
    api = build_api(Web(Settings(data_dir=tmp_path, database_url="postgresql://x"), SystemClock()))
    routes, unjudged = set(), []
    for route in api.routes:
        if not isinstance(route, HTTPRoute) or not route.path_format.startswith("/api/"):
            continue
        for method, handler in ((m, h) for h in route.route_handlers for m in h.http_methods):
            routes.add(f"{method} {route.path_format}")
            texts = what.texts_in(what.parameters(handler))
            judged = {*notes.PERSON, *notes.THINGS, *notes.PLAIN, *what.UNKEPT}
            unjudged += [f"{route.path_format}: {name}" for name in route.path_parameters
                         if name in texts - judged]  # fmt: skip
    assert routes >= what.IMPERSONAL
    assert unjudged == [], "name them in PERSON, THINGS, PLAIN or UNKEPT"


def test_an_entry_says_who_what_whom_and_from_where(house: House, tmp_path: Path) -> None:
    async def story(api: Api) -> tuple[str, list[Entry]]:
        root = await ada(api)
        await api.call("GET", f"/api/profiles/email:{ADA}")
        await api.call("GET", f"/api/carts?profile=user_id:42&limit=7&open=true&bogus={ADA}")
        await api.call("GET", "/api/profiles/email:nobody@x.example")
        await api.call("GET", "/api/messages?limit=3&limit=nonsense")
        await api.call("POST", "/api/suppressions", json={"address": "ADA@x.example"})
        await api.call("DELETE", f"/api/suppressions/email/{ADA}")
        await api.call("PATCH", "/api/shop/settings", json={"postal_address": "Mill Lane 4"})
        rule = {"trait": "email", "is": ADA}
        await api.call(
            "POST", "/api/conditions/explain", json={"rule": rule, "person": "user_id:42"}
        )
        return root, await api.entries()

    root, entries = told(house, tmp_path, story)
    hers = f"profile:{root}"
    seen = [(e.action, e.change, e.subject, e.outcome.value, e.detail) for e in entries]
    carts = seen[1][4]
    assert seen == [
        ("GET /api/profiles/{who}", False, hers, "done", {}),
        ("GET /api/carts", False, hers, seen[1][3], carts),
        ("GET /api/profiles/{who}", False, None, "refused", {}),
        ("GET /api/messages", False, None, "refused", seen[3][4]),
        ("POST /api/suppressions", True, hers, "done", {"fields": ["address"]}),
        ("DELETE /api/suppressions/{channel}/{address}", True, hers, "done", {"channel": "email"}),
        ("PATCH /api/shop/settings", True, None, "done", {"fields": ["postal_address"]}),
        ("POST /api/conditions/explain", False, hers, seen[7][3], {"fields": ["person", "rule"]}),
    ]
    assert carts["limit"] == "7"
    assert ADA not in str(carts) and "bogus" not in carts
    first = entries[0]
    assert (first.actor.kind.value, first.actor.name) == ("key", "till")
    assert (first.actor.place, first.at) == ("203.0.113.9", NOON + timedelta(seconds=1))


def test_a_list_is_one_entry_with_how_many_came_back(house: House, tmp_path: Path) -> None:
    async def story(api: Api) -> list[Entry]:
        for name in ("a", "b", "c"):
            body = {"address": f"{name}@x.example"}
            assert (await api.call("POST", "/api/suppressions", json=body)).is_success
        page = (await api.call("GET", "/api/suppressions?limit=2")).json()
        await api.call("GET", f"/api/suppressions?limit=2&cursor={page['next_cursor']}")
        return await api.entries(action="GET /api/suppressions")

    first, second = told(house, tmp_path, story)
    assert (first.count, first.detail) == (2, {"limit": "2"})
    assert (second.count, second.detail) == (1, {"limit": "2", "further": True})


def test_reading_her_cart_is_reading_her(house: House, tmp_path: Path) -> None:
    async def story(api: Api) -> tuple[str, list[Entry]]:
        root = await ada(api)
        async with api.web.db.unit(api.house.acme.schema) as tx:
            await tx.execute(
                "INSERT INTO cart (id, key, origin_id, opened_at, changed_at, items, value,"
                " currency) VALUES (%s, 'k', %s, now(), now(), '[]', 0, 'USD')",
                (AN_ID, root),
            )
        assert (await api.call("GET", f"/api/carts/{AN_ID}")).is_success
        return root, await api.entries(subjects=[f"profile:{root}"])

    _, entries = told(house, tmp_path, story)
    assert [(e.action, e.detail) for e in entries] == [
        ("GET /api/carts/{cart_id}", {"cart_id": AN_ID})
    ]


def test_the_owner_reads_the_log_and_leaves_her_own_line_in_it(
    house: House, tmp_path: Path
) -> None:
    async def story(api: Api) -> None:
        await ada(api)
        await api.call("GET", f"/api/profiles/email:{ADA}")
        await api.call("PATCH", "/api/shop/settings", json={"postal_address": "Mill Lane 4"})
        await api.web.trail._flush()

        async def actions(query: str) -> list[str]:
            found = await api.call("GET", f"/api/audit?{query}")
            assert found.status_code == 200, found.text
            return [entry["action"] for entry in found.json()["items"]]

        assert await actions(f"person=email:{ADA}") == ["GET /api/profiles/{who}"]
        assert await actions("changes=true") == ["PATCH /api/shop/settings"]
        assert await actions("action=profiles") == ["GET /api/profiles/{who}"]
        assert await actions(f"actor={api.key_id}&changes=true") == ["PATCH /api/shop/settings"]
        assert await actions("actor=somebody") == []
        assert await actions("since=2026-03-03T00:00:00Z") == []
        assert await actions("until=2026-03-02T00:00:00Z") == []
        page = (await api.call("GET", "/api/audit?limit=1&changes=true")).json()
        assert page["next_cursor"]
        assert await actions(f"limit=1&changes=true&cursor={page['next_cursor']}") == []
        period = "since=2026-03-03T00:00:00Z&until=2026-03-03T00:00:00Z"
        for odd in ("since=2026-03-03T00:00:00", period):
            assert (await api.call("GET", f"/api/audit?{odd}")).status_code == 400
        assert (await api.call("GET", "/api/audit?cursor=W10")).status_code == 400
        assert (await api.call("DELETE", "/api/audit")).status_code == 405
        own = await api.entries(action="GET /api/audit")
        assert len(own) == 12
        assert own[0].subject is not None and own[0].subject.startswith("profile:")

    told(house, tmp_path, story)


def test_a_change_is_on_disk_before_it_is_made(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(api: Api) -> list[Entry]:
        seen: list[Entry] = []
        insert = profiles.suppress

        async def look(tx: Tx, *words: Any) -> None:
            async with api.web.db.unit(api.house.acme.schema) as other:
                seen.extend(await store.listed(other, Asked(), None, 9))
            await insert(tx, *words)

        monkeypatch.setattr(profiles, "suppress", look)
        await api.call("POST", "/api/suppressions", json={"address": "a@x.example"})
        return seen + await api.entries()

    before, after = told(house, tmp_path, story)
    assert (before.outcome, after.outcome) == (Outcome.BEGUN, Outcome.DONE)
    assert before.id == after.id


def test_a_repeated_answer_is_a_second_reading(house: House, tmp_path: Path) -> None:
    async def story(api: Api) -> list[Entry]:
        head = {"Idempotency-Key": "one"}
        for _ in range(2):
            body = {"address": "a@x.example"}
            await api.call("POST", "/api/suppressions", json=body, headers=head)
        return await api.entries()

    assert [entry.outcome for entry in told(house, tmp_path, story)] == [Outcome.DONE] * 2


def test_what_waits_is_written_down_when_the_process_stops(house: House, tmp_path: Path) -> None:
    async def story(api: Api) -> None:
        await ada(api)
        await asyncio.gather(*(api.call("GET", f"/api/profiles/email:{ADA}") for _ in range(30)))

    told(house, tmp_path, story)
    assert len(house.unit(lambda tx: store.listed(tx, Asked(), None, 99))) == 30


def test_nobody_reads_what_cannot_be_written_down(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(api: Api) -> int:
        monkeypatch.setattr("patron.app.audit.trail.MOST_WAITING", 0)
        return (await api.call("GET", f"/api/profiles/email:{ADA}")).status_code

    assert told(house, tmp_path, story) == 503


def test_an_erasure_stays_in_the_log_and_her_id_does_not(house: House, tmp_path: Path) -> None:
    async def story(api: Api) -> tuple[str, list[Entry]]:
        root = await ada(api)
        await api.call("GET", "/api/profiles/user_id:42")
        await api.entries()
        late = api.call("GET", "/api/profiles/user_id:42/timeline")  # read, not written down yet
        assert (await late).is_success
        assert (await api.call("DELETE", "/api/profiles/user_id:42")).is_success
        return root, await api.entries()

    root, entries = told(house, tmp_path, story)
    assert root not in str(entries)
    assert [(e.action, e.subject, e.outcome.value) for e in entries] == [
        ("GET /api/profiles/{who}", "erased", "done"),
        ("GET /api/profiles/{who}/timeline", "erased", "done"),
        ("DELETE /api/profiles/{who}", "erased", "done"),
    ]


def test_a_room_may_add_a_line_to_its_own_transaction(house: House) -> None:
    async def story(tx: Tx) -> list[Entry]:
        await store.record(tx, PATRON, "segment.recount", "segment:vip", {"people": 3}, NOON)
        return await store.listed(tx, Asked(), None, 9)

    (entry,) = house.unit(story)
    assert (entry.action, entry.subject, entry.detail) == (
        "segment.recount", "segment:vip", {"people": 3},
    )  # fmt: skip
