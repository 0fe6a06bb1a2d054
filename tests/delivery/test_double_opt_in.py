"""Double opt-in: a yes waits for her answer to one mail; a link that is followed is no answer."""

import re
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import msgspec

from conftest import House
from delivery.scene import BASE, customer, doors, said
from delivery.stage import Stage, play
from patron.events.types import Event, Source, Trust
from patron.kit.db import Tx
from patron.profiles import store as profiles
from patron.profiles import walk
from patron.profiles.consents import confirmation_store as confirmations
from patron.profiles.types import Reach

ANNA = "anna@example.com"
SHOWN = "Yes, write to me about new teas"


def subscribes(stage: Stage, user: str, email: str, **more: Any) -> Event:
    given = {"email": email, "text": SHOWN, "where": "footer"} | more.pop("told", {})
    event = said("Email Subscribed", user, stage.now, properties=given)
    return msgspec.structs.replace(event, **more)


async def walked(stage: Stage, *events: Event) -> None:
    async with stage.unit() as tx:
        await walk.resolve(tx, stage.shop, list(events), stage.now, stage.house.signer)


def asks(stage: Stage) -> None:
    settings = msgspec.structs.replace(stage.shop.settings, double_opt_in=["email"])
    stage.house.acme = msgspec.structs.replace(stage.house.acme, settings=settings)
    stage.shop = msgspec.structs.replace(stage.shop, settings=settings)


async def reach(stage: Stage, email: str = ANNA) -> Reach:
    async with stage.unit() as tx:
        return await confirmations.reach_of(tx, email, "email", "marketing", stage.shop.settings)


def mails(stage: Stage) -> list[tuple[str, str]]:
    """(to, text) of every mail that left."""
    found = []
    for to, content in stage.box.mails:
        body = message_from_bytes(content, policy=policy.default).get_body(("plain",))
        assert body is not None
        found.append((to, body.get_content()))
    return found


def link(text: str) -> str:
    found = re.search(rf"{re.escape(BASE)}(/confirm/\S+)", text)
    assert found is not None
    return found[1]


def test_a_yes_waits_for_the_button_behind_one_mail(house: House) -> None:
    async def story(stage: Stage) -> None:
        asks(stage)
        await walked(stage, said("Identified", "anna", stage.now, traits={"email": ANNA}))
        await walked(stage, subscribes(stage, "anna", ANNA))
        assert (await reach(stage)).consent == "pending"
        origin, cart = await stage.cart("anna", ANNA, consents=False)
        letter = await stage.message(origin, cart)
        await stage.work()
        state, reason, words = await stage.last_words(letter)
        assert (state, reason) == ("skipped", "not_confirmed")
        assert words == "Not sent: she has not yet confirmed that she agreed."
        [(to, text)] = mails(stage)
        assert to == ANNA and SHOWN in text and "Unsubscribe" not in text
        content = stage.box.mails[0][1]
        assert b"List-Unsubscribe" not in content and b"Cheese" not in content
        async with doors(house, stage.db) as client:
            for _ in range(3):  # what a mail filter does
                page = await client.get(link(text))
                assert SHOWN in page.text and "Yes, write to me" in page.text
                assert (await client.head(link(text))).status_code in (200, 405)
            assert (await reach(stage)).consent == "pending"
            house.clock.advance(timedelta(minutes=5))
            assert "it is confirmed" in (await client.post(link(text))).text
            assert "it is confirmed" in (await client.post(link(text))).text
            assert "You told us already" in (await client.get(link(text))).text
        found = await reach(stage)
        assert (found.consent, found.confirmed) == ("granted", True)
        async with stage.unit() as tx:
            kept = await profiles.consents(tx, await profiles.origins(tx, origin))
        proof = [(str(one.state), one.source, one.text_shown, one.confirmed) for one in kept]
        assert proof == [
            ("granted", "confirmation_page", SHOWN, True),
            ("pending", "server", SHOWN, False),
        ]
        await stage.walk()
        assert (await reach(stage)).confirmed
        house.clock.advance(timedelta(hours=1))
        again = await stage.message(origin, cart)
        await stage.work()
        *_, line = [one.words for one in (await stage.find(again)).story][:-1]
        assert "and confirmed it from her mailbox." in line
        assert len(stage.box.mails) == 2

    play(house, story)


