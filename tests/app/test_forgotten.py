"""Forgetting one customer takes all of her, however she wrote herself, and nothing of another."""

from pathlib import Path

import msgspec
import pytest

from conftest import NOON, House
from events.walking import envelope, lane, put, row, track
from patron.app.care.forgetting import forget
from patron.events.refused import store as refused
from patron.kit.db import Database, execute, tuples
from patron.kit.migrate import HOUSE
from patron.kit.settings import Settings
from patron.profiles import walk as profiles
from patron.shops import store as shops
from profiles.stories import identified

TYPED = "Ada@X.example"
HERS = {"userId": "42", "context": {"traits": {"email": TYPED}}}
ANOTHERS = {"userId": "7", "timestamp": "2026-03-02T03:42:00Z"}


async def kept_answers(db: Database) -> list[bytes]:
    async with db.unit(HOUSE) as tx:
        return [bytes(body) for (body,) in await tuples(tx, "SELECT body FROM answer ORDER BY key")]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


def test_she_goes_as_she_wrote_herself_and_nobody_goes_with_her(
    house: House, settings: Settings
) -> None:
    cut = settings.data_dir / "shops" / house.acme.slug / "cut" / "cut-1.jsonl"
    cut.parent.mkdir(parents=True)
    lines = [msgspec.json.encode(call) for call in ({"userId": "42"}, HERS, ANOTHERS)]
    lines.append(msgspec.json.encode({"userId": "8", "traits": {"email": TYPED}}))
    lines.append(b'{"userId":42}')
    cut.write_bytes(b"".join(line + b"\n" for line in lines))
    answers = [b'{"id":"42"}', b'{"to":"%s"}' % TYPED.encode(), b'{"price":42.42}']

    async def story(db: Database) -> None:
        async with db.unit(house.acme.schema) as tx:
            she = identified("42", email=TYPED)
            await profiles.resolve(tx, house.acme, [she], NOON, house.signer)
            mine = await lane(tx)
            await put(tx, mine, row(envelope({**track("Looked"), **HERS})))
            await put(tx, mine, row(envelope({**track("Looked"), "userId": "7"})))
            await execute(tx, "UPDATE lane SET cursor_seq = 2")
            refusals = [refused.Entry(NOON, "r", "d", line) for line in lines]
            await refused.keep(tx, "rejected", refusals, NOON)
            await refused.keep(tx, "dead-letter", refusals, NOON)
        async with db.unit(HOUSE) as tx:
            for number, body in enumerate(answers):
                key = b"%d" % number
                assert await shops.begin_answer(tx, key, b"", NOON, NOON, NOON) is None
                await shops.keep_answer(tx, key, 200, "application/json", body)

        done = await forget(db, house.acme, "user_id:42", house.signer, house.clock, settings)

        assert done.payloads == 2 * (len(lines) - 1)
        assert cut.read_bytes() == lines[2] + b"\n"
        assert await kept_answers(db) == answers[2:]
        async with db.unit(house.acme.schema) as tx:
            raw = await tuples(tx, "SELECT body FROM inbox ORDER BY seq")
        assert raw[0][0] == b"[]"
        assert b'"7"' in raw[1][0]

    house.run(story)
