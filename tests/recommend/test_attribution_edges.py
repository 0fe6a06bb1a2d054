"""What a placement sold, at the edges: what came before, what was made up, what was paid abroad."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from conftest import House
from recommend.floor import Floor, play, product

DAY = timedelta(days=1)


def test_only_what_followed_a_click_of_ours_in_time_is_counted(
    house: House, tmp_path: Path
) -> None:
    async def story(floor: Floor) -> None:
        stage = floor.stage
        await floor.stock(product("lamp", 4_000), product("tea", 900))
        rec_id = (await floor.answer("best_sellers", anonymousId="phone"))["rec_id"]
        fake = rec_id[:-1] + ("0" if rec_id[-1] != "0" else "1")

        def shown(who: str, ago: timedelta, named: str) -> Any:
            return stage.event("Recommendation Shown", who, ago, rec_id=named)

        def click(who: str, ago: timedelta) -> Any:
            said = {"rec_id": rec_id, "product_id": "lamp"}
            return stage.event("Recommendation Clicked", who, ago, **said)

        def buys(who: str, ago: timedelta, **more: Any) -> Any:
            lamp = [{"product_id": "lamp", "price": 40, "quantity": 1}]
            order = {"products": lamp, "revenue": 40, "total": 40, "order_id": who}
            return stage.orders(who, ago, **order, **more)

        await stage.walk(
            shown("phone", 3 * DAY, rec_id),
            shown("stranger", 3 * DAY, fake),  # an answer that we never gave
            click("after", DAY),
            click("early", 9 * DAY),
            click("abroad", 2 * DAY),
            click("phone", 2 * DAY),
        )
        await stage.walk(
            buys("after", 2 * DAY),  # she had it already
            stage.event("Product Added", "after", 2 * DAY, product_id="lamp"),
            buys("early", 5 * DAY),
            buys("abroad", DAY, currency="EUR"),
            buys("phone", DAY),
        )
        async with floor.api() as api:

            async def results(since: timedelta) -> dict[str, Any]:
                period = {"since": (stage.now - since).isoformat()}
                answer = await api.get("/api/placements/best_sellers/results", params=period)
                assert answer.status_code == 200, answer.text
                found: dict[str, Any] = answer.json()
                return found

            found = await results(20 * DAY)
            assert (found["shown"], found["viewers"], found["clicks"]) == (1, 1, 4)
            assert (found["carts"], found["orders"], found["other_currency"]) == (0, 2, 1)
            assert found["revenue"] == 8_000
            # An order of the period counts though its click came before; that click does not.
            found = await results(6 * DAY)
            assert (found["clicks"], found["orders"], found["revenue"]) == (3, 2, 8_000)

    play(house, tmp_path, story)
