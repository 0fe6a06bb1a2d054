"""Gathers what the gate needs to know, inside the transaction that will hand the message over."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from patron.carts import store as carts
from patron.catalog import store as catalog
from patron.delivery.gate import SAME_SOURCE, permitted
from patron.delivery.types import CartState, Facts
from patron.events import store as events
from patron.kit.db import Tx
from patron.messages import store as outbox
from patron.messages.restored import store as after_restore
from patron.messages.types import Arm, Message, Recipient, Said
from patron.profiles import store as profiles
from patron.profiles.consent import FOR_AN_ORDER, basis, grounds, uppermost
from patron.profiles.consents import wish_store as wishes
from patron.profiles.consents.confirmation_store import reach_of
from patron.profiles.consents.types import PACES
from patron.profiles.types import Reach
from patron.segments import facts as people
from patron.segments.facts import Subject
from patron.segments.rules.language import Answer, Scope, needs, parse
from patron.shops.types import Basis, Mode, Shop


async def load(tx: Tx, shop: Shop, message: Message, now: datetime) -> Facts:
    """Everything about `message` at `now`.

    Locks the address until the end of the transaction, so that two messages to one address are
    judged one after the other, whoever they are for.
    """
    reach = await _reach(tx, shop, message)
    facts = Facts(
        now=now,
        mode=shop.mode,
        owner=shop.owner_email,
        purpose=message.purpose,
        reach=reach,
        expires_at=message.expires_at,
        hours_between=shop.settings.marketing_hours_between,
    )
    if permitted(facts) is not None:
        return facts  # where consent is missing nothing else is asked
    said: list[Said] = []
    pace, pause = None, None
    if reach.address is not None and reach.address_key is not None:
        await outbox.lock_address(tx, reach.address_key)
        if facts.marketing:
            pace, pause = await _wished(tx, message, reach.address_key)
        recipient = Recipient(reach.address, reach.address_key)
        said = await _said(tx, shop, message, recipient, now, pace)
    cart = await _cart(tx, message)
    silence = await carts.feed_silence(tx, now) if cart is not None else None
    return msgspec.structs.replace(
        facts,
        cart=cart,
        condition=await _condition(tx, shop, message, now),
        last_marketing=next((s.at for s in said if _is_letter(shop, message, s)), None),
        last_of_source=next((s.at for s in said if s.source == message.source), None),
        orders_silent_since=silence.last_order_at if silence else None,
        walk_lag=await events.lag(tx, now),
        begun=_begun(message),
        categories=await _categories(tx, message, facts),
        pace=pace,
        paused_until=pause,
        # Whoever said "send it again" has looked whether it left before the restore.
        restored_at=None if message.insisted_on else await after_restore.last(tx),
    )


def _begun(message: Message) -> datetime | None:
    start = message.context.get("start")
    return datetime.fromisoformat(str(start)) if start else None


async def _said(
    tx: Tx,
    shop: Shop,
    message: Message,
    recipient: Recipient,
    now: datetime,
    pace: timedelta | None,
) -> list[Said]:
    origins = await profiles.origins(tx, message.origin_id)
    hours = timedelta(hours=shop.settings.marketing_hours_between)
    since = now - max(SAME_SOURCE, hours, pace or hours)
    rehearsal = shop.mode is Mode.REHEARSAL
    everyone = [*origins, message.origin_id]
    held_out_of = message.source if message.arm is Arm.HOLDOUT else None
    found = await outbox.said(
        tx, recipient, everyone, since, held_out_of=held_out_of, rehearsal=rehearsal
    )
    return [said for said in found if said.id != message.id]


def _is_letter(shop: Shop, message: Message, said: Said) -> bool:
    """Whether what was said counts for caps: anything but what an order needs."""
    accepts = grounds(shop.settings, message.channel, said.purpose).accepts
    if accepts is None:
        return said.purpose not in FOR_AN_ORDER
    return Basis.CONTRACT not in accepts


async def _reach(tx: Tx, shop: Shop, message: Message) -> Reach:
    """Of the person, or of the one address that the message is about."""
    settings, only = shop.settings, message.context.get("address_key")
    if only is None:
        return await profiles.reach(
            tx, message.origin_id, message.channel, message.purpose, settings
        )
    return await reach_of(tx, str(only), message.channel, message.purpose, settings)


async def _wished(
    tx: Tx, message: Message, address_key: str
) -> tuple[timedelta | None, datetime | None]:
    """Her own pace, and until when she wants nothing."""
    wish = await wishes.of(tx, message.origin_id, message.channel, address_key)
    return (PACES.get(wish.frequency), wish.paused_until) if wish else (None, None)


async def _categories(tx: Tx, message: Message, facts: Facts) -> frozenset[str]:
    """The uppermost categories of what it is about; asked only where the ground is a sale."""
    cart_id = message.context.get("cart_id")
    if not cart_id or basis(facts.reach, facts.purpose) is not Basis.EXISTING_CUSTOMER:
        return frozenset()
    cart = await carts.cart(tx, UUID(str(cart_id)))
    keys = [k for item in (cart.items if cart else []) for k in (item.variant_id, item.product_id)]
    return uppermost((await catalog.find(tx, [key for key in keys if key])).values())


async def _cart(tx: Tx, message: Message) -> CartState | None:
    cart_id = message.context.get("cart_id")
    if not cart_id:
        return None
    cart = await carts.cart(tx, UUID(str(cart_id)))
    if cart is None:
        return "expired"
    if cart.closed_at is not None:
        closed: CartState = msgspec.convert(cart.closed_reason, CartState)
        return closed
    return "open" if cart.items else "empty"


async def _condition(tx: Tx, shop: Shop, message: Message, now: datetime) -> Answer | None:
    if message.condition is None:
        return None
    start, cart = _begun(message), message.context.get("cart_id")
    moments = {"start": start} if start else {}
    rule = parse(message.condition, Scope(frozenset(moments), cart=cart is not None))
    subject = Subject(message.origin_id, moments, None if cart is None else str(cart))
    return rule.evaluate(await people.load(tx, subject, needs(rule), now, shop), now)
