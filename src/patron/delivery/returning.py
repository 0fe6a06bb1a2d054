"""A mail of ours came back: what follows is written at once, and told besides."""

from datetime import datetime
from uuid import UUID

import msgspec

from patron.delivery.channels.email.returned import Returned, Verdict, read
from patron.delivery.types import Reason
from patron.kit.db import Database, Tx
from patron.kit.problems import conflict, not_found
from patron.messages import store as messages
from patron.messages.types import Line, State
from patron.profiles import store as profiles
from patron.profiles.types import SuppressionReason
from patron.shops.types import Shop

CONSEQUENCES = {
    Verdict.BOUNCED: (SuppressionReason.HARD_BOUNCE, Reason.BOUNCED, "Email Bounced"),
    Verdict.COMPLAINED: (SuppressionReason.COMPLAINT, Reason.COMPLAINED, "Email Marked as Spam"),
    Verdict.REFUSED: (None, Reason.REFUSED, "Email Bounced"),
}
WORDS = {
    Verdict.BOUNCED: "It came back: {said}. The address does not work; nothing more is sent to it.",
    Verdict.COMPLAINED: "She called it spam: {said}. Nothing more is sent to her.",
    Verdict.REFUSED: "It came back: {said}.",
}


class Taken(msgspec.Struct, frozen=True):
    """`suppressed`: nothing more goes to the address. `known`: the report had been taken before."""

    message_id: UUID
    verdict: Verdict
    said: str
    suppressed: bool
    known: bool


async def take(db: Database, shop: Shop, mail: bytes, now: datetime) -> Taken:
    """Act on a mail that came back. A delay and a delivery change nothing; nor does what a
    rehearsal brought back from the owner's own mailbox.

    Problem 400 when it is no report, 404 when the mail was another shop's or is forgotten, 409
    while its sending is still being told.
    """
    returned = read(mail)
    return await db.run(shop.schema, lambda tx: _taken(tx, returned, now))


async def _taken(tx: Tx, returned: Returned, now: datetime) -> Taken:
    message = await messages.find(tx, returned.message_id)
    if message is None:
        raise not_found("message", returned.message_id)
    rehearsed = bool(message.detail.get("rehearsal"))
    if returned.verdict not in CONSEQUENCES or rehearsed or message.address_key is None:
        return Taken(message.id, returned.verdict, returned.said, False, False)
    why, reason, name = CONSEQUENCES[returned.verdict]
    if message.reason in (Reason.BOUNCED, Reason.COMPLAINED, reason):
        # Heard before; only a complaint after a bounce, which nobody can make, would be news.
        return Taken(message.id, returned.verdict, returned.said, why is not None, True)
    words = WORDS[returned.verdict].format(said=returned.said or "without a word why")
    if not await messages.returned(tx, message.id, Line(now, State.SENT, words, reason), name):
        raise conflict(
            f"message {message.id} is {message.state} and not yet told of",
            remedy="hand the report over again in a moment",
        )
    if why is not None:
        await profiles.suppress(
            tx, message.channel, message.address_key, why, now, f"message {message.id}"
        )
    return Taken(message.id, returned.verdict, returned.said, why is not None, False)
