"""Taking back, and giving back, the word that a shop may write.

The suppression and the word are written in the request's own transaction, because a customer who
says no must be heard even when everything else waits. The event about it comes besides.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from patron.delivery.desk import Desk
from patron.delivery.telling import clicked
from patron.events.types import Trust
from patron.kit.db import Tx
from patron.messages import store as outbox
from patron.messages.links import Ticket, long
from patron.profiles import store as profiles
from patron.profiles.consent import MARKETING
from patron.profiles.types import ConsentState, ConsentWord, SuppressionReason

EMAIL = "email"
STOPPED = "Unsubscribe in a mail"
BACK = "Undo on the unsubscribe page"


async def stop(desk: Desk, ticket: Ticket) -> None:
    """She wants no more of it. Saying so twice changes nothing more; nor does a rehearsal mail."""
    if ticket.rehearsal:
        return
    now = desk.clock.now()

    async def work(tx: Tx) -> bool:
        mail = await _mail(tx, ticket)
        if mail is None:
            return False  # erased: nothing is left that could be written to
        reach = await profiles.suppressed(tx, mail.channel, mail.address_key)
        if reach == SuppressionReason.UNSUBSCRIBE:
            return False
        await profiles.suppress(
            tx, mail.channel, mail.address_key, SuppressionReason.UNSUBSCRIBE, now, mail.place
        )
        await profiles.set_consent(tx, _word(mail, ConsentState.WITHDRAWN, STOPPED, now), now)
        return True

    if await desk.db.run(desk.shop.schema, work):
        await _say(desk, ticket, "Unsubscribed", now)


async def undo(desk: Desk, ticket: Ticket) -> bool:
    """She did not mean it: a grant later than the stop lifts it. False when there is no stop."""
    if ticket.rehearsal:
        return False
    now = desk.clock.now()

    async def work(tx: Tx) -> bool:
        mail = await _mail(tx, ticket)
        if mail is None:
            return False
        reason = await profiles.suppressed(tx, mail.channel, mail.address_key)
        if reason == SuppressionReason.UNSUBSCRIBE:
            await profiles.set_consent(tx, _word(mail, ConsentState.GRANTED, BACK, now), now)
            return True
        return False

    if not await desk.db.run(desk.shop.schema, work):
        return False
    await _say(desk, ticket, "Email Subscribed", now)
    return True


class _Mail(msgspec.Struct, frozen=True):
    """The mail that a link came in, as far as it is known."""

    id: UUID
    origin_id: UUID
    channel: str
    purpose: str
    address_key: str

    @property
    def place(self) -> str:
        return f"message {self.id}"


async def _mail(tx: Tx, ticket: Ticket) -> _Mail | None:
    """None when no address of hers is left. A mail that left after the backup which the shop was
    restored from is in no table; her address may still be known."""
    message_id = long(ticket.message)
    message = await outbox.find(tx, message_id)
    if message is None:
        origin = long(ticket.origin)
        key = (await profiles.reach(tx, origin, EMAIL, MARKETING)).address_key
        return _Mail(message_id, origin, EMAIL, MARKETING, key) if key is not None else None
    if message.address_key is None:
        return None
    return _Mail(
        message_id, message.origin_id, message.channel, message.purpose, message.address_key
    )


def _word(mail: _Mail, state: ConsentState, text: str, at: datetime) -> ConsentWord:
    return ConsentWord(
        address_key=mail.address_key,
        channel=mail.channel,
        purpose=mail.purpose,
        state=state,
        at=at,
        source="unsubscribe_page",
        # She proved that she reads this mailbox: the link was sent nowhere else.
        trust=Trust.VERIFIED,
        text_shown=text,
        place=mail.place,
        origin_id=mail.origin_id,
        message_id=str(mail.id),
        confirmed=state is ConsentState.GRANTED,
    )


async def _say(desk: Desk, ticket: Ticket, name: str, at: datetime) -> None:
    more = {"channel": "email", "purpose": "marketing", "where": "unsubscribe page"}
    suffix = f"{name.lower().replace(' ', '-')}-{int(at.timestamp())}"
    await desk.tell([clicked(ticket, name, suffix, at, more)])
