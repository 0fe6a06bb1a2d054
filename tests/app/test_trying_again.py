"""Two requests that want the same rows the other way round: both are served."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from litestar import Litestar, post
from litestar.middleware import DefineMiddleware
from litestar.params import JSONBody

from conftest import House
from patron.app.answering.again import ATTEMPTS, TryAgain
from patron.app.answering.failures import HANDLERS
from patron.events.inbox import Inbox
from patron.events.types import Source, Trust
from patron.kit.db import Database, execute, value

Work = Callable[[dict[str, Any]], Awaitable[None]]
CHANGE = "UPDATE shelf SET amount = amount + 1 WHERE name = %s"


def serving(work: Work) -> httpx.AsyncClient:
    @post("/change", status_code=200)
    async def change(data: JSONBody[dict[str, Any]]) -> dict[str, Any]:
        await work(data)
        return data

    app = Litestar(
        [change],
        middleware=[DefineMiddleware(TryAgain)],
        exception_handlers=HANDLERS,
        openapi_config=None,
        logging_config=None,
    )
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url="http://shop.example", timeout=30)


async def shelf(db: Database, house: House) -> None:
    async with db.unit(house.acme.schema) as tx:
        await execute(tx, "CREATE TABLE shelf (name text PRIMARY KEY, amount int NOT NULL)")
        await execute(tx, "INSERT INTO shelf VALUES ('jam', 0), ('tea', 0)")


async def amounts(db: Database, house: House) -> int:
    async with db.unit(house.acme.schema) as tx:
        return int(await value(tx, "SELECT sum(amount) FROM shelf"))


def test_a_deadlock_is_nobodys_answer(house: House) -> None:
    async def story(db: Database) -> None:
        await shelf(db, house)
        met, tries = asyncio.Barrier(2), 0

        async def work(data: dict[str, Any]) -> None:
            nonlocal tries
            tries += 1
            waits = tries <= 2
            async with db.unit(house.acme.schema) as tx:
                await value(tx, "SELECT count(*) FROM shelf")
            async with db.unit(house.acme.schema) as tx:
                await execute(tx, CHANGE, (data["first"],))
                if waits:
                    await met.wait()
                await execute(tx, CHANGE, (data["second"],))

        async with serving(work) as client:
            one, other = {"first": "jam", "second": "tea"}, {"first": "tea", "second": "jam"}
            answers = await asyncio.gather(
                client.post("/change", json=one), client.post("/change", json=other)
            )
        assert [(a.status_code, a.json()) for a in answers] == [(200, one), (200, other)]
        assert (tries, await amounts(db, house)) == (3, 4)

    house.run(story)


def test_what_is_busy_for_long_is_said_to_be_busy(house: House) -> None:
    async def story(db: Database) -> None:
        await shelf(db, house)
        tries = 0

        async def work(_: dict[str, Any]) -> None:
            nonlocal tries
            tries += 1
            async with db.unit(house.acme.schema) as tx:
                await execute(tx, "SET LOCAL lock_timeout = '1ms'")
                await execute(tx, CHANGE, ("jam",))

        async with serving(work) as client, db.unit(house.acme.schema) as holder:
            await execute(holder, "SELECT 1 FROM shelf WHERE name = 'jam' FOR UPDATE")
            answer = await client.post("/change", json={})
        told = answer.json()
        assert (answer.status_code, tries) == (503, ATTEMPTS)
        assert "nothing was done" in told["detail"]
        assert "cannot be reached" not in told["detail"]
        assert answer.headers["retry-after"] == "1"

    house.run(story)


def test_what_was_done_in_part_is_not_done_twice(house: House) -> None:
    """Neither what was committed nor what was appended for the walk."""

    async def story(db: Database) -> None:
        await shelf(db, house)
        inbox = Inbox(house.url, house.clock)
        tries = 0

        async def work(data: dict[str, Any]) -> None:
            nonlocal tries
            tries += 1
            if data["how"] == "commits":
                async with db.unit(house.acme.schema) as tx:
                    await execute(tx, CHANGE, ("tea",))
            else:
                event = {"type": "track", "event": "Tea Poured", "anonymousId": "ada"}
                await inbox.append(house.acme, [event], trust=Trust.SERVER, source=Source.SERVER)
            async with db.unit(house.acme.schema) as tx:
                await execute(tx, "SET LOCAL lock_timeout = '1ms'")
                await execute(tx, CHANGE, ("jam",))

        async with serving(work) as client:
            for how in ("commits", "appends"):
                tries = 0
                async with db.unit(house.acme.schema) as holder:
                    await execute(holder, "SELECT 1 FROM shelf WHERE name = 'jam' FOR UPDATE")
                    answer = await client.post("/change", json={"how": how})
                assert (how, answer.status_code, tries) == (how, 503, 1)
                assert "a part of it was done" in answer.json()["detail"]
        await inbox.close()
        assert await amounts(db, house) == 1

    house.run(story)
