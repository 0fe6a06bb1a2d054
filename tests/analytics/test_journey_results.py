"""What a journey earned: counted, attributed, and proven against the people it left alone."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from conftest import House
from patron.analytics.journeys import results
from patron.analytics.types import JourneyResult, Period
from patron.events.types import Event
from patron.experiments.incremental import about, arm_of, judge
from patron.kit.db import execute
from patron.messages.types import Arm, Message
from stage import Stage, play

DAY = timedelta(days=1)
ALWAYS = Period()


async def left_alone(stage: Stage, people: Sequence[str]) -> list[Message]:
    """These people leave a cart; an hour later their messages are recorded or held out."""
    await stage.walk(*(stage.adds(who) for who in people))
    stage.pass_time(hours=1)
    await stage.fire()
    async with stage.unit() as tx:
        await execute(
            tx,
            "UPDATE outbox SET done_at = %s,"
            " state = CASE arm WHEN 'holdout' THEN 'held_out' ELSE 'recorded' END,"
            " handed_over_at = CASE arm WHEN 'holdout' THEN NULL::timestamptz ELSE %s END"
            " WHERE state = 'queued'",
            (stage.now, stage.now),
        )
    return await stage.outbox()


async def asked(
    stage: Stage, period: Period = ALWAYS, key: str = "abandoned_cart"
) -> JourneyResult:
    async with stage.unit() as tx:
        found = await results(tx, stage.shop, key, stage.now, period)
    assert found is not None
    return found


def clicked(stage: Stage, who: str, message: Message, **more: object) -> Event:
    return stage.event("Email Link Clicked", who, message_id=str(message.id), **more)


async def people_of(
    stage: Stage, found: Sequence[Message], people: Sequence[str]
) -> dict[str, Message]:
    """Whose message is whose: who walked first has the first origin."""
    by_origin = {message.origin_id: message for message in found}
    told = {}
    for who in people:
        async with stage.unit() as tx:
            rows = await tx.execute(
                "SELECT origin_id FROM identifier WHERE kind = 'anonymous_id' AND value = %s",
                (who,),
            )
            row = await rows.fetchone()
        assert row is not None
        told[who] = by_origin[UUID(str(row[0]))]
    return told


def test_a_planted_effect_is_found(house: House) -> None:
    async def story(stage: Stage) -> None:
        people = [f"b{number}" for number in range(1_400)]
        found = await left_alone(stage, people)
        whose = await people_of(stage, found, people)
        stage.pass_time(days=1)
        orders, spent = [], {Arm.TREATMENT: [0, 0], Arm.HOLDOUT: [0, 0]}
        for number, (who, message) in enumerate(whose.items()):
            often = 3 if message.arm is Arm.TREATMENT else 8
            if number % often == 0:
                orders.append(stage.orders(who, total=30 + number % 21))
                spent[message.arm][0] += 1
                spent[message.arm][1] += (30 + number % 21) * 100
        await stage.walk(*orders)
        early = (await asked(stage)).proof
        assert (early.verdict, early.extra, early.maturing) == ("too_early", None, 1_400)
        assert early.more == 0
        assert early.words.startswith("Too early: the 5 days of 1,400 people have to pass before")
        stage.pass_time(days=5)
        told = await asked(stage)
        proof = told.proof
        held = sum(message.arm is Arm.HOLDOUT for message in found)
        assert (told.entered, told.sent, told.held_out) == (1_400, 1_400 - held, held)
        for shown, arm in ((proof.treated, Arm.TREATMENT), (proof.held_out, Arm.HOLDOUT)):
            assert [shown.buyers, shown.revenue] == spent[arm]
        assert told.ordered == spent[Arm.TREATMENT][0]
        assert proof.verdict == "proven" and proof.extra is not None and proof.lift is not None
        truth = spent[Arm.TREATMENT][1] - (1_400 - held) * 40 * 100 / 8
        assert proof.extra.low < truth < proof.extra.high
        assert proof.lift.low > 0 and proof.more == 0
        assert proof.words.startswith("Proven: $")

    play(house, story)


def test_money_that_went_back_does_not_count(house: House) -> None:
    async def story(stage: Stage) -> None:
        people = [f"b{number}" for number in range(20)]
        found = await left_alone(stage, people)
        whose = await people_of(stage, found, people)
        treated = [who for who in people if whose[who].arm is Arm.TREATMENT]
        whole, part, gone, late, foreign = treated[:5]
        stage.pass_time(hours=2)
        await stage.walk(
            stage.orders(treated[5], timedelta(hours=3), order_id="o0", total=100),  # before it
            stage.orders(whole, order_id="o1", total=100),
            stage.orders(part, order_id="o2", total=100),
            stage.orders(gone, order_id="o3", total=100),
            stage.orders(foreign, order_id="o4", total=100, currency="EUR"),
        )
        stage.pass_time(days=5)
        await stage.walk(stage.orders(late, order_id="o5", total=100))
        await stage.walk(
            stage.event("Order Refunded", part, order_id="o2", total=40),
            stage.event("Order Cancelled", gone, order_id="o3"),
        )
        told = await asked(stage)
        assert (told.proof.treated.people, told.proof.treated.buyers) == (len(treated), 2)
        assert told.proof.treated.revenue == 100_00 + 60_00
        assert told.other_currency == 1
        assert told.ordered == 3  # people who ordered in time and did not take it back

    play(house, story)


def test_an_order_belongs_to_the_last_click_before_it(house: House) -> None:
    async def story(stage: Stage) -> None:
        people = [f"b{number}" for number in range(20)]
        whose = await people_of(stage, await left_alone(stage, people), people)
        treated = [p for p in people if whose[p].arm is Arm.TREATMENT]
        one, two, three, four, part, gone, foreign = treated[:7]
        stage.pass_time(hours=1)
        await stage.walk(
            *(clicked(stage, who, whose[who]) for who in (one, one, two, three)),
            *(clicked(stage, who, whose[who]) for who in (part, gone, foreign)),
            clicked(stage, four, whose[four], machine_click=True),
            stage.event("Email Opened", one, message_id=str(whose[one].id), machine_open=False),
            stage.event("Email Opened", two, message_id=str(whose[two].id), machine_open=True),
        )
        stage.pass_time(hours=1)
        # Another mail's click comes between the click and the order.
        await stage.walk(stage.event("Email Link Clicked", two, message_id=str(UUID(int=5))))
        stage.pass_time(hours=1)
        await stage.walk(
            *(stage.orders(who, total=50) for who in (one, two, four)),
            stage.orders(part, order_id="o1", total=50),
            stage.orders(gone, order_id="o2", total=50),
            stage.orders(foreign, order_id="o3", total=50, currency="EUR"),
        )
        await stage.walk(
            stage.event("Order Refunded", part, order_id="o1", total=20),
            stage.event("Order Cancelled", gone, order_id="o2"),
        )
        stage.pass_time(days=5)
        await stage.walk(stage.orders(three, total=50))
        told = await asked(stage)
        assert (told.clicked, told.opened) == (6, 1)
        assert (told.attributed.orders, told.attributed.revenue) == (2, 50_00 + 30_00)

    play(house, story)


def test_who_was_in_both_arms_leaves_the_comparison(house: House) -> None:
    async def story(stage: Stage) -> None:
        people = [f"b{number}" for number in range(60)]
        found = await left_alone(stage, people)
        whose = await people_of(stage, found, people)
        held = next(who for who in people if whose[who].arm is Arm.HOLDOUT)
        sent = next(who for who in people if whose[who].arm is Arm.TREATMENT)
        other = next(w for w in people if w not in (held, sent) and whose[w].arm is Arm.TREATMENT)
        before = (await asked(stage)).proof
        for who in (held, sent):
            await stage.walk(stage.event("Page Viewed", "u:one", browser=who))
        for who in (other,):
            await stage.walk(stage.event("Page Viewed", "u:two", browser=who))
        stage.pass_time(days=6)
        after = (await asked(stage)).proof
        assert (before.mixed, before.maturing) == (0, 60)
        assert (after.mixed, after.maturing) == (1, 0)
        assert after.treated.people + after.held_out.people == 58

    play(house, story)


def test_who_turned_out_to_be_one_person_entered_once(house: House) -> None:
    wait_and_say = [{"wait": {"hours": 1}}, {"send": {"template": "open_account"}}]

    async def story(stage: Stage) -> None:
        await stage.put("look", {"trigger": {"event": "Product Viewed"}, "steps": wait_and_say})
        await stage.walk(*(stage.event("Product Viewed", who) for who in ("phone", "laptop")))
        assert (await asked(stage, key="look")).entered == 2
        for browser in ("phone", "laptop"):
            await stage.walk(stage.event("Page Viewed", "u:ada", browser=browser))
        told = await asked(stage, key="look")
        assert (told.entered, told.unit) == (1, "people")
        assert "more people before" in told.proof.words

    play(house, story)


def test_a_period_takes_people_by_their_first_message(house: House) -> None:
    async def story(stage: Stage) -> None:
        people = [f"b{number}" for number in range(6)]
        await left_alone(stage, people)
        first = stage.now
        stage.pass_time(days=2)
        await left_alone(stage, [*people[:2], "new"])
        stage.pass_time(days=6)
        early = await asked(stage, Period(until=first + DAY))
        late = await asked(stage, Period(since=first + DAY))
        assert (early.entered, late.entered) == (6, 3)
        assert early.sent + early.held_out == 6 and late.sent + late.held_out == 3
        counted = [one.proof.treated.people + one.proof.held_out.people for one in (early, late)]
        assert counted == [6, 1]
        # Seven people came with nine carts, and it is carts that are still asked for.
        proof = (await asked(stage)).proof
        treated, held = (arm_of([0] * one.people) for one in (proof.treated, proof.held_out))
        assert proof.more == about(judge(treated, held).more_people * 9 / 7)
        assert f"about {proof.more:,} more carts" in proof.words

    play(house, story)


def test_a_journey_nobody_entered_and_one_that_does_not_exist(house: House) -> None:
    async def story(stage: Stage) -> None:
        told = await asked(stage)
        assert (told.entered, told.sent, told.proof.verdict) == (0, 0, "too_early")
        assert told.proof.more >= 1_000
        async with stage.unit() as tx:
            assert await results(tx, stage.shop, "x", stage.now) is None

    play(house, story)
