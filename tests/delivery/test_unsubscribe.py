"""Taking back consent: from the page, with one click from a mail program, and by mistake."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from conftest import House
from delivery.scene import BASE, appended, customer, doors, mint, said, sent_to
from patron.kit.db import Database
from patron.kit.ids import new_id
from patron.messages import store as outbox
from patron.profiles import store as profiles
from patron.profiles import walk as profiles_walk

Visit = Callable[[httpx.AsyncClient, str], Awaitable[Any]]


def visit(house: House, story: Visit, **ticket: Any) -> tuple[Any, str, str | None, list[str]]:
    """`story` gets the unsubscribe path of a mail to Anna: its answer, what is kept and told."""

    async def told(db: Database) -> tuple[Any, str, str | None, list[str]]:
        async with db.unit(house.acme.schema) as tx:
            anna = await customer(tx, house, "anna", "Anna@example.com")
            message = await sent_to(tx, anna, "Anna@example.com")
        path = mint(house, message, anna, **ticket).unsubscribe().removeprefix(BASE)
        async with doors(house, db) as client:
            answer = await story(client, path)
        async with db.unit(house.acme.schema) as tx:
            reach = await profiles.reach(tx, anna, "email", "marketing")
        events = [event["event"] for event in await appended(db, house.acme)]
        return answer, reach.consent, reach.suppressed, events

    return house.run(told)


def test_following_the_link_asks_and_changes_nothing(house: House) -> None:
    async def story(client: httpx.AsyncClient, path: str) -> httpx.Response:
        return await client.get(path)

    answer, consent, suppressed, events = visit(house, story)
    assert answer.status_code == 200
    assert "No more e-mails from Acme?" in answer.text
    assert 'method="post"' in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert (consent, suppressed, events) == ("granted", None, [])


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"List-Unsubscribe=One-Click", "application/x-www-form-urlencoded"),
        (
            b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"'
            b"\r\n\r\nOne-Click\r\n--x--",
            "multipart/form-data; boundary=x",
        ),
        (b"", "application/x-www-form-urlencoded"),
        (b"\xff\x00 not a form", "text/plain"),
    ],
)
def test_one_click_unsubscribes_at_once_whatever_the_body(
    house: House, content: bytes, kind: str
) -> None:
    async def story(client: httpx.AsyncClient, path: str) -> httpx.Response:
        return await client.post(path, content=content, headers={"content-type": kind})

    answer, consent, suppressed, events = visit(house, story)
    assert answer.status_code == 200
    assert "You are unsubscribed" in answer.text
    assert (consent, suppressed, events) == ("withdrawn", "unsubscribe", ["Unsubscribed"])


def test_twice_is_once(house: House) -> None:
    async def story(client: httpx.AsyncClient, path: str) -> list[int]:
        answers = []
        for _ in range(3):
            answers.append((await client.post(path)).status_code)
            house.clock.advance(timedelta(seconds=5))
        return answers

    answers, consent, suppressed, events = visit(house, story)
    assert answers == [200, 200, 200]
    assert (consent, suppressed, events) == ("withdrawn", "unsubscribe", ["Unsubscribed"])


def test_a_no_counts_although_her_yes_is_dated_later(house: House) -> None:
    """A shop that sends its local time as UTC is hours ahead."""

    async def told(db: Database) -> tuple[str, str | None]:
        async with db.unit(house.acme.schema) as tx:
            anna = await customer(tx, house, "anna", "anna@example.com", consents=False)
            now = house.clock.now()
            agreed = said("Email Subscribed", "anna", now, properties={"email": "anna@example.com"})
            agreed.ts = now + timedelta(hours=2)
            await profiles_walk.resolve(tx, house.acme, [agreed], now, house.signer)
            message = await sent_to(tx, anna, "anna@example.com")
        path = mint(house, message, anna).unsubscribe().removeprefix(BASE)
        house.clock.advance(timedelta(minutes=1))
        async with doors(house, db) as client:
            assert "You are unsubscribed" in (await client.post(path)).text
        async with db.unit(house.acme.schema) as tx:
            reach = await profiles.reach(tx, anna, "email", "marketing")
        return reach.consent, reach.suppressed

    assert house.run(told) == ("withdrawn", "unsubscribe")


def test_a_slip_of_the_finger_is_undone(house: House) -> None:
    async def story(client: httpx.AsyncClient, path: str) -> str:
        await client.post(path)
        house.clock.advance(timedelta(seconds=5))
        return (await client.post(f"{path}/undo")).text

    page, consent, suppressed, events = visit(house, story)
    assert "Welcome back" in page
    assert (consent, suppressed) == ("granted", None)
    assert events == ["Unsubscribed", "Email Subscribed"]


def test_there_is_nothing_to_undo_for_her_who_is_subscribed(house: House) -> None:
    async def story(client: httpx.AsyncClient, path: str) -> str:
        return (await client.post(f"{path}/undo")).text

    page, consent, _, events = visit(house, story)
    assert "Nothing to undo" in page
    assert (consent, events) == ("granted", [])


def test_a_bounce_is_not_undone(house: House) -> None:
    async def told(db: Database) -> tuple[str, str | None]:
        async with db.unit(house.acme.schema) as tx:
            anna = await customer(tx, house, "anna", "anna@example.com")
            message = await sent_to(tx, anna, "anna@example.com")
            now = house.clock.now()
            await profiles.suppress(tx, "email", "anna@example.com", "hard_bounce", now, "test")
        path = mint(house, message, anna).unsubscribe().removeprefix(BASE)
        async with doors(house, db) as client:
            page = (await client.post(f"{path}/undo")).text
        async with db.unit(house.acme.schema) as tx:
            return page, await profiles.suppressed(tx, "email", "anna@example.com")

    page, suppressed = house.run(told)
    assert "Nothing to undo" in page
    assert suppressed == "hard_bounce"


def test_the_owner_who_tries_the_link_of_a_rehearsal_unsubscribes_nobody(house: House) -> None:
    async def story(client: httpx.AsyncClient, path: str) -> str:
        await client.post(f"{path}/undo")
        return (await client.post(path)).text

    page, consent, suppressed, events = visit(house, story, rehearsal=True)
    assert "This was a rehearsal" in page
    assert (consent, suppressed, events) == ("granted", None, [])


def test_an_erased_customer_is_answered_kindly(house: House) -> None:
    async def told(db: Database) -> tuple[int, list[Any]]:
        async with db.unit(house.acme.schema) as tx:
            anna = await customer(tx, house, "anna", "anna@example.com")
            message = await sent_to(tx, anna, "anna@example.com")
            await outbox.erase(tx, [anna])
        path = mint(house, message, anna).unsubscribe().removeprefix(BASE)
        async with doors(house, db) as client:
            answer = await client.post(path)
        return answer.status_code, await appended(db, house.acme)

    assert house.run(told) == (200, [])


def test_a_mail_that_a_restored_shop_has_no_row_of_can_still_be_answered(house: House) -> None:
    """She got it between the backup and the restore; her address was known before."""

    async def told(db: Database) -> list[str | None]:
        async with db.unit(house.acme.schema) as tx:
            anna = await customer(tx, house, "anna", "anna@example.com")
        path = mint(house, new_id(), anna).unsubscribe().removeprefix(BASE)
        kept: list[str | None] = []
        async with doors(house, db) as client:
            for way in (path, f"{path}/undo"):
                house.clock.advance(timedelta(seconds=5))
                await client.post(way)
                async with db.unit(house.acme.schema) as tx:
                    kept.append((await profiles.reach(tx, anna, "email", "marketing")).consent)
                    kept.append(await profiles.suppressed(tx, "email", "anna@example.com"))
        return kept

    assert house.run(told) == ["withdrawn", "unsubscribe", "granted", None]


@pytest.mark.parametrize("how", ["get", "post"])
def test_a_changed_link_is_refused(house: House, how: str) -> None:
    async def story(client: httpx.AsyncClient, path: str) -> list[int]:
        body, _, mac = path.rpartition(".")
        forged = [f"{body[:-2]}AA.{mac}", f"{body}.AAAA", "/u/x.y", "/u/%F0%9F%98%80"]
        return [(await client.request(how, each)).status_code for each in forged]

    answers, consent, suppressed, _ = visit(house, story)
    assert set(answers) == {404}
    assert (consent, suppressed) == ("granted", None)


def test_a_link_for_clicks_does_not_unsubscribe(house: House) -> None:
    async def story(client: httpx.AsyncClient, path: str) -> int:
        token = mint(house, UUID(int=1), UUID(int=2)).click("https://acme.example/", "x")
        return (await client.post(f"/u/{token.removeprefix(BASE + '/l/')}")).status_code

    status, consent, _, _ = visit(house, story)
    assert (status, consent) == (404, "granted")


def test_whoever_unsubscribes_with_one_address_is_not_written_to_at_the_other(house: House) -> None:
    async def told(db: Database) -> list[str]:
        async with db.unit(house.acme.schema) as tx:
            anna = await customer(tx, house, "anna", "anna@example.com")
            await customer(tx, house, "anna", "anna@work.example")
            message = await sent_to(tx, anna, "anna@example.com")
        path = mint(house, message, anna).unsubscribe().removeprefix(BASE)
        async with doors(house, db) as client:
            await client.post(path)
        async with db.unit(house.acme.schema) as tx:
            reach = await profiles.reach(tx, anna, "email", "marketing")
        return [reach.consent]

    assert house.run(told) == ["withdrawn"]
