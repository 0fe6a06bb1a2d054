"""Who orders as a guest is invited to open an account, once, and not when she has one."""

import pytest
from msgspec.structs import replace

from conftest import House
from patron.events.types import Event, EventType
from patron.journeys.builtin import OPEN_ACCOUNT, offer, offered
from patron.journeys.switch import switch
from patron.journeys.types import RunState, Status
from patron.messages.links import CLICK
from patron.messages.model import Materials, compose
from patron.messages.render import built_in, render
from patron.messages.types import State
from patron.profiles import store as profiles
from patron.profiles.known import ASKED
from patron.profiles.many import store as many
from stage import Stage, play


def identified(stage: Stage, who: str, **traits: str) -> Event:
    event = stage.event("Identified", who)
    event.type, event.traits = EventType.IDENTIFY, traits
    return event


async def opened(stage: Stage) -> None:
    async with stage.unit() as tx:
        made = await offer(tx, stage.shop, stage.now)
        assert made.status == Status.OFF
        assert made.definition["holdout"] == 0.1
        await switch(tx, OPEN_ACCOUNT, Status.ON, stage.now)


def test_a_guest_is_invited_a_day_later_and_whoever_has_an_account_is_not(house: House) -> None:
    async def story(stage: Stage) -> None:
        await opened(stage)
        for who in ("b1", "u:member"):
            name = "Ada" if who == "b1" else "Bea"
            await stage.walk(
                identified(stage, who, email=f"{name.lower()}@x.example", first_name=name),
                stage.orders(who, email=f"{name.lower()}@x.example"),
            )
            stage.pass_time(seconds=1)
        ada, bea = await stage.runs(OPEN_ACCOUNT)
        assert (ada.state, bea.state) == (RunState.WAITING, RunState.EXITED)
        stage.pass_time(days=1)
        assert await stage.fire() == 1
        (message,) = await stage.outbox()
        assert (message.template, message.purpose) == ("open_account", "marketing")
        again = stage.orders("b1")
        await stage.walk(again)
        assert len(await stage.runs(OPEN_ACCOUNT)) == 2

        async with stage.unit() as tx:
            made = Materials(house.signer, "https://patron.acme.example")
            composed = await compose(tx, stage.shop, message, made)
        mail = render(built_in("open_account"), composed.model, composed.hosts)
        assert mail.subject == "Next time at Acme in fewer steps"
        for said in ("Faster checkout", "Your orders in one place", "Chosen for you"):
            assert said in mail.html and said in mail.text
        assert "Ada" in mail.html
        assert composed.unsubscribe_url is not None and composed.unsubscribe_url in mail.text
        assert "because you ordered at Acme without an account and agreed" in mail.text

        for given, leads in (
            ("https://acme.example/register", "https://acme.example/register"),
            ("https://elsewhere.example/register", stage.shop.public_url),
        ):
            settings = replace(stage.shop.settings, account_url=given)
            async with stage.unit() as tx:
                told = await compose(tx, replace(stage.shop, settings=settings), message, made)
            link = told.model["links"]["account"]
            assert house.signer.read(CLICK, link.rpartition("/")[2])[9] == leads

    play(house, story)


@pytest.mark.parametrize("how", ["Signed Up", "identify"])
def test_whoever_opens_one_meanwhile_is_not_invited(house: House, how: str) -> None:
    async def story(stage: Stage) -> None:
        await opened(stage)
        await stage.walk(stage.orders("b1"))
        stage.pass_time(hours=2)
        if how == "identify":
            signs = stage.event("Identified", "u:ada", browser="b1")
            signs.type = EventType.IDENTIFY
        else:
            signs = stage.event("Signed Up", "b1")
        await stage.walk(signs)
        stage.pass_time(days=1)
        await stage.fire()
        (run,) = await stage.runs(OPEN_ACCOUNT)
        assert run.state is RunState.EXITED
        assert [one for one in await stage.outbox() if one.state is State.QUEUED] == []

    play(house, story)


def test_rules_ask_for_her_number_and_a_shop_of_before_gets_the_journey(house: House) -> None:
    async def story(stage: Stage) -> None:
        await stage.walk(stage.orders("u:ada"))
        async with stage.unit() as tx:
            for _ in range(2):
                await offered(tx, stage.shop, OPEN_ACCOUNT, stage.now)
            await offered(tx, stage.shop, "another", stage.now)
            done = await switch(tx, OPEN_ACCOUNT, Status.ON, stage.now)
        assert done.status == Status.ON
        async with stage.unit() as tx:
            root = await profiles.find(tx, "user_id:ada")
            assert root is not None
            # A rule may ask for it; it is no trait that anybody is told of.
            assert (await many.traits(tx, {root: [root]}, ASKED))[root] == {"user_id": "ada"}
            assert (await many.traits(tx, {root: [root]}))[root] == {}

    play(house, story)
