"""Double opt-in: the mail that asks, and the answer that she gives on the page it leads to."""

from datetime import datetime

from patron.delivery.desk import Desk
from patron.delivery.telling import event
from patron.events.types import Trust
from patron.kit.db import Tx
from patron.messages.links import Asking, long
from patron.messages.outbox import enqueue
from patron.messages.types import CONFIRM, Draft
from patron.profiles import store as profiles
from patron.profiles.consents import confirmation_store as store
from patron.profiles.consents.labels import agreed_to
from patron.profiles.consents.types import Confirmation
from patron.profiles.types import ConsentState, ConsentWord
from patron.shops.types import Shop, ShopSettings

SOURCE = "double_opt_in"
AT_ONCE = 100


async def ask(tx: Tx, now: datetime) -> int:
    """Write the messages that ask, for all who have not been written to; how many these were.

    One mail each, and never a second: whoever does not answer has not agreed.
    """
    waiting = await store.unmailed(tx, AT_ONCE)
    for one in waiting:
        draft = Draft(
            source=SOURCE,
            run_id=one.id,
            step_visit="ask/1",
            origin_id=one.origin_id,
            template=CONFIRM,
            due_at=now,
            expires_at=one.expires_at,
            channel=one.channel,
            purpose="transactional",
            context={"confirmation": str(one.id), "address_key": one.address_key},
        )
        await enqueue(tx, draft, now)
    await store.mailed(tx, [one.id for one in waiting], now)
    return len(waiting)


async def answer(desk: Desk, asking: Asking) -> Confirmation | None:
    """She pressed the button: a confirmed yes is kept. None when there is nothing to confirm."""
    now = desk.clock.now()
    confirmation_id = long(asking.confirmation)

    async def work(tx: Tx) -> Confirmation | None:
        found = await store.confirm(tx, confirmation_id, now)
        if found is not None:
            await profiles.set_consent(tx, _word(found, desk.shop.settings, now), now)
        return found

    found = await desk.db.run(desk.shop.schema, work)
    if found is not None:
        name = "Email Subscribed" if found.channel == "email" else "SMS Subscribed"
        properties = {
            "channel": found.channel,
            "purpose": found.purpose,
            "email": found.address,
            "confirmed": True,
            "where": "confirmation page",
        }
        told = event(name, f"patron-{found.id}-confirmed", found.origin_id, now, properties)
        await desk.tell([told])
    return found


async def asked(desk: Desk, asking: Asking) -> Confirmation | None:
    """What a link asks, or None when nothing is known of it (any more)."""
    async with desk.db.unit(desk.shop.schema) as tx:
        return await store.find(tx, long(asking.confirmation))


def _word(found: Confirmation, settings: ShopSettings, at: datetime) -> ConsentWord:
    return ConsentWord(
        address_key=found.address_key,
        channel=found.channel,
        purpose=found.purpose,
        state=ConsentState.GRANTED,
        at=at,
        source="confirmation_page",
        # She proved that she reads this mailbox: the link was sent nowhere else.
        trust=Trust.VERIFIED,
        text_shown=agreed_to(settings, found),
        place=f"confirmation {found.id}, asked on {found.asked_at:%Y-%m-%d %H:%M} UTC",
        origin_id=found.origin_id,
        confirmed=True,
    )


def words(found: Confirmation, shop: Shop) -> str:
    """What she agrees to."""
    return agreed_to(shop.settings, found)


def is_over(found: Confirmation, now: datetime) -> bool:
    """Whether her answer comes too late."""
    return found.confirmed_at is None and found.expires_at <= now
