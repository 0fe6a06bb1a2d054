"""Handing a letter to its channel, and what the answer means for the message."""

from datetime import datetime, timedelta

import msgspec

from patron.delivery.types import Channel, Letter, Permanent, Reason, Receipt, Temporary, Unknown
from patron.kit.log import mask
from patron.messages.types import Message, Outcome, State
from patron.shops.types import Shop

SENT = "Email Sent"
BOUNCED = "Email Bounced"
BACKOFF = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=3),
)


class Handed(msgspec.Struct, frozen=True):
    """What the channel answered: a receipt, or one of its three errors."""

    receipt: Receipt | None = None
    error: Permanent | Temporary | Unknown | None = None

    @property
    def bounced(self) -> bool:
        return isinstance(self.error, Permanent) and self.error.bounce

    def outcome(self, message: Message, most_attempts: int, now: datetime) -> Outcome:
        """How the message goes on; its `attempts` count this one."""
        said = mask(str(self.error)) if self.error is not None else ""
        if self.receipt is not None:
            return _taken(self.receipt)
        if isinstance(self.error, Permanent):
            return _refused(said, self.error.bounce)
        if isinstance(self.error, Temporary):
            return _later(message, self.error, said, most_attempts, now)
        return Outcome(
            state=State.AMBIGUOUS,
            reason=Reason.NO_ANSWER,
            words=f"We do not know whether it was taken: {said}. It is not sent again unless you"
            " say so.",
            detail={"answer": said},
        )


async def hand(channel: Channel, shop: Shop, letter: Letter) -> Handed:
    """Give `letter` to `channel`. Whatever it raises beyond its three errors leaves a doubt."""
    try:
        return Handed(receipt=await channel.send(shop, letter))
    except (Permanent, Temporary, Unknown) as error:
        return Handed(error=error)
    except Exception as error:
        return Handed(error=Unknown(f"{type(error).__name__}: {error}"))


def _taken(receipt: Receipt) -> Outcome:
    if receipt.recorded:
        return Outcome(
            state=State.RECORDED,
            words="Written down as sent: this is replayed history, nothing left the house.",
            provider_id=receipt.provider_id,
            tell=SENT,
        )
    return Outcome(
        state=State.SENT,
        words=f"The mail server took it: {receipt.provider_id}.",
        provider_id=receipt.provider_id,
        tell=SENT,
    )


def _refused(said: str, bounce: bool) -> Outcome:
    words = f"The mail server refused it: {said}."
    if bounce:
        words += " The address does not work; nothing more is sent to it."
    return Outcome(
        state=State.FAILED,
        reason=Reason.BOUNCED if bounce else Reason.REFUSED,
        words=words,
        detail={"answer": said},
        tell=BOUNCED,
    )


def _later(
    message: Message, error: Temporary, said: str, most_attempts: int, now: datetime
) -> Outcome:
    pause = BACKOFF[min(message.attempts, len(BACKOFF)) - 1]
    again = now + max(pause, error.retry_after or pause)
    if message.attempts >= most_attempts or again >= message.expires_at:
        return Outcome(
            state=State.FAILED,
            reason=Reason.GAVE_UP,
            words=f"Given up after {message.attempts} attempts: {said}.",
            detail={"answer": said},
        )
    return Outcome(
        state=State.DELAYED,
        reason=Reason.NOT_NOW,
        words=f"The mail server said later: {said}. Next attempt at {again:%H:%M} UTC.",
        due_at=again,
        detail={"answer": said},
    )
