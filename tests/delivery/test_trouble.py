"""Servers that refuse, answers that never come, and workers that die at the wrong moment."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from conftest import House
from delivery.scene import appended
from delivery.stage import Killed, Stage, killed_at, play
from patron.messages import outbox, store
from patron.messages.outbox import Resolution
from patron.messages.types import State
from patron.profiles import store as profiles
from patron.shops.types import Mode

DAY = timedelta(days=1)


def test_an_address_that_does_not_exist_is_never_written_to_again(house: House) -> None:
    async def story(stage: Stage) -> None:
        origin, cart = await stage.cart("anna", "anna@example.com")
        stage.box.refuse["anna@example.com"] = "550 5.1.1 <anna@example.com> unknown"
        message_id = await stage.message(origin, cart)
        await stage.work()
        state, reason, words = await stage.last_words(message_id)
        assert (state, reason) == ("failed", "bounced")
        assert "anna@example.com" not in words
        async with stage.unit() as tx:
            assert await profiles.suppressed(tx, "email", "anna@example.com") == "hard_bounce"
        (event,) = await appended(stage.db, stage.shop)
        assert event["event"] == "Email Bounced"
        stage.box.refuse.clear()
        stage.house.clock.advance(2 * DAY)
        again = await stage.message(origin, cart)
        await stage.work()
        assert (await stage.last_words(again))[:2] == ("skipped", "suppressed")
        assert stage.box.mails == []

    play(house, story)


def test_the_owners_own_bounce_in_rehearsal_blocks_no_customer(house: House) -> None:
    async def story(stage: Stage) -> None:
        stage.shop = msgspec.structs.replace(stage.shop, mode=Mode.REHEARSAL)
        stage.box.refuse["owner@acme.example"] = "550 5.1.1 unknown"
        await stage.abandoned("anna", "anna@example.com")
        await stage.work()
        async with stage.unit() as tx:
            assert await profiles.suppressed(tx, "email", "anna@example.com") is None

    play(house, story)


def test_a_server_that_says_later_is_asked_later(house: House) -> None:
    async def story(stage: Stage) -> None:
        stage.box.refuse["anna@example.com"] = "451 4.7.1 greylisted"
        message_id = await stage.abandoned("anna", "anna@example.com")
        await stage.work()
        state, reason, _ = await stage.last_words(message_id)
        assert (state, reason) == ("delayed", "server_said_later")
        assert (await stage.find(message_id)).due_at == stage.now + timedelta(minutes=1)
        stage.box.refuse.clear()
        stage.house.clock.advance(timedelta(minutes=1))
        await stage.work()
        assert (await stage.find(message_id)).state is State.SENT
        assert (await stage.find(message_id)).attempts == 2

    play(house, story)


def test_a_server_that_always_says_later_is_given_up_on(house: House) -> None:
    async def story(stage: Stage) -> None:
        stage.box.data_answer = "452 4.3.1 no space"
        message_id = await stage.abandoned(
            "anna", "anna@example.com", expires_at=stage.now + 9 * DAY
        )
        for _ in range(6):
            await stage.work()
            stage.house.clock.advance(timedelta(hours=4))
        assert (await stage.last_words(message_id))[:2] == ("failed", "gave_up")
        assert (await stage.find(message_id)).attempts == 6
        assert stage.box.mails == []

    play(house, story)


def test_no_answer_is_shown_and_a_human_decides(house: House) -> None:
    async def story(stage: Stage) -> None:
        stage.box.hang_up = True
        message_id = await stage.abandoned("anna", "anna@example.com")
        await stage.work()
        state, reason, words = await stage.last_words(message_id)
        assert (state, reason) == ("ambiguous", "no_answer")
        assert "not sent again unless you say so" in words
        stage.box.hang_up = False
        stage.house.clock.advance(3 * DAY)
        await stage.work()
        assert stage.box.mails == []
        async with stage.unit() as tx:
            assert await outbox.resolve(tx, message_id, Resolution("resend"), stage.now)
        await stage.work()
        assert stage.box.recipients == ["anna@example.com"]
        assert (await stage.find(message_id)).state is State.SENT

    play(house, story)


def test_a_humans_word_counts_after_a_restore_too(house: House) -> None:
    async def story(stage: Stage) -> None:
        stage.box.hang_up = True
        start = {"start": stage.now.isoformat()}
        origin, cart = await stage.cart("anna", "anna@example.com")
        message_id = await stage.message(
            origin, cart, context={"cart_id": str(cart), **start}, condition=None
        )
        await stage.work()
        stage.box.hang_up = False
        stage.house.clock.advance(DAY / 24)
        async with stage.unit() as tx:
            await outbox.restored(tx, stage.now)
            stage.house.clock.advance(DAY / 24)
            assert await outbox.resolve(tx, message_id, Resolution("resend"), stage.now)
        await stage.work()
        assert stage.box.recipients == ["anna@example.com"]

    play(house, story)


@pytest.mark.parametrize(
    ("point", "mails", "end"),
    [
        ("delivery.claimed", 1, "sent"),  # certainly not left: taken up again
        ("delivery.handing_over", 0, "ambiguous"),
        ("delivery.handed_over", 1, "ambiguous"),
        ("delivery.told", 1, "sent"),
    ],
)
def test_a_worker_that_dies_sends_nothing_twice(
    house: House, point: str, mails: int, end: str
) -> None:
    async def story(stage: Stage) -> None:
        message_id = await stage.abandoned("anna", "anna@example.com")
        with killed_at(point), pytest.raises(Killed):
            await stage.deliver()
        stage.house.clock.advance(stage.limits.send_lease)
        await stage.work()
        stage.house.clock.advance(2 * DAY)
        await stage.work()
        assert len(stage.box.mails) == mails
        assert (await stage.find(message_id)).state.value == end
        told = {event["messageId"] for event in await appended(stage.db, stage.shop)}
        assert len(told) == (1 if end == "sent" else 0)
        if end == "ambiguous":
            async with stage.unit() as tx:
                listed = await store.listed(tx, store.Filter(state="ambiguous"), None, 10)
            assert [message.id for message in listed] == [message_id]

    play(house, story)


def test_an_answer_after_the_lease_has_ended_still_counts(house: House) -> None:
    async def story(stage: Stage) -> None:
        message_id = await stage.abandoned("anna", "anna@example.com")
        stage.box.hold.clear()
        slow = asyncio.ensure_future(stage.deliver())
        while not stage.box.got_text.is_set():
            await asyncio.sleep(0.01)
        stage.house.clock.advance(stage.limits.send_lease)
        assert (await stage.deliver()).ambiguous == 1
        stage.box.hold.set()
        assert (await slow).states == {"sent": 1}
        assert (await stage.find(message_id)).state is State.SENT
        assert len(stage.box.mails) == 1

    play(house, story)


def test_without_a_mail_server_the_owner_is_told(house: House) -> None:
    async def story(stage: Stage) -> None:
        stage.channels = {}
        message_id = await stage.abandoned("anna", "anna@example.com")
        await stage.work()
        state, reason, words = await stage.last_words(message_id)
        assert (state, reason) == ("skipped", "no_channel")
        assert "set smtp_host" in words

    play(house, story)
