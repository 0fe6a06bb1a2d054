"""Gathers what the gate needs to know, inside the transaction that will hand messages over.

Queries do not grow with the number of messages.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from patron.carts import store as carts
from patron.carts.types import Cart
from patron.catalog import store as catalog
from patron.delivery.gate import SAME_SOURCE, permitted
from patron.delivery.types import CartState, Facts
from patron.events import store as events
from patron.kit.db import Tx
from patron.messages import passing_store as passing
from patron.messages.restored import store as after_restore
from patron.messages.types import Arm, Asked, Message, Recipient, Said
from patron.profiles import store as profiles
from patron.profiles.consent import FOR_AN_ORDER, basis, grounds, uppermost
from patron.profiles.consents import wish_store as wishes
from patron.profiles.consents.confirmation_store import reach_of
from patron.profiles.consents.types import PACES, Wish
from patron.profiles.many import store as many
from patron.profiles.types import Reach
from patron.segments import facts as people
from patron.segments.facts import Subject
from patron.segments.rules.language import Answer, Rule, Scope, needs, parse
from patron.segments.store import families
from patron.shops.types import Basis, Mode, Shop


async def load(tx: Tx, shop: Shop, messages: Sequence[Message], now: datetime) -> dict[UUID, Facts]:
    """Everything about each of `messages` at `now`, by its id.

    Locks the addresses until the end of the transaction, so that two messages to one address are
    judged one after the other, whoever they are for. For that reason one to an address or a person
    that an earlier one of `messages` is for is left out.
    """
    family = await families(tx, (message.origin_id for message in messages))
    reach = await _reach(tx, shop, messages, family)
    found: dict[UUID, Facts] = {}
    asked: list[_Asked] = []
    taken: set[str | UUID | None] = {None}
    for message in messages:
        facts = Facts(
            now=now,
            mode=shop.mode,
            owner=shop.owner_email,
            purpose=message.purpose,
            reach=reach[message.id],
            expires_at=message.expires_at,
            hours_between=shop.settings.marketing_hours_between,
        )
        if permitted(facts) is not None:
            found[message.id] = facts  # where consent is missing nothing else is asked
            continue
        one = _Asked(message, facts, family[message.origin_id])
        if taken.isdisjoint(one.who - {None}):
            taken |= one.who
            asked.append(one)
    return found | (await _more(tx, shop, asked, now) if asked else {})


class _Asked(msgspec.Struct, frozen=True):
    """A message that may leave as far as consent goes; `origins` are all of its person."""

    message: Message
    facts: Facts
    origins: Sequence[UUID]

    @property
    def who(self) -> set[str | UUID | None]:
        """What two messages may not share to be judged beside each other."""
        return {self.facts.reach.address_key, self.origins[0]}

    @property
    def to(self) -> Recipient | None:
        address, key = self.facts.reach.address, self.facts.reach.address_key
        return Recipient(address, key) if address is not None and key is not None else None

    @property
    def cart_id(self) -> UUID | None:
        cart_id = self.message.context.get("cart_id")
        return UUID(str(cart_id)) if cart_id else None


async def _more(tx: Tx, shop: Shop, asked: Sequence[_Asked], now: datetime) -> dict[UUID, Facts]:
    await passing.lock_addresses(tx, [one.to.address_key for one in asked if one.to])
    wished = await _wished(tx, asked)
    said = await _said(tx, shop, asked, now, wished)
    ids = [cart_id for one in asked if (cart_id := one.cart_id)]
    found = await carts.by_id(tx, ids) if ids else {}
    silence = await carts.feed_silence(tx, now) if ids else None
    conditions = await _conditions(tx, shop, asked, now)
    walk_lag = await events.lag(tx, now)
    restored_at = await after_restore.last(tx)
    facts = {}
    for one in asked:
        message, heard = one.message, said.get(one.message.id, [])
        pace, pause = wished.get(message.id, (None, None))
        cart = found.get(one.cart_id) if one.cart_id else None
        facts[message.id] = msgspec.structs.replace(
            one.facts,
            cart=_cart(cart) if one.cart_id else None,
            condition=conditions.get(message.id),
            last_marketing=next((s.at for s in heard if _is_letter(shop, message, s)), None),
            last_of_source=next((s.at for s in heard if s.source == message.source), None),
            orders_silent_since=silence.last_order_at if silence and one.cart_id else None,
            walk_lag=walk_lag,
            begun=_begun(message),
            categories=await _categories(tx, one.facts, cart),
            pace=pace,
            paused_until=pause,
            # Whoever said "send it again" has looked whether it left before the restore.
            restored_at=None if message.insisted_on else restored_at,
        )
    return facts


def _begun(message: Message) -> datetime | None:
    start = message.context.get("start")
    return datetime.fromisoformat(str(start)) if start else None


async def _said(
    tx: Tx,
    shop: Shop,
    asked: Sequence[_Asked],
    now: datetime,
    wished: Mapping[UUID, tuple[timedelta | None, datetime | None]],
) -> dict[UUID, list[Said]]:
    hours = timedelta(hours=shop.settings.marketing_hours_between)
    wanted = {}
    for one in asked:
        if one.to is None:
            continue
        pace, _ = wished.get(one.message.id, (None, None))
        held_out_of = one.message.source if one.message.arm is Arm.HOLDOUT else None
        since = now - max(SAME_SOURCE, hours, pace or hours)
        wanted[one.message.id] = Asked(one.to, one.origins, since, held_out_of)
    rehearsal = shop.mode is Mode.REHEARSAL
    found = await passing.said(tx, wanted, rehearsal=rehearsal)
    return {name: [said for said in some if said.id != name] for name, some in found.items()}


def _is_letter(shop: Shop, message: Message, said: Said) -> bool:
    """Whether what was said counts for caps: anything but what an order needs."""
    accepts = grounds(shop.settings, message.channel, said.purpose).accepts
    if accepts is None:
        return said.purpose not in FOR_AN_ORDER
    return Basis.CONTRACT not in accepts


async def _reach(
    tx: Tx, shop: Shop, messages: Sequence[Message], family: Mapping[UUID, Sequence[UUID]]
) -> dict[UUID, Reach]:
    """Of each person, or of the one address that the message is about."""
    settings = shop.settings
    found: dict[UUID, Reach] = {}
    hers = []
    for message in messages:
        if (only := message.context.get("address_key")) is None:
            hers.append(message)
            continue
        found[message.id] = await reach_of(
            tx, str(only), message.channel, message.purpose, settings
        )
    if hers:
        people = {family[one.origin_id][0]: family[one.origin_id] for one in hers}
        ways = {(one.channel, one.purpose) for one in hers}
        reach = await many.reach(tx, people, ways, settings)
        for one in hers:
            person = family[one.origin_id][0]
            found[one.id] = reach[person][one.channel, one.purpose]
    return found


async def _wished(
    tx: Tx, asked: Sequence[_Asked]
) -> dict[UUID, tuple[timedelta | None, datetime | None]]:
    """Of marketing: her own pace, and until when she wants nothing."""
    heard = [one for one in asked if one.facts.marketing and one.to is not None]
    if not heard:
        return {}
    held: dict[UUID, set[str]] = {}
    origins = sorted({origin for one in heard for origin in one.origins})
    for name in await profiles.identifiers(tx, origins):
        held.setdefault(name.origin_id, set()).add(name.value)
    keys = {
        one.message.id: {one.to.address_key if one.to else ""}.union(
            *(held.get(origin, ()) for origin in one.origins)
        )
        for one in heard
    }
    known: dict[tuple[str, str], list[Wish]] = {}
    for wish in await wishes.of_addresses(tx, sorted(set().union(*keys.values()))):
        known.setdefault((wish.address_key, wish.channel), []).append(wish)
    found = {}
    for one in heard:
        hers = [
            w for key in keys[one.message.id] for w in known.get((key, one.message.channel), ())
        ]
        if (strictest := wishes.strictest(hers)) is not None:
            pace = PACES.get(strictest.frequency)
            found[one.message.id] = (pace, strictest.paused_until)
    return found


async def _categories(tx: Tx, facts: Facts, cart: Cart | None) -> frozenset[str]:
    """The uppermost categories of what it is about; asked only where the ground is a sale."""
    if cart is None or basis(facts.reach, facts.purpose) is not Basis.EXISTING_CUSTOMER:
        return frozenset()
    keys = [key for item in cart.items for key in (item.variant_id, item.product_id)]
    return uppermost((await catalog.find(tx, [key for key in keys if key])).values())


def _cart(cart: Cart | None) -> CartState:
    if cart is None:
        return "expired"
    if cart.closed_at is not None:
        closed: CartState = msgspec.convert(cart.closed_reason, CartState)
        return closed
    return "open" if cart.items else "empty"


async def _conditions(
    tx: Tx, shop: Shop, asked: Sequence[_Asked], now: datetime
) -> dict[UUID, Answer]:
    """The answer to each message's condition; what all of them ask is loaded once."""
    rules: dict[UUID, Rule] = {}
    subjects: list[Subject] = []
    for one in asked:
        message = one.message
        if message.condition is None:
            continue
        start, cart = _begun(message), message.context.get("cart_id")
        moments = {"start": start} if start else {}
        scope = Scope(frozenset(moments), cart=cart is not None)
        rules[message.id] = parse(message.condition, scope)
        subjects.append(Subject(message.origin_id, moments, None if cart is None else str(cart)))
    if not rules:
        return {}
    # How much is looked at of one person does not depend on who else is asked about.
    most = max(needs(rule).tests for rule in rules.values())
    wanted = msgspec.structs.replace(needs(*rules.values()), tests=most)
    loaded = await people.load_many(tx, subjects, wanted, now, shop)
    return {
        name: rule.evaluate(found, now)
        for (name, rule), found in zip(rules.items(), loaded, strict=True)
    }
