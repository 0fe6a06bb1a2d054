"""Writes with an `Idempotency-Key` when a connection breaks, a process dies, a body never ends."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec

from conftest import House
from patron.app.answering.idempotency import RememberAnswers
from patron.kit.db import Database
from patron.kit.ids import new_id
from patron.kit.migrate import HOUSE
from patron.shops.types import Access, KeyKind

Message = dict[str, Any]
BODY = b'{"name": "till"}'


class Caller:
    """Sends requests under one key, and counts how often the work behind it was done."""

    def __init__(self, house: House, db: Database) -> None:
        self.access = Access(house.acme, new_id(), KeyKind.SERVER, frozenset())
        self.done: list[bytes] = []
        self.status, self.query = 201, b""
        self.heard = 0
        self.at_once: list[int | None] = []  # the answers to repeats in the moment of the first
        self._app = RememberAnswers(self._work, db, house.clock)

    async def _work(self, scope: Any, receive: Any, send: Any) -> None:
        self.done.append((await receive())["body"])
        head = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": self.status, "headers": head})
        await send({"type": "http.response.body", "body": b"{}"})

    async def ask(
        self, parts: Sequence[Message], *, again: bool = False
    ) -> tuple[int | None, dict[str, Any]]:
        """The answer to a request that comes in `parts`, the last of them for ever. `again` asks
        once more as soon as the answer is there."""
        scope: dict[str, Any] = {
            "type": "http",
            "method": "POST",
            "path": "/api/keys",
            "query_string": self.query,
            "headers": [(b"idempotency-key", b"one")],
            "state": {"access": self.access},
        }
        told: list[Message] = []
        self.heard = 0

        async def receive() -> Message:
            self.heard += 1
            return parts[min(self.heard, len(parts)) - 1]

        async def send(message: Any) -> None:
            told.append(message)
            if again and len(told) == 2:
                self.at_once.append((await self.ask(parts))[0])

        await self._app(scope, receive, send)  # type: ignore[arg-type]
        if not told:
            return None, {}
        return told[0]["status"], msgspec.json.decode(told[1]["body"])


def part(body: bytes, *, more: bool) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


WHOLE = [part(BODY, more=False)]


def test_half_a_request_is_none_and_may_be_sent_again(house: House) -> None:
    async def story(db: Database) -> None:
        caller = Caller(house, db)
        cut = [part(BODY[:7], more=True), {"type": "http.disconnect"}]
        assert await caller.ask(cut) == (None, {})
        assert caller.done == []
        assert (await caller.ask(WHOLE))[0] == 201
        assert caller.done == [BODY]

    house.run(story)


def test_who_has_an_answer_gets_the_same_again_at_once(house: House) -> None:
    async def story(db: Database) -> None:
        caller = Caller(house, db)
        assert (await caller.ask(WHOLE, again=True))[0] == 201
        assert (caller.at_once, caller.done) == ([201], [BODY])

    house.run(story)


def test_the_same_word_of_another_key_is_another_request(house: House) -> None:
    async def story(db: Database) -> None:
        first, second = Caller(house, db), Caller(house, db)
        assert (await first.ask(WHOLE))[0] == (await second.ask(WHOLE))[0] == 201
        assert (first.done, second.done) == ([BODY], [BODY])

    house.run(story)


def test_another_query_is_another_request(house: House) -> None:
    async def story(db: Database) -> None:
        caller = Caller(house, db)
        assert (await caller.ask(WHOLE))[0] == 201
        caller.query = b"dry_run=true"
        assert (await caller.ask(WHOLE))[0] == 422
        assert len(caller.done) == 1

    house.run(story)


def test_a_failure_of_ours_is_forgotten_and_a_refusal_is_not(house: House) -> None:
    async def story(db: Database) -> None:
        caller = Caller(house, db)
        for status, again in ((503, 500), (500, 400), (400, 400)):
            caller.status = status
            assert (await caller.ask(WHOLE))[0] == status
            caller.status = again
        caller.status = 201
        assert (await caller.ask(WHOLE))[0] == 400
        assert len(caller.done) == 3

    house.run(story)


def test_a_request_whose_process_died_is_done_when_it_comes_again(house: House) -> None:
    async def story(db: Database) -> None:
        caller = Caller(house, db)
        assert (await caller.ask(WHOLE))[0] == 201
        async with db.unit(HOUSE) as tx:  # as kill -9 in the middle of the work leaves it
            await tx.execute("UPDATE answer SET status = NULL, body = NULL")
        house.clock.advance(timedelta(seconds=30))
        status, problem = await caller.ask(WHOLE)
        assert (status, problem["remedy"]) == (409, "try again soon")
        house.clock.advance(timedelta(minutes=10))
        assert (await caller.ask(WHOLE))[0] == 201
        assert (await caller.ask(WHOLE))[0] == 201
        assert len(caller.done) == 2

    house.run(story)


def test_of_a_body_without_end_only_so_much_is_read(house: House) -> None:
    async def story(db: Database) -> None:
        caller = Caller(house, db)
        status, problem = await caller.ask([part(b"x" * 1_000_000, more=True)])
        assert status == 413
        assert "10 MB" in problem["remedy"]
        assert caller.heard < 20
        assert caller.done == []

    house.run(story)
