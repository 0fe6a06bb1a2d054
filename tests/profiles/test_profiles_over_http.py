"""A shop's developer looks at a person, parts two people, writes down a yes."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from litestar import Litestar, Request, Response
from litestar.di import Provide
from litestar.testing import TestClient
from litestar.types import ASGIApp, Receive, Scope, Send

from conftest import House
from patron.events.types import Trust
from patron.events.walk import record
from patron.kit.db import Database, Tx
from patron.kit.problems import Problem
from patron.profiles import routes, store, walk
from patron.profiles.consents import routes as consent_routes
from patron.shops.types import Access, KeyKind, Shop
from profiles.stories import NOON, alias, identified, seen

ADA = "ada@x.example"
ADMIN = frozenset({"shop:admin"})


def as_caller(access: Access | None) -> Any:
    def layer(app: ASGIApp) -> ASGIApp:
        async def call(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("state", {})["access"] = access
            await app(scope, receive, send)

        return call

    return layer


@contextmanager
def api(
    house: House, scopes: frozenset[str] | None = ADMIN, shop: Shop | None = None
) -> Iterator[TestClient[Litestar]]:
    """The room's routes, called with a key of `scopes` (None: no key) in a shop."""
    shop = shop or house.acme
    db = Database(house.url, max_size=3, name="api")
    access = None if scopes is None else Access(shop, UUID(int=9), KeyKind.SERVER, scopes)

    @asynccontextmanager
    async def open_database(_: Litestar) -> AsyncIterator[None]:
        async with db:
            yield

    def answer(_: Request[Any, Any, Any], error: Problem) -> Response[Any]:
        return Response(error.document, status_code=error.document.status)

    provided = {"db": lambda: db, "clock": lambda: house.clock, "shop": lambda: shop}
    app = Litestar(
        [*routes.routes, *consent_routes.routes],
        dependencies={name: Provide(how, sync_to_thread=False) for name, how in provided.items()},
        middleware=[as_caller(access)],
        exception_handlers={Problem: answer},
        lifespan=[open_database],
    )
    with TestClient(app) as client:
        yield client


@pytest.fixture
def ada(house: House) -> House:
    """Ada is known, with a visit stitched to her."""

    async def story(tx: Tx) -> None:
        batch = [
            seen(browser="a"),
            identified("ada", email=ADA, trust=Trust.SERVER, first_name="Ada"),
            seen("ada", "a", minutes=1),
        ]
        await walk.resolve(tx, house.acme, batch, NOON, house.signer)

    house.unit(story)
    return house


def test_a_person_is_shown_by_any_of_her_names(ada: House) -> None:
    with api(ada) as client:
        shown = client.get(f"/api/profiles/email:{quote(ADA)}").json()
        for name in ("user_id:ada", "anonymous_id:a", shown["id"], "email:ADA@X.EXAMPLE"):
            assert client.get(f"/api/profiles/{name}").json() == shown
    assert shown["traits"] == {"first_name": "Ada", "email": ADA}
    assert shown["totals"]["Product Viewed"] == {
        "count": 2, "first": "2026-03-02T12:00:00Z", "last": "2026-03-02T12:01:00Z",
    }  # fmt: skip
    assert shown["reach"]["email"] == {
        "address": ADA, "address_key": ADA, "verified": True, "consent": "none", "suppressed": None,
    }  # fmt: skip
    assert shown["reach"]["sms"]["address"] is None
    assert {f"{i['kind']}:{i['value']}" for i in shown["identifiers"]} == {
        "user_id:ada", f"email:{ADA}", "anonymous_id:a",
    }  # fmt: skip


def test_her_timeline_holds_what_she_did_under_all_her_names(ada: House) -> None:
    async def story(tx: Tx) -> None:
        batch = [seen(browser="a", minutes=n) for n in range(3)] + [seen("ada", minutes=9)]
        await walk.resolve(tx, ada.acme, [*batch, seen("eve")], NOON, ada.signer)
        for position, event in enumerate(batch, 1):
            event.position, event.body = position, b"{}"
        await record(tx, ada.acme, batch)

    ada.unit(story)
    with api(ada) as client:
        told: list[tuple[int, str]] = []
        cursor: str | None = ""
        while cursor is not None:
            page = client.get(
                "/api/profiles/user_id:ada/timeline", params={"limit": 3, "cursor": cursor}
            ).json()
            told += [(event["position"], event["ts"][14:16]) for event in page["items"]]
            cursor = page["next_cursor"]
    assert told == [(4, "09"), (3, "02"), (2, "01"), (1, "00")]


def test_a_merge_is_shown_and_undone_once(ada: House) -> None:
    with api(ada) as client:
        (merge,) = client.get("/api/profiles/user_id:ada/merges").json()["merges"]
        url = f"/api/profiles/user_id:ada/merges/{merge['id']}/undo"
        assert client.post(url).json()["undone_at"] is not None
        assert client.post(url).status_code == 409
        assert client.get("/api/profiles/user_id:ada").json()["origins"] == [merge["winner"]]
        assert client.get("/api/profiles/anonymous_id:a").json()["id"] == merge["loser"]
        assert (
            client.post(f"/api/profiles/user_id:ada/merges/{UUID(int=1)}/undo").status_code == 404
        )


