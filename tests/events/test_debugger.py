"""The owner sees what came in and what was refused, and runs it again after a fix."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from conftest import House
from events.walking import NOON, envelope, lane, names, put, put_calls, row, track, walk_all
from patron.events import accept, debugger, store, walk
from patron.events.debugger import EventView, RefusalView, ReplayOrder
from patron.events.inbox import Inbox
from patron.events.refused import store as refused_store
from patron.events.refused.replay import Replayed
from patron.events.steps import circumstances
from patron.events.steps.draft import Draft, Setting
from patron.events.types import Drop, Source, Trust
from patron.kit.db import Database
from patron.kit.paging import Page
from patron.kit.problems import Problem

Desk = Callable[..., Awaitable[Any]]
OLD = track("A", "m1", timestamp="2020-01-01T00:00:00Z", properties={"n": 1})


def told(house: House, story: Callable[[Database, Inbox], Awaitable[None]]) -> None:
    async def with_inbox(db: Database) -> None:
        inbox = Inbox(house.url, house.clock)
        try:
            await story(db, inbox)
        finally:
            await inbox.close()

    house.run(with_inbox)


async def walked(db: Database, house: House) -> list[str]:
    async with db.unit(house.acme.schema) as tx:
        return names(await walk_all(tx, house.acme))


async def given(db: Database, house: House, *calls: Any) -> list[str]:
    async with db.unit(house.acme.schema) as tx:
        await put_calls(tx, calls)
        return names(await walk_all(tx, house.acme))


async def events(db: Database, house: House, **query: Any) -> Page[EventView]:
    found: Page[EventView] = await debugger.list_events.fn(db=db, shop=house.acme, **query)
    return found


async def rejected(db: Database, house: House, **query: Any) -> Page[RefusalView]:
    found: Page[RefusalView] = await debugger.list_rejected.fn(db=db, shop=house.acme, **query)
    return found


async def replay(db: Database, house: House, inbox: Inbox, **order: Any) -> Replayed:
    data = ReplayOrder(**order)
    done: Replayed = await debugger.replay_events.fn(db=db, shop=house.acme, inbox=inbox, data=data)
    return done


def forgiving(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fix: the step that refuses old times is gone."""
    steps = tuple(step for step in accept.STEPS if step.__name__ != "drop_bad_time")
    monkeypatch.setattr(accept, "STEPS", steps)


