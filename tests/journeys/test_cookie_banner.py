"""What a visitor did without allowing marketing starts no journey that advertises."""

from datetime import timedelta
from typing import Any

from conftest import House
from patron.events.types import Event
from stage import Stage, play

NO: dict[str, Any] = {"consent": {"categoryPreferences": {}, "analytics": True, "marketing": False}}


def refusing(event: Event) -> Event:
    event.context = dict(NO)
    return event


def about(purpose: str) -> dict[str, Any]:
    send = {"template": "abandoned_cart", "purpose": purpose}
    return {"trigger": {"event": "Signed Up"}, "steps": [{"send": send}], "holdout": 0}


def test_a_cart_is_kept_and_nobody_is_reminded_of_it(house: House) -> None:
    async def story(stage: Stage) -> None:
        await stage.walk(refusing(stage.adds("u:anna")), stage.adds("u:bert"))
        assert len(await stage.runs()) == 1
        stage.pass_time(minutes=5)
        await stage.walk(stage.adds("u:anna"))  # now she allows it
        assert len(await stage.runs()) == 2

    play(house, story)


def test_an_event_starts_only_what_an_order_needs(house: House) -> None:
    async def story(stage: Stage) -> None:
        await stage.put("welcome", about("marketing"))
        await stage.put("account", about("transactional"))
        await stage.walk(refusing(stage.event("Signed Up", "u:anna")))
        assert len(await stage.runs("account")) == 1
        assert await stage.runs("welcome") == []
        await stage.walk(stage.event("Signed Up", "u:bert", timedelta(minutes=1)))
        assert len(await stage.runs("welcome")) == 1

    play(house, story)
