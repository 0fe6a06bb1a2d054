"""The outbox over HTTP: asked by an owner, a colleague with fewer rights, and a stranger."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from conftest import House
from delivery.scene import customer, doors, key, sent_to
from patron.kit.db import Database
from patron.messages import outbox
from patron.shops.types import Access

Visit = Callable[[httpx.AsyncClient, list[UUID]], Awaitable[Any]]


def ask(house: House, story: Visit, access: Access | None) -> Any:
    """`story` with a client and three messages of acme, the newest ambiguous."""

    async def told(db: Database) -> Any:
        ids = []
        for name in ("anna", "bert", "cara"):
            async with db.unit(house.acme.schema) as tx:
                origin = await customer(tx, house, name, f"{name}@example.com")
                ids.append(await sent_to(tx, origin, f"{name}@example.com", house.clock.now()))
            house.clock.advance(timedelta(minutes=1))
        async with db.unit(house.acme.schema) as tx:
            await outbox.expire(tx, house.clock.now() + timedelta(minutes=2))
        async with doors(house, db, access) as client:
            return await story(client, ids)

    return house.run(told)


def owner(house: House) -> Access:
    return key(house.acme, "shop:admin")


def test_the_list_pages_newest_first_and_names_no_address(house: House) -> None:
    async def story(client: httpx.AsyncClient, ids: list[UUID]) -> None:
        first = (await client.get("/api/messages?limit=2")).json()
        rest = (await client.get(f"/api/messages?limit=2&cursor={first['next_cursor']}")).json()
        shown = [item["id"] for item in first["items"] + rest["items"]]
        assert shown == [str(each) for each in reversed(ids)]
        assert rest["next_cursor"] is None
        assert "example.com" not in str(first) + str(rest)

    ask(house, story, owner(house))


def test_the_list_is_narrowed(house: House) -> None:
    async def story(client: httpx.AsyncClient, ids: list[UUID]) -> None:
        async def found(query: str) -> list[str]:
            answer = await client.get(f"/api/messages?{query}")
            assert answer.status_code == 200, answer.text
            return [item["id"] for item in answer.json()["items"]]

        everything = [str(each) for each in reversed(ids)]
        assert await found("state=ambiguous") == everything[1:]
        assert await found("state=sent") == []
        assert await found("journey=abandoned_cart") == everything
        assert await found("journey=winback") == []
        assert await found("profile=email:bert@example.com") == [str(ids[1])]

    ask(house, story, owner(house))


def test_a_message_says_why(house: House) -> None:
    async def story(client: httpx.AsyncClient, ids: list[UUID]) -> None:
        shown = (await client.get(f"/api/messages/{ids[0]}")).json()
        assert [line["state"] for line in shown["story"]] == ["queued", "handing_over", "ambiguous"]
        assert shown["words"] == shown["story"][-1]["words"]

    ask(house, story, owner(house))


@pytest.mark.parametrize(("answer", "state"), [("sent", "sent"), ("resend", "queued")])
def test_a_human_decides_once(house: House, answer: str, state: str) -> None:
    async def story(client: httpx.AsyncClient, ids: list[UUID]) -> None:
        path = f"/api/messages/{ids[0]}/resolve"
        done = await client.post(path, json={"answer": answer})
        assert (done.status_code, done.json()["state"]) == (200, state)
        again = await client.post(path, json={"answer": answer})
        assert again.status_code == 409
        assert "not ambiguous" in again.json()["detail"]

    ask(house, story, owner(house))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/messages/not-an-id", 400),
        ("/api/messages/01936d3e-7c00-7000-8000-000000000001", 404),
        ("/api/messages?cursor=x", 400),
        ("/api/messages?limit=0", 400),
        ("/api/messages?state=lost", 400),
        ("/api/messages?profile=email:nobody@example.com", 404),
    ],
)
def test_wrong_questions_are_answered_clearly(house: House, path: str, status: int) -> None:
    async def story(client: httpx.AsyncClient, _: list[UUID]) -> int:
        return (await client.get(path)).status_code

    assert ask(house, story, owner(house)) == status


def test_a_nonsense_decision_is_refused(house: House) -> None:
    async def story(client: httpx.AsyncClient, ids: list[UUID]) -> int:
        path = f"/api/messages/{ids[0]}/resolve"
        return (await client.post(path, json={"answer": "maybe"})).status_code

    assert ask(house, story, owner(house)) == 400


def test_a_colleague_may_look_and_not_decide(house: House) -> None:
    async def story(client: httpx.AsyncClient, ids: list[UUID]) -> list[int]:
        looked = await client.get(f"/api/messages/{ids[0]}")
        decided = await client.post(f"/api/messages/{ids[0]}/resolve", json={"answer": "sent"})
        return [looked.status_code, decided.status_code]

    assert ask(house, story, key(house.acme, "messages:read")) == [200, 403]


def test_another_shop_sees_nothing(house: House) -> None:
    async def story(client: httpx.AsyncClient, ids: list[UUID]) -> list[Any]:
        listed = (await client.get("/api/messages")).json()["items"]
        shown = (await client.get(f"/api/messages/{ids[0]}")).status_code
        path = f"/api/messages/{ids[0]}/resolve"
        decided = (await client.post(path, json={"answer": "sent"})).status_code
        return [listed, shown, decided]

    assert ask(house, story, key(house.bolt, "shop:admin")) == [[], 404, 404]


def test_a_stranger_is_not_let_in(house: House) -> None:
    async def story(client: httpx.AsyncClient, ids: list[UUID]) -> set[int]:
        path = f"/api/messages/{ids[0]}"
        answers = [
            await client.get("/api/messages"),
            await client.get(path),
            await client.post(f"{path}/resolve", json={"answer": "sent"}),
        ]
        return {answer.status_code for answer in answers}

    assert ask(house, story, None) == {401}