def test_a_yes_is_written_down_with_its_proof(ada: House) -> None:
    url = "/api/profiles/user_id:ada/consents"
    with api(ada) as client:
        said = client.post(url, json={"state": "granted", "text_shown": "Yes.", "place": "till 3"})
        assert said.status_code == 201
        assert said.json()["address_key"] == ADA
        assert client.get("/api/profiles/user_id:ada").json()["reach"]["email"]["consent"] == (
            "granted"
        )
        ada.clock.advance(timedelta(minutes=1))
        client.post(url, json={"state": "withdrawn", "address": "Ada@X.example"})
        words = client.get(url).json()["items"]
        assert [word["state"] for word in words] == ["withdrawn", "granted"]
        assert words[1]["place"] == "till 3"


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"state": "granted", "address": "eve@x.example"}, "not a email of this profile"),
        ({"state": "granted", "address": "nonsense"}, "is no email"),
        ({"state": "granted", "channel": "sms"}, "which has 0"),
        ({"state": "granted", "at": "2026-03-02T12:00:01Z"}, "between 1970 and now"),
        ({"state": "granted", "at": "2026-03-02T12:00:00"}, ""),
        ({"state": "claimed"}, ""),
        ({"state": "granted", "text_shown": "a\0b"}, ""),
        ({"state": "granted", "chanel": "email"}, ""),
    ],
)
def test_a_word_that_cannot_be_kept_says_why(
    ada: House, body: dict[str, object], names: str
) -> None:
    with api(ada) as client:
        answer = client.post("/api/profiles/user_id:ada/consents", json=body)
        assert answer.status_code == 400
        assert names in answer.json()["detail"]
        assert client.get("/api/profiles/user_id:ada/consents").json()["items"] == []


def test_suppressions_are_listed_page_by_page_and_lifted_by_hand(ada: House) -> None:
    async def bounce(tx: Tx) -> None:
        await store.suppress(tx, "email", ADA, "hard_bounce", NOON, "smtp")

    ada.unit(bounce)
    with api(ada) as client:
        for number in range(3):
            client.post("/api/suppressions", json={"address": f"N{number}@x.example"})
        keys: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = client.get("/api/suppressions", params={"limit": 2, "cursor": cursor}).json()
            keys += [stop["address_key"] for stop in page["items"]]
            cursor = page["next_cursor"]
        assert keys == ["n2@x.example", "n1@x.example", "n0@x.example", ADA]
        assert client.delete("/api/suppressions/email/n0@x.example").status_code == 204
        assert client.delete("/api/suppressions/email/n0@x.example").status_code == 404
        assert client.delete(f"/api/suppressions/email/{ADA}").status_code == 404
        assert client.get("/api/profiles/user_id:ada").json()["reach"]["email"]["suppressed"] == (
            "hard_bounce"
        )


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("/api/profiles/user_id:nobody", 404),
        ("/api/profiles/nonsense", 404),
        ("/api/profiles/user_id:a%00b", 404),
        ("/api/profiles/user_id:ada/timeline?limit=0", 400),
        ("/api/profiles/user_id:ada/timeline?cursor=WzEsMl0", 400),
        ("/api/profiles/user_id:ada/timeline?cursor=!!", 400),
        ("/api/suppressions?cursor=WzEsMiwzLDRd", 400),
        ("/api/suppressions?limit=201", 400),
    ],
)
def test_nonsense_is_answered_kindly(ada: House, url: str, status: int) -> None:
    with api(ada) as client:
        assert client.get(url).status_code == status


def test_strangers_and_colleagues_see_no_more_than_they_may(ada: House) -> None:
    read = ["/api/profiles/user_id:ada", "/api/profiles/user_id:ada/timeline",
            "/api/profiles/user_id:ada/merges", "/api/profiles/user_id:ada/consents",
            "/api/suppressions"]  # fmt: skip
    with api(ada, None) as client:
        assert {client.get(url).status_code for url in read} == {401}
    with api(ada, frozenset({"catalog:read"})) as client:
        assert {client.get(url).status_code for url in read} == {403}
    with api(ada, frozenset({"profiles:read"})) as client:
        assert {client.get(url).status_code for url in read} == {200}
        denied = client.post("/api/profiles/user_id:ada/consents", json={"state": "granted"})
        assert denied.status_code == 403
        assert client.post("/api/suppressions", json={"address": ADA}).status_code == 403
        assert client.delete(f"/api/suppressions/email/{ADA}").status_code == 403
    with api(ada, shop=ada.bolt) as client:
        assert client.get(read[0]).status_code == 404


def test_two_known_people_are_joined_and_parted_by_the_shop(ada: House) -> None:
    async def join(tx: Tx) -> None:
        batch = [seen("old-ada"), alias("old-ada", "ada")]
        await walk.resolve(tx, ada.acme, batch, NOON, ada.signer)

    ada.unit(join)
    with api(ada) as client:
        together = client.get("/api/profiles/user_id:old-ada").json()
        assert together["id"] == client.get("/api/profiles/user_id:ada").json()["id"]
        history = client.get("/api/profiles/user_id:ada/merges").json()
        assert {merge["reason"] for merge in history["merges"]} == {"alias", "stitch"}
        assert history["refused"] == []
