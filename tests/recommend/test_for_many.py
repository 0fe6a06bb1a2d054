"""A mail to many says to each what a page would say to her alone."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from conftest import House
from patron.recommend.many import reading
from patron.recommend.many.batching import Batch, batched, everybody
from patron.recommend.serving.asking import Answered, Question
from patron.recommend.serving.visitors import Asked, Visitor
from recommend.floor import Floor, a_past, play, product

GOODS = [product(id) for id in ("lamp", "bulb", "cup", "tea")]
MORE = [product(f"{kind}-{n}", 1_000 + n) for kind in ("lamp", "cup") for n in range(5)]
PLACEMENTS = ("recommended_for_you", "buy_it_again", "recently_viewed", "usuals", "best_sellers")
USUALS = {
    "name": "Usuals",
    "count": 6,
    "chain": ["again", "next_order", "for_you"],
    "filters": ['not (customer.segments contains "nobody")'],
    "exclude": {"cart": True},
}


def plainly(visitor: Visitor) -> dict[str, Any]:
    """What is known of somebody, whenever it was read."""
    told = {name: getattr(visitor, name) for name in visitor.__struct_fields__}
    for when in ("read_at", "seen"):
        del told[when]
    return told


def offered(answer: Answered) -> list[Any]:
    return [(one.id, one.codes, one.because, one.due, one.score) for one in answer.items]


def test_many_and_one_agree(house: House, tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        stage = floor.stage
        await floor.stock(*GOODS, *MORE)
        stage.pass_time(days=40)  # which new products are tried is chance, and another each time
        await a_past(floor)
        # Some buy again, one has a cart, one was two people, and one only looks.
        for days in (40, 25, 10):
            lines = [{"product_id": "tea", "price": 10, "quantity": 1}]
            await stage.walk(
                *(
                    stage.orders(f"u:person-{n}", timedelta(days=days + n), products=lines)
                    for n in range(0, 12, 2)
                )
            )
        await stage.walk(stage.adds("u:person-3", product_id="cup", price=12))
        await stage.walk(stage.event("Product Viewed", "a:passer-by", product_id="lamp"))
        async with floor.api() as api:
            put = await api.put("/api/placements/usuals", json={"definition": USUALS})
            assert put.status_code == 200, put.text
        await floor.train(refresh=True)
        engine = await floor.engine()
        names = [f"user_id:person-{n}" for n in range(40)]
        one_by_one = [await engine.visitors.read(Asked(profile=n, trusted=True)) for n in names]
        async with engine.visitors.unit() as tx:
            roots = [
                root
                for name in names
                if (root := await engine.visitors.root(tx, Asked(profile=name)))
            ]
        at_once = await reading.known(engine.visitors, roots)
        assert [plainly(v) for v in at_once.values()] == [plainly(v) for v in one_by_one]
        assert one_by_one[3].cart == ["cup"]
        due = 0
        for key in PLACEMENTS:
            question = Question(placements=[key], seed=1)
            alone = [offered(engine.answer(question, v).placements[0]) for v in one_by_one]
            batch = Batch(key, [*names, "user_id:nobody"])
            found = (await batched(engine, batch)).answers
            assert [one.profile for one in found] == batch.profiles
            assert [one.known for one in found] == [True] * 40 + [False]
            assert [offered(one.answer) for one in found[:40]] == alone
            due += sum(item.due is not None for one in found for item in one.answer.items)
        assert due > 0
        everyone = [one async for one in everybody(engine, stage.db, "usuals")]
        assert sorted(one.profile for one in everyone) == sorted(map(str, roots))
        assert not engine.strategies.ahead and msgspec.json.encode(everyone)

    play(house, tmp_path, story)