def test_the_newest_events_page_by_page(house: House) -> None:
    async def story(db: Database, _: Inbox) -> None:
        await given(db, house, *[track(f"E{number}", userId="u1") for number in range(5)])
        seen = []
        cursor = None
        while True:
            page = await events(db, house, limit=2, cursor=cursor)
            seen += [item.name for item in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert seen == ["E4", "E3", "E2", "E1", "E0"]
        item = page.items[0]
        assert (item.trust, item.source, item.user_id) == ("public", "browser", "u1")

    told(house, story)


def test_following_what_comes_in(house: House) -> None:
    async def story(db: Database, _: Inbox) -> None:
        assert (await events(db, house, after=0)).items == []
        await given(db, house, track("A"), track("B"))
        first = await events(db, house, after=0)
        assert [item.name for item in first.items] == ["A", "B"]
        await given(db, house, track("C"))
        then = await events(db, house, after=first.items[-1].position)
        assert [item.name for item in then.items] == ["C"]

    told(house, story)


@pytest.mark.parametrize("query", [{"cursor": "x"}, {"cursor": "W251bGxd"}, {"limit": 0}])
def test_damaged_questions_are_told(house: House, query: dict[str, Any]) -> None:
    async def story(db: Database, _: Inbox) -> None:
        for ask in (events, rejected):
            with pytest.raises(Problem) as caught:
                await ask(db, house, **query)
            assert caught.value.document.status == 400
            assert caught.value.document.remedy

    told(house, story)


def test_refusals_show_the_call_and_why(house: House) -> None:
    async def story(db: Database, _: Inbox) -> None:
        noise = b'{"type":"track","event":"\xff"}'
        async with db.unit(house.acme.schema) as tx:
            await put(
                tx, await lane(tx), row(envelope(OLD, ip="1.2.3.4"), envelope(noise)), count=2
            )
        assert await walked(db, house) == []
        text, call = (await rejected(db, house)).items
        assert (call.reason, call.event) == (Drop.BAD_TIME, OLD)
        assert "server key" in call.detail
        assert (text.reason, type(text.event)) == (Drop.BAD_TEXT, str)
        only = await rejected(db, house, reason=Drop.BAD_TIME)
        assert [item.id for item in only.items] == [call.id]
        first = await rejected(db, house, limit=1)
        rest = await rejected(db, house, limit=1, cursor=first.next_cursor)
        assert [item.id for item in first.items + rest.items] == [text.id, call.id]

    told(house, story)


def test_a_refusal_is_taken_after_a_fix(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(db: Database, inbox: Inbox) -> None:
        await given(db, house, OLD, {**OLD, "messageId": "m2"}, {"type": "x", "userId": "u"})
        again = await replay(db, house, inbox, reason=Drop.BAD_TIME)
        assert (again.replayed, again.unreadable, again.more) == (2, [], False)
        assert await walked(db, house) == [], "nothing is mended yet: both are listed anew"
        assert len((await rejected(db, house, reason=Drop.BAD_TIME)).items) == 2
        forgiving(monkeypatch)
        house.clock.advance(timedelta(hours=1))
        assert (await replay(db, house, inbox, all=True)).replayed == 3
        assert await walked(db, house) == ["A", "A"]
        assert [item.reason for item in (await rejected(db, house)).items] == [Drop.UNKNOWN_TYPE]
        item = (await events(db, house)).items[0]
        assert (item.message_id, item.received_at, item.properties) == ("m2", NOON, {"n": 1})

    told(house, story)


def test_a_replay_that_was_cut_off_takes_nothing_twice(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    nameless = {key: value for key, value in OLD.items() if key != "messageId"}

    async def story(db: Database, inbox: Inbox) -> None:
        await given(db, house, OLD, nameless)
        forgiving(monkeypatch)

        async def cut_off(*_: Any) -> None:
            raise ConnectionError("the process died here")

        with monkeypatch.context() as patch:
            patch.setattr(refused_store, "discard", cut_off)
            with pytest.raises(ConnectionError):
                await replay(db, house, inbox, all=True)
        assert len((await rejected(db, house)).items) == 2, "still listed"
        assert (await replay(db, house, inbox, all=True)).replayed == 2
        assert await walked(db, house) == ["A", "A"]

    told(house, story)


def test_a_replayed_row_is_not_new_when_its_file_comes_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported: dict[str, Any] = {"kind": "import", "trust": Trust.SERVER, "source": Source.IMPORT}
    row_of_a_file = {**OLD, "timestamp": "1980-01-01T00:00:00Z"}

    async def brought(db: Database) -> list[str]:
        async with db.unit(house.acme.schema) as tx:
            await put_calls(tx, [row_of_a_file], **imported)
            return names(await walk_all(tx, house.acme))

    async def story(db: Database, inbox: Inbox) -> None:
        assert await brought(db) == []
        monkeypatch.setattr(circumstances, "EARLIEST", NOON - timedelta(days=40_000))
        assert (await replay(db, house, inbox, all=True)).replayed == 1
        assert await walked(db, house) == ["A"]
        assert await brought(db) == []

    told(house, story)


def test_what_is_no_json_cannot_be_replayed_and_says_so(house: House) -> None:
    async def story(db: Database, inbox: Inbox) -> None:
        async with db.unit(house.acme.schema) as tx:
            await put(tx, await lane(tx), row(envelope(b'{"event":"\\ud800"}'), b"{"), count=2)
        assert await walked(db, house) == []
        listed = {item.id for item in (await rejected(db, house)).items}
        done = await replay(db, house, inbox, all=True)
        assert done.replayed == 0
        assert set(done.unreadable) == listed

    told(house, story)


def test_dead_letters_are_walked_again_after_a_fix(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put_trouble(draft: Draft, _: Setting) -> None:
        raise ZeroDivisionError(draft.event.name)

    async def story(db: Database, inbox: Inbox) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(accept, "STEPS", (*accept.STEPS, put_trouble))
            assert await given(db, house, OLD | {"timestamp": None}) == []
        page = await debugger.list_dead_letters.fn(db=db, shop=house.acme)
        assert page.items[0].reason == Drop.POISON
        assert "put_trouble" in page.items[0].detail
        async with db.unit(house.acme.schema) as tx:
            await put_calls(tx, [track("Poison", "m7", userId="u7")])
            taken = await walk.take(tx, house.acme, 10)
            assert taken is not None
            (event,) = await walk.accept_batch(tx, house.acme, taken, NOON)
            await walk.bury(tx, house.acme, event, ValueError("a\x00b"), NOON)
            await walk.advance(tx, taken)
        assert (await replay(db, house, inbox, what="dead-letters", all=True)).replayed == 2
        assert sorted(await walked(db, house)) == ["A", "Poison"], "its own id does not stop it"
        assert (await debugger.list_dead_letters.fn(db=db, shop=house.acme)).items == []
        async with db.unit(house.acme.schema) as tx:
            (kept,) = [e for e in await store.by_positions(tx, 1, 9) if e.name == "Poison"]
        assert (kept.message_id, kept.user_id, kept.ts) == ("m7", "u7", NOON)

    told(house, story)


def test_a_replay_says_what_it_needs(house: House) -> None:
    async def story(db: Database, inbox: Inbox) -> None:
        with pytest.raises(Problem) as caught:
            await replay(db, house, inbox)
        assert caught.value.document.remedy == 'give ids, a reason, or "all": true'
        assert (await replay(db, house, inbox, ids=[1, 2, 3])).replayed == 0

    told(house, story)


def test_another_shops_refusals_are_not_listed(house: House) -> None:
    async def story(db: Database, _: Inbox) -> None:
        await given(db, house, OLD)
        page = await debugger.list_rejected.fn(db=db, shop=house.bolt)
        assert page.items == []

    told(house, story)
