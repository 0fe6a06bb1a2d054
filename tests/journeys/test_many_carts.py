"""Hundreds of carts, orders late and in any order: who is answered, and who must not be."""

from datetime import datetime, timedelta
from random import Random

from conftest import House
from patron.events.types import Event
from patron.journeys.types import RunState
from patron.messages.types import State
from stage import Stage, play

CARTS = 400
MINUTE = timedelta(minutes=1)


def arrivals(stage: Stage, random: Random) -> tuple[dict[int, list[Event]], dict[str, datetime]]:
    """Events by the minute of their arrival, and when each order arrives. Half of the carts are
    ordered within 100 minutes; orders come up to 30 minutes late, carts up to 10."""
    by_minute: dict[int, list[Event]] = {}
    ordered: dict[str, datetime] = {}
    for number in range(CARTS):
        who, begun = f"b{number}", random.randrange(0, 120)
        for change in range(random.randrange(1, 4)):
            at = begun + change * random.randrange(1, 20)
            late = random.randrange(0, 10)
            event = stage.adds(who, -at * MINUTE, product_id=f"p{change}")
            by_minute.setdefault(at + late, []).append(event)
        if random.random() < 0.5:
            at = begun + 60 + random.randrange(0, 40)
            arrives = at + random.randrange(0, 31)
            by_minute.setdefault(arrives, []).append(stage.orders(who, -at * MINUTE))
            ordered[who] = stage.now + arrives * MINUTE
    for batch in by_minute.values():
        random.shuffle(batch)
    return by_minute, ordered


def test_every_cart_left_alone_is_answered_and_no_order_known_is_ignored(house: House) -> None:
    async def story(stage: Stage) -> None:
        by_minute, ordered = arrivals(stage, Random(11))
        names: dict[str, str] = {}
        for minute in range(300):
            batch = by_minute.get(minute, [])
            for event in batch:
                event.received_at = stage.now
            if batch:
                await stage.walk(*batch)
            for event in batch:
                names[str(event.origin_id)] = str(event.anonymous_id)
            await stage.fire()
            stage.pass_time(minutes=1)
        runs, found = await stage.runs(), await stage.outbox()
        assert all(run.state is not RunState.WAITING for run in runs)
        assert len({(message.run_id, message.step_visit) for message in found}) == len(found)
        written: dict[str, list[datetime]] = {}
        for message in found:
            written.setdefault(names[str(message.origin_id)], []).append(message.queued_at)
            came = ordered.get(names[str(message.origin_id)])
            # An order that came afterwards took the message back.
            assert (message.state is State.CANCELLED) == (came is not None)
            assert came is None or message.queued_at <= came
        people = {f"b{number}" for number in range(CARTS)}
        assert {who for who in people if who not in ordered} <= set(written)
        assert all(len(times) == 1 for times in written.values())

    play(house, story)
