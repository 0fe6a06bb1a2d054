"""The outbox: what may follow what, who may take a row, and what its story says."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from conftest import NOON, House
from patron.kit.db import Database, Tx
from patron.kit.ids import new_id
from patron.messages import outbox, store
from patron.messages import passing_store as passing
from patron.messages.outbox import Resolution
from patron.messages.types import (
    FOLLOWS,
    Arm,
    Asked,
    Draft,
    Ended,
    Leaving,
    Line,
    Message,
    Outcome,
    Recipient,
    State,
    before,
)

MINUTE = timedelta(minutes=1)
LEASE = timedelta(seconds=60)
ANNA = Recipient("Anna@example.com", "anna@example.com")
SKIPPED = Outcome(state=State.SKIPPED, words="Not sent.", reason="too_often")


def draft(**changes: Any) -> Draft:
    given: dict[str, Any] = {
        "source": "journey:abandoned_cart",
        "run_id": new_id(),
        "step_visit": "mail/1",
        "origin_id": new_id(),
        "template": "abandoned_cart",
        "due_at": NOON,
        "expires_at": NOON + timedelta(days=1),
    }
    return Draft(**(given | changes))


async def put(tx: Tx, **changes: Any) -> UUID:
    found = await outbox.enqueue(tx, draft(**changes), NOON)
    assert found is not None
    return found


async def taken(tx: Tx, now: datetime = NOON) -> Message:
    (message,) = await store.claim(tx, now, 1, LEASE)
    return message


async def handed(tx: Tx, message: Message, now: datetime = NOON, to: Recipient = ANNA) -> bool:
    line = Line(now, State.HANDING_OVER, "Handed over.")
    leaving = Leaving(message, to, line, now + LEASE, {"rehearsal": False})
    return await passing.hand_over(tx, [leaving]) == {message.id}


async def finish(
    tx: Tx, message: Message, outcome: Outcome, now: datetime, reached: str | None = None
) -> bool:
    return await passing.finish(tx, [Ended(message, outcome, now, reached)]) == {message.id}


def sent(**changes: Any) -> Outcome:
    return Outcome(state=State.SENT, words="The mail server took it.", tell="Email Sent", **changes)


@given(st.sampled_from(list(State)))
def test_a_final_state_is_final(state: State) -> None:
    final = {
        State.SENT,
        State.FAILED,
        State.SKIPPED,
        State.CANCELLED,
        State.HELD_OUT,
        State.RECORDED,
    }
    assert (state in final) == (not any(state in before(later) for later in State))
    assert (state in final) == (state not in FOLLOWS)


def test_the_same_step_visit_is_written_once(house: House) -> None:
    async def work(tx: Tx) -> None:
        same = draft()
        assert await outbox.enqueue(tx, same, NOON) is not None
        assert await outbox.enqueue(tx, same, NOON) is None
        again = draft(run_id=same.run_id, step_visit="mail/2")
        assert await outbox.enqueue(tx, again, NOON) is not None

    house.unit(work)


def test_a_message_on_its_way_tells_its_story(house: House) -> None:
    async def work(tx: Tx) -> list[Line]:
        await put(tx)
        message = await taken(tx)
        assert await handed(tx, message)
        assert await finish(tx, message, sent(provider_id="250 ok"), NOON + MINUTE)
        found = await store.find(tx, message.id)
        assert found is not None
        assert (found.state, found.attempts, found.provider_id) == (State.SENT, 1, "250 ok")
        assert (found.address, found.handed_over_at) == ("Anna@example.com", NOON)
        return await store.why(tx, message.id)

    story = house.unit(work)
    assert [line.state for line in story] == [State.QUEUED, State.HANDING_OVER, State.SENT]
    assert story[0].words == "Written down by “abandoned cart” for now."


def test_only_due_messages_are_claimed_earliest_first(house: House) -> None:
    async def work(tx: Tx) -> None:
        late = await put(tx, due_at=NOON + MINUTE)
        later = await put(tx, due_at=NOON - MINUTE)
        first = await put(tx, due_at=NOON - 2 * MINUTE)
        claimed = await store.claim(tx, NOON, 10, LEASE)
        assert [message.id for message in claimed] == [first, later]
        assert await store.next_due(tx) == NOON + MINUTE
        assert [m.id for m in await store.claim(tx, NOON + MINUTE, 10, LEASE)] == [late]

    house.unit(work)


def test_two_workers_never_claim_the_same_message(house: House) -> None:
    async def story(db: Database) -> list[list[UUID]]:
        async with db.unit(house.acme.schema) as tx:
            for _ in range(60):
                await put(tx)

        async def worker() -> list[UUID]:
            mine: list[UUID] = []
            while True:
                async with db.unit(house.acme.schema) as tx:
                    claimed = await store.claim(tx, NOON, 7, LEASE)
                    await asyncio.sleep(0)
                if not claimed:
                    return mine
                mine += [message.id for message in claimed]

        return await asyncio.gather(*(worker() for _ in range(4)))

    shares = house.run(story)
    everything = [message_id for share in shares for message_id in share]
    assert len(everything) == len(set(everything)) == 60


def test_an_ended_claim_is_taken_up_again_and_the_old_holder_cannot_send(house: House) -> None:
    async def work(tx: Tx) -> None:
        message_id = await put(tx)
        old = await taken(tx)
        assert await outbox.expire(tx, NOON + LEASE / 2) == ([], [])
        again, doubtful = await outbox.expire(tx, NOON + LEASE)
        assert (again, doubtful) == ([message_id], [])
        assert not await handed(tx, old, NOON + LEASE)
        new = await taken(tx, NOON + LEASE)
        assert not await handed(tx, old, NOON + LEASE)
        assert not await finish(tx, old, SKIPPED, NOON + LEASE)
        assert await handed(tx, new, NOON + LEASE)
        assert [line.reason for line in await store.why(tx, message_id)] == [None, "requeued", None]

    house.unit(work)


def test_what_was_cancelled_under_a_claim_stays_so(house: House) -> None:
    async def work(tx: Tx) -> None:
        run_id = new_id()
        message_id = await put(tx, run_id=run_id)
        message = await taken(tx)
        assert await outbox.cancel(tx, [run_id], "ordered", NOON) == 1
        assert not await handed(tx, message)
        assert not await finish(tx, message, SKIPPED, NOON)
        found = await store.find(tx, message_id)
        assert found is not None
        assert (found.state, found.reason) == (State.CANCELLED, "ordered")

    house.unit(work)


def test_a_claim_whose_lease_has_ended_cannot_hand_over(house: House) -> None:
    async def work(tx: Tx) -> None:
        await put(tx)
        message = await taken(tx)
        assert not await handed(tx, message, NOON + LEASE)

    house.unit(work)


def test_an_ended_hand_over_is_ambiguous_and_never_claimed_again(house: House) -> None:
    async def work(tx: Tx) -> None:
        message_id = await put(tx)
        await handed(tx, await taken(tx))
        assert await outbox.expire(tx, NOON + LEASE / 2) == ([], [])
        assert await outbox.expire(tx, NOON + LEASE) == ([], [message_id])
        assert await store.claim(tx, NOON + timedelta(days=9), 10, LEASE) == []
        listed = await store.listed(tx, store.Filter(state="ambiguous"), None, 10)
        assert [message.id for message in listed] == [message_id]

    house.unit(work)


def test_a_late_answer_ends_the_doubt(house: House) -> None:
    async def work(tx: Tx) -> State:
        await put(tx)
        message = await taken(tx)
        await handed(tx, message)
        await outbox.expire(tx, NOON + LEASE)
        assert await finish(tx, message, sent(), NOON + 2 * LEASE)
        found = await store.find(tx, message.id)
        assert found is not None
        return found.state

    assert house.unit(work) is State.SENT


def ambiguous(house: House, answer: Resolution) -> Message:
    async def work(tx: Tx) -> Message:
        await put(tx, expires_at=NOON + MINUTE)
        message = await taken(tx)
        await handed(tx, message)
        await outbox.expire(tx, NOON + LEASE)
        assert await outbox.resolve(tx, message.id, answer, NOON + timedelta(hours=5))
        assert not await outbox.resolve(tx, message.id, answer, NOON + timedelta(hours=5))
        # The answer of the process that was cut off no longer counts.
        assert not await finish(tx, message, sent(), NOON + timedelta(hours=6))
        found = await store.find(tx, message.id)
        assert found is not None
        return found

    return house.unit(work)


def test_a_human_says_it_arrived(house: House) -> None:
    message = ambiguous(house, Resolution("sent"))
    assert message.state is State.SENT
    assert message.story[-1].words == "You said that it arrived."


def test_a_human_says_send_again(house: House) -> None:
    message = ambiguous(house, Resolution("resend"))
    assert message.state is State.QUEUED
    assert message.due_at == NOON + timedelta(hours=5)
    assert message.expires_at == NOON + timedelta(hours=29)


def test_an_exit_cancels_what_waits_and_nothing_else(house: House) -> None:
    async def work(tx: Tx) -> dict[State, int]:
        run = new_id()
        await put(tx, run_id=run, step_visit="a")
        await put(tx, run_id=run, step_visit="b", due_at=NOON - MINUTE)
        claimed = await taken(tx)
        await put(tx, run_id=run, step_visit="c", due_at=NOON - MINUTE)
        gone = await taken(tx)
        await handed(tx, gone)
        await put(tx)
        assert await outbox.cancel(tx, [run], "ordered", NOON) == 2
        assert not await handed(tx, claimed)
        assert (await store.why(tx, claimed.id))[-1].words == "Not sent: she has ordered."
        assert await outbox.cancel(tx, [], "ordered", NOON) == 0
        return await store.counts(tx)

    counted = house.unit(work)
    assert counted == {State.CANCELLED: 2, State.HANDING_OVER: 1, State.QUEUED: 1}


def test_waiting_for_one_reason_stays_one_line(house: House) -> None:
    async def work(tx: Tx) -> list[Line]:
        await put(tx)
        for lap in range(5):
            now = NOON + lap * MINUTE
            message = await taken(tx, now)
            reason = "order_feed_silent" if lap < 4 else "events_behind"
            outcome = Outcome(
                state=State.DELAYED, words=f"Waiting {lap}.", reason=reason, due_at=now + MINUTE
            )
            assert await finish(tx, message, outcome, now)
        return await store.why(tx, message.id)

    story = house.unit(work)
    assert [line.reason for line in story] == [None, "order_feed_silent", "events_behind"]
    assert (story[1].times, story[1].words) == (4, "Waiting 3.")
    assert (story[1].since, story[1].at) == (NOON, NOON + 3 * MINUTE)


def test_caps_see_the_address_and_the_person(house: House) -> None:
    async def work(tx: Tx) -> None:
        origin, other = new_id(), new_id()
        await put(tx, origin_id=origin)
        message = await taken(tx)
        await handed(tx, message)

        async def seen(to: Recipient, origins: list[UUID], of: str | None = None) -> list[UUID]:
            since = NOON - timedelta(hours=24)
            asked = {origin: Asked(to, origins, since, of)}
            found = await passing.said(tx, asked, rehearsal=False)
            return [said.id for said in found[origin]]

        elsewhere = Recipient("else@example.com", "else@example.com")
        assert await seen(ANNA, [other]) == [message.id]
        assert await seen(elsewhere, [origin]) == [message.id]
        assert await seen(elsewhere, [other]) == []

        await put(tx, arm=Arm.HOLDOUT)
        held = await taken(tx)
        outcome = Outcome(state=State.HELD_OUT, words="Held out.")
        await finish(tx, held, outcome, NOON, elsewhere.address_key)
        assert await seen(elsewhere, [other]) == []
        assert await seen(elsewhere, [other], "journey:abandoned_cart") == [held.id]
        assert await seen(elsewhere, [other], "journey:winback") == []
        # Who is asked about beside one that is to be held out is told only what was said.
        since = NOON - timedelta(hours=24)
        beside = {
            held.id: Asked(ANNA, [origin], since, "journey:abandoned_cart"),
            message.id: Asked(elsewhere, [other], since),
        }
        assert (await passing.said(tx, beside, rehearsal=False))[message.id] == []

    house.unit(work)


def test_what_was_rehearsed_counts_in_rehearsal_alone(house: House) -> None:
    async def work(tx: Tx) -> None:
        await put(tx)
        message = await taken(tx)
        line = Line(NOON, State.HANDING_OVER, "Handed over.")
        await passing.hand_over(
            tx, [Leaving(message, ANNA, line, NOON + LEASE, {"rehearsal": True})]
        )
        for rehearsal in (True, False):
            asked = {message.id: Asked(ANNA, [], NOON - LEASE)}
            found = await passing.said(tx, asked, rehearsal=rehearsal)
            assert bool(found[message.id]) is rehearsal

    house.unit(work)


def test_an_erased_person_leaves_numbers_only(house: House) -> None:
    async def work(tx: Tx) -> None:
        origin = new_id()
        await put(tx, origin_id=origin, context={"cart_id": str(new_id())})
        message = await taken(tx)
        await handed(tx, message)
        await finish(tx, message, sent(), NOON)
        await put(tx, origin_id=origin, step_visit="mail/2")
        rows = {row["state"]: row for row in await store.export(tx, [origin])}
        row, waiting = rows["sent"], rows["queued"]
        assert row["address"] == "Anna@example.com"
        assert "token" not in row
        assert await store.erase(tx, [origin]) == 2
        assert await store.untold(tx, 10) == []
        kept = await store.find(tx, message.id)
        ended = await store.find(tx, UUID(str(waiting["id"])))
        assert kept is not None
        assert ended is not None
        assert (kept.state, kept.address, kept.address_key) == (State.SENT, None, None)
        assert (kept.context, kept.story) == ({}, [])
        assert (ended.state, ended.reason) == (State.CANCELLED, "erased")

    house.unit(work)


def test_an_erased_rehearsal_stays_one(house: House) -> None:
    """Else the result would count a mail that never reached a customer."""

    async def work(tx: Tx) -> None:
        origin = new_id()
        await put(tx, origin_id=origin)
        message = await taken(tx)
        line = Line(NOON, State.HANDING_OVER, "Handed over.")
        detail = {"subject": "Your cart", "rehearsal": True}
        await passing.hand_over(tx, [Leaving(message, ANNA, line, NOON + LEASE, detail)])
        await finish(tx, message, sent(), NOON)
        await store.erase(tx, [origin])
        kept = await store.find(tx, message.id)
        assert kept is not None and kept.detail == {"rehearsal": True}

    house.unit(work)


def test_a_shop_sees_nothing_of_another(house: House) -> None:
    house.unit(put, house.acme)

    async def look(tx: Tx) -> int:
        return len(await store.listed(tx, store.Filter(), None, 10))

    assert house.unit(look, house.acme) == 1
    assert house.unit(look, house.bolt) == 0
