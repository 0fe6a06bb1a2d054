"""A customer who never agreed gets a letter about things like those she bought, and at her pace."""

from datetime import timedelta
from email import message_from_bytes, policy

import msgspec

from conftest import House
from delivery.scene import said
from delivery.stage import CHEESE, Stage, play
from patron.catalog import store as catalog
from patron.catalog.types import FactSource, ProductIn
from patron.profiles import walk
from patron.profiles.consents import wish_store
from patron.profiles.consents.types import Frequency, Wish

ANNA = "anna@example.com"
WINE = CHEESE | {"product_id": "w1", "name": "Wine"}


async def set_up(stage: Stage) -> None:
    """A shop in which a sale is a ground, and Anna, who bought cheese there."""
    settings = msgspec.structs.replace(
        stage.shop.settings, existing_customer_countries=["DE"], marketing_hours_between=1
    )
    stage.shop = msgspec.structs.replace(stage.shop, settings=settings)
    sale = {
        "order_id": "o1", "email": ANNA, "total": 3, "refusal_offered": True,
        "shipping_address": {"country_code": "DE"}, "products": [{"product_id": "p1"}],
    }  # fmt: skip
    async with stage.unit() as tx:
        products = [
            ProductIn(id="p1", title="Cheese", categories=["Dairy", "Cheese"]),
            ProductIn(id="w1", title="Wine", categories=["Cellar"]),
        ]
        await catalog.upsert(tx, products, FactSource.API, stage.now)
        event = said("Order Completed", "anna", stage.now - timedelta(days=3), properties=sale)
        await walk.resolve(tx, stage.shop, [event], stage.now, stage.house.signer)


def test_similar_things_only_and_the_mail_says_why(house: House) -> None:
    async def story(stage: Stage) -> None:
        await set_up(stage)
        origin, wine = await stage.cart("anna", ANNA, consents=False, product=WINE)
        about_wine = await stage.message(origin, wine)
        await stage.work()
        assert (await stage.last_words(about_wine))[:2] == ("skipped", "not_similar")
        _, cheese = await stage.cart(
            "anna", ANNA, consents=False, product=CHEESE | {"cart_id": "2"}
        )
        about_cheese = await stage.message(origin, cheese)
        await stage.work()
        found = await stage.find(about_cheese)
        assert found.state == "sent"
        handed = next(line.words for line in found.story if line.state == "handing_over")
        assert "She is a customer: she bought on February 27, 07:00" in handed
        body = message_from_bytes(stage.box.mails[0][1], policy=policy.default)
        text = body.get_body(("plain",))
        assert text is not None
        assert "are a customer of ours; you may say no at any time" in text.get_content()
        assert "/preferences/" in text.get_content()

    play(house, story)


def test_the_gate_asks_how_often_she_wants_to_hear(house: House) -> None:
    async def story(stage: Stage) -> None:
        await set_up(stage)
        origin, cart = await stage.cart("anna", ANNA)

        async def wishes(frequency: Frequency, days: int | None = None) -> None:
            until = None if days is None else stage.now + timedelta(days=days)
            wish = Wish(ANNA, "email", frequency, until, stage.now, "test", origin)
            async with stage.unit() as tx:
                await wish_store.keep(tx, wish)

        async def after(hours: float) -> str | None:
            house.clock.advance(timedelta(hours=hours))
            message = await stage.message(origin, cart, source=f"journey:j{stage.now.timestamp()}")
            await stage.work()
            return (await stage.last_words(message))[1]

        assert await after(0) is None
        await wishes(Frequency.WEEKLY)
        assert await after(24) == "her_pace"
        assert await after(6 * 24) is None
        await wishes(Frequency.USUAL, days=30)
        assert await after(8 * 24) == "paused"
        assert await after(22 * 24) is None

    play(house, story)
