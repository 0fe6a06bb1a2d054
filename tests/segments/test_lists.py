"""Lists of people: whom one puts on them, what conditions say of it, what becomes of merges."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from conftest import House
from known import NOW, Known
from patron.segments.facts import Subject, load_many
from patron.segments.lists import store
from patron.segments.rules.language import Scope, needs, parse
from patron.segments.rules.reading import Misread
from stage import Stage, play

FAIR = {"list": "fair"}


def test_a_condition_says_whether_she_is_on_a_list() -> None:
    on_it, off = Known(lists=frozenset({"fair", "vip"})), Known()
    assert parse(FAIR).evaluate(on_it, NOW).why == ["is on the list “fair”"]
    assert parse(FAIR).holds(on_it, NOW) and not parse(FAIR).holds(off, NOW)
    assert parse({**FAIR, "is": False}).evaluate(off, NOW).why == ["is not on the list “fair”"]
    there = Scope(lists=frozenset({"fair", "vip"}))
    assert parse(FAIR, there) == parse(FAIR)
    with pytest.raises(Misread, match=r"\$\.and\[0\]\.list: there is no list .*'far'.*fair, vip"):
        parse({"and": [{"list": "far"}]}, there)
    with pytest.raises(Misread, match=r"\$\.is"):
        parse({**FAIR, "is": "member"})


def test_she_is_on_a_list_under_whatever_name_she_was_put_on_it(house: House) -> None:
    async def story(stage: Stage) -> None:
        async def holds(rule: dict[str, Any], *origins: UUID) -> list[bool]:
            parsed = parse(rule)
            async with stage.unit() as tx:
                asked = [Subject(one) for one in origins]
                facts = await load_many(tx, asked, needs(parsed), stage.now, stage.shop)
            return [parsed.holds(one, stage.now) for one in facts]

        anna, browser, other = [stage.event("Page Viewed", who) for who in ("u:anna", "b1", "b2")]
        await stage.walk(anna, browser, other)
        async with stage.unit() as tx:
            fair = await store.create(tx, "fair", "Fair", "", stage.now)
            assert fair is not None
            at = datetime(2026, 1, 1, tzinfo=UTC)
            assert await store.add(tx, fair, [browser.origin_id], "test", at)
        everybody = [anna.origin_id, browser.origin_id, other.origin_id]
        assert await holds(FAIR, *everybody) == [False, True, False]
        await stage.walk(stage.event("Page Viewed", "u:anna", browser="b1"))
        assert await holds(FAIR, *everybody) == [True, True, False]
        assert await holds({**FAIR, "is": False}, *everybody) == [False, False, True]
        assert await holds({"list": "vip"}, *everybody) == [False] * 3
        async with stage.unit() as tx:
            assert await store.add(tx, fair, [anna.origin_id], "test", stage.now) == []
            [member], more = await store.members(tx, fair, None, 2)
            [shown] = await store.every(tx, None, 10)
        assert (member.origin_id, member.added_at, more) == (browser.origin_id, at, None)
        assert member.profile_id == anna.origin_id and shown.members == 1

    play(house, story)