def test_nobody_is_asked_twice_nor_at_a_blocked_address_nor_who_agreed(house: House) -> None:
    async def story(stage: Stage) -> None:
        async with stage.unit() as tx:
            await customer(tx, house, "bert", "bert@example.com")
            await profiles.suppress(tx, "email", "cleo@x.example", "complaint", stage.now, "fbl")
        asks(stage)
        for _ in range(3):
            await walked(
                stage,
                subscribes(stage, "anna", ANNA),
                subscribes(stage, "bert", "bert@example.com"),
                subscribes(stage, "cleo", "cleo@x.example"),
            )
            await stage.work()
            house.clock.advance(timedelta(days=1))
        assert [to for to, _ in mails(stage)] == [ANNA]
        assert (await reach(stage, "bert@example.com")).consent == "granted"
        house.clock.advance(timedelta(days=5))
        async with doors(house, stage.db) as client:
            page = await client.get(link(mails(stage)[0][1]))
            assert "This link works no more" in page.text
            assert "works no more" in (await client.post(link(mails(stage)[0][1]))).text
        assert (await reach(stage)).consent == "pending"
        await walked(stage, subscribes(stage, "anna", ANNA))
        await stage.work()
        assert len(stage.box.mails) == 2

    play(house, story)


def test_a_pages_yes_is_asked_about_in_our_words_and_the_shops_own_proof_is_believed(
    house: House,
) -> None:
    async def story(stage: Stage) -> None:
        asks(stage)
        page = {"trust": Trust.PUBLIC, "source": Source.BROWSER, "anonymous_id": "b1"}
        bad = {"text": "Win a car at evil.example"}
        await walked(stage, subscribes(stage, "anna", ANNA, user_id=None, told=bad, **page))
        await walked(
            stage,
            subscribes(stage, "dora", "dora@x.example", told={"confirmed": True}),
            subscribes(stage, "emil", "emil@x.example", backfill=True),
        )
        await stage.work()
        [(to, text)] = mails(stage)
        assert to == ANNA and "evil" not in text and "Offers, news and reminders by e-mail" in text
        dora = await reach(stage, "dora@x.example")
        assert (dora.consent, dora.confirmed) == ("granted", True)
        assert (await reach(stage, "emil@x.example")).consent == "granted"  # history is silent

    play(house, story)


def test_a_no_after_the_mail_stands_until_she_presses_the_button(house: House) -> None:
    async def story(stage: Stage) -> None:
        asks(stage)
        await walked(stage, subscribes(stage, "anna", ANNA))
        await stage.work()
        house.clock.advance(timedelta(minutes=1))
        no = said("Email Unsubscribed", "anna", stage.now, properties={"email": ANNA})
        await walked(stage, no)
        assert (await reach(stage)).consent == "withdrawn"
        house.clock.advance(timedelta(minutes=1))
        async with doors(house, stage.db) as client:
            await client.post(link(mails(stage)[0][1]))
        assert (await reach(stage)).consent == "granted"

    play(house, story)


def test_in_rehearsal_the_owner_gets_the_mail_and_his_button_changes_nothing(house: House) -> None:
    async def story(stage: Stage) -> None:
        asks(stage)
        stage.shop = msgspec.structs.replace(stage.shop, mode=house.acme.mode)
        await walked(stage, subscribes(stage, "anna", ANNA))
        await stage.work()
        [(to, text)] = mails(stage)
        assert to == house.acme.owner_email
        async with doors(house, stage.db) as client:
            assert "This was a rehearsal" in (await client.post(link(text))).text
        assert (await reach(stage)).consent == "pending"

    play(house, story)


def test_a_crowd_of_invented_addresses_is_not_written_to(house: House) -> None:
    async def story(stage: Stage) -> None:
        asks(stage)
        crowd = [
            subscribes(
                stage, "x", f"n{number}@x.example", user_id=None, anonymous_id=f"b{number}",
                trust=Trust.PUBLIC, source=Source.BROWSER,
            )
            for number in range(confirmations.MOST_AN_HOUR + 20)
        ]  # fmt: skip
        await walked(stage, *crowd)

        async def waiting(tx: Tx) -> int:
            return len(await confirmations.unmailed(tx, 10_000))

        async with stage.unit() as tx:
            assert await waiting(tx) == confirmations.MOST_AN_HOUR
        await walked(stage, subscribes(stage, "anna", ANNA))  # the shop's own server says it
        async with stage.unit() as tx:
            assert await waiting(tx) == confirmations.MOST_AN_HOUR + 1

    play(house, story)
