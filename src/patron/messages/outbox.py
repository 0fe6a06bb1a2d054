"""Putting a message into the outbox, taking it out again, and ending a doubt."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from patron.kit.db import Tx
from patron.messages import store
from patron.messages.restored import store as after_restore
from patron.messages.types import RESOLVED, Arm, Draft, Line, State


async def enqueue(tx: Tx, draft: Draft, now: datetime) -> UUID | None:
    """Queue `draft` in the caller's transaction; None when its unique key exists already."""
    return (await enqueue_all(tx, [draft], now))[0]


async def enqueue_all(tx: Tx, drafts: Sequence[Draft], now: datetime) -> list[UUID | None]:
    """Queue each of `drafts`, as `enqueue` does; their ids in the order of the drafts."""
    if not drafts:
        return []
    written = [(draft, Line(now, State.QUEUED, _written(draft, now))) for draft in drafts]
    return await store.insert(tx, written, now)


def _written(draft: Draft, now: datetime) -> str:
    who = draft.source.removeprefix("journey:").replace("_", " ")
    words = f"Written down by “{who}” for {_moment(draft.due_at, now)}."
    if draft.arm is Arm.HOLDOUT:
        words += " She is in the holdout: it will be judged like any other, but not sent."
    return words


async def cancel(tx: Tx, run_ids: Sequence[UUID], reason: str, now: datetime) -> int:
    """End the messages of these runs that have not been handed over; how many these were.

    `reason` is a short word ("cart_closed") or a sentence; it is shown to the owner.
    """
    if not run_ids:
        return 0
    code = reason if reason in _CANCELLED else "journey_ended"
    words = _CANCELLED.get(reason, f"Not sent: {reason}")
    return await store.cancel(tx, run_ids, Line(now, State.CANCELLED, words, code))


async def restored(tx: Tx, now: datetime) -> tuple[int, int]:
    """The database is a backup's: (messages not to be sent, messages nobody knows about).

    What waited in the backup may have left since. From now on the gate also refuses what an event
    before `now` started, and keeps marketing back while its caps could not know better.
    """
    await after_restore.mark(tx, now)
    words = _CANCELLED["restored"]
    ended = await after_restore.turn(tx, Line(now, State.CANCELLED, words, "restored"))
    doubtful = await after_restore.turn(
        tx,
        Line(
            now,
            State.AMBIGUOUS,
            "It was being handed over when the backup was made that this shop was restored from."
            " It is not sent again unless you say so.",
            "restored",
        ),
    )
    return ended, doubtful


async def expire(tx: Tx, now: datetime) -> tuple[list[UUID], list[UUID]]:
    """Judge leases that ended: (taken up again, become ambiguous).

    What was only claimed has certainly not left. What was being handed over may have: it is never
    sent again without a human's word.
    """
    again = await store.expire(
        tx,
        State.CLAIMED,
        Line(
            now, State.QUEUED, "The process that had it stopped; it is taken up again.", "requeued"
        ),
    )
    doubtful = await store.expire(
        tx,
        State.HANDING_OVER,
        Line(
            now,
            State.AMBIGUOUS,
            "We were cut off while handing it over: the mail server may have it, or not."
            " It is not sent again unless you say so.",
            "no_answer",
        ),
    )
    return again, doubtful


class Resolution(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a human found out about an ambiguous message."""

    answer: Literal["sent", "resend"]


async def resolve(tx: Tx, message_id: UUID, resolution: Resolution, now: datetime) -> bool:
    """End an ambiguity; False when the message is not ambiguous (any more)."""
    if resolution.answer == "sent":
        line = Line(now, State.SENT, "You said that it arrived.", RESOLVED)
        return await store.decide(tx, message_id, line, "Email Sent")
    line = Line(now, State.QUEUED, "You said to send it again.", RESOLVED)
    return await store.decide(tx, message_id, line, None)


_CANCELLED = {
    "cart_closed": "Not sent: the cart was closed.",
    "ordered": "Not sent: she has ordered.",
    "emptied": "Not sent: she has emptied the cart.",
    "event": "Not sent: something happened that ends this journey for her.",
    "condition": "Not sent: the journey's condition no longer holds for her.",
    "duplicate": "Not sent: an older run of the same journey speaks to her.",
    "journey_ended": "Not sent: the journey ended for her.",
    "journey_off": "Not sent: the journey was switched off.",
    "erased": "Not sent: her data was erased.",
    "restored": "Not sent: the shop was restored from a backup in which this was waiting, and it"
    " may have left since.",
}


def _moment(due: datetime, now: datetime) -> str:
    return "now" if due <= now else f"{due:%Y-%m-%d %H:%M} UTC"
