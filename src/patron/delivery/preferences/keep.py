"""Keeps what she changed on her page: in the request's own transaction, and told as events."""

from datetime import datetime
from typing import Any

from patron.delivery.preferences.form import PAUSED, Changes
from patron.delivery.preferences.who import Her
from patron.delivery.telling import event
from patron.events.types import Trust
from patron.kit.db import Tx
from patron.profiles import store as profiles
from patron.profiles.consent import CHANNEL_KIND, MARKETING
from patron.profiles.consents import answer_store as answers
from patron.profiles.consents import confirmation_store as confirmations
from patron.profiles.consents import suppression_store as stops
from patron.profiles.consents import wish_store as wishes
from patron.profiles.consents.labels import label
from patron.profiles.consents.types import PAUSE, Frequency, Wish
from patron.profiles.types import ConsentState, ConsentWord, Identifier, SuppressionReason
from patron.shops.types import Shop

INTERESTS = "interests"
UPDATED = "Preferences Updated"


async def keep(tx: Tx, shop: Shop, her: Her, changes: Changes, now: datetime) -> list[Any]:
    """Write everything down that she changed; the events that tell it."""
    told: list[Any] = []
    for way in changes.off:
        told += await _off(tx, shop, her, way, now)
    for way in changes.on:
        told += await _on(tx, shop, her, way, changes, now)
    more: dict[str, Any] = {}
    if changes.pace is not None:
        more |= await _pace(tx, her, changes.pace, now)
    if changes.interests is not None:
        await answers.keep(tx, her.person.id, {INTERESTS: changes.interests or None}, now)
        more[INTERESTS] = changes.interests
    if more:
        told.append(_event(her, UPDATED, "preferences", now, more))
    return told


async def _off(tx: Tx, shop: Shop, her: Her, way: str, now: datetime) -> list[Any]:
    channel, purpose = way.split("/")
    for address in her.addresses(channel):
        if purpose == MARKETING:
            await profiles.suppress(
                tx, channel, address.value, SuppressionReason.UNSUBSCRIBE, now, her.place
            )
        said = _word(shop, her, address, way, ConsentState.WITHDRAWN, now)
        await profiles.set_consent(tx, said, now)
    name = "SMS Unsubscribed"
    if CHANNEL_KIND[channel] == "email":
        name = "Unsubscribed" if purpose == MARKETING else "Email Unsubscribed"
    return [_event(her, name, f"off-{channel}-{purpose}", now, _said(shop, way))]


async def _on(tx: Tx, shop: Shop, her: Her, way: str, changes: Changes, now: datetime) -> list[Any]:
    channel, purpose = way.split("/")
    address = max(her.addresses(channel), key=lambda one: (one.verified, one.last_seen))
    await _welcome_back(tx, shop, her, address, channel, changes, now)
    proved = her.mailed and address == her.mailbox
    wait = channel in shop.settings.double_opt_in and not proved
    state = ConsentState.PENDING if wait else ConsentState.GRANTED
    word = _word(shop, her, address, way, state, now, confirmed=proved)
    await profiles.set_consent(tx, word, now)
    if wait:  # her answer to the mail is the yes that is told
        await confirmations.ask(tx, [word], shop.settings, now)
        return []
    name = "Email Subscribed" if CHANNEL_KIND[channel] == "email" else "SMS Subscribed"
    kind = address.kind
    more = _said(shop, way) | {kind: address.address or address.value, "confirmed": proved}
    return [_event(her, name, f"on-{channel}-{purpose}", now, more)]


async def _welcome_back(
    tx: Tx, shop: Shop, her: Her, address: Identifier, channel: str, changes: Changes, now: datetime
) -> None:
    """Whoever had unsubscribed from everything and switches something on wants that, and not what
    stood switched off before her."""
    lifted = await stops.lift_unsubscription(tx, channel, address.value, now)
    complaint = await stops.find(tx, channel, address.value, SuppressionReason.COMPLAINT)
    if complaint is not None:
        await stops.lift(tx, complaint, "she switched letters on again herself", now)
    if not lifted and complaint is None:
        return
    for (other, purpose), reach in her.ways.items():
        way = f"{other}/{purpose}"
        if other == channel and reach.since is not None and way not in changes.left_on:
            no = _word(shop, her, address, way, ConsentState.WITHDRAWN, now)
            await profiles.set_consent(tx, no, now)


async def _pace(tx: Tx, her: Her, pace: str, now: datetime) -> dict[str, Any]:
    before = her.wish.frequency if her.wish else Frequency.USUAL
    until = now + PAUSE if pace == PAUSED else None
    frequency = before if pace == PAUSED else Frequency(pace)
    for channel, kind in CHANNEL_KIND.items():
        for one in her.addresses(channel) if kind == her.mailbox.kind else ():
            wish = Wish(one.value, channel, frequency, until, now, her.place, her.person.id)
            await wishes.keep(tx, wish)
    told: dict[str, Any] = {"frequency": str(frequency)}
    return told | ({"paused_until": until.isoformat()} if until else {})


def _word(
    shop: Shop,
    her: Her,
    address: Identifier,
    way: str,
    state: ConsentState,
    at: datetime,
    *,
    confirmed: bool = False,
) -> ConsentWord:
    channel, purpose = way.split("/")
    return ConsentWord(
        address_key=address.value,
        channel=channel,
        purpose=purpose,
        state=state,
        at=at,
        source="preferences_page",
        trust=Trust.VERIFIED,
        text_shown=label(shop.settings, channel, purpose),
        place=her.place,
        origin_id=her.person.id,
        confirmed=confirmed,
    )


def _said(shop: Shop, way: str) -> dict[str, Any]:
    channel, purpose = way.split("/")
    return {
        "channel": channel,
        "purpose": purpose,
        "text": label(shop.settings, channel, purpose),
        "where": "preferences page",
    }


def _event(her: Her, name: str, what: str, at: datetime, more: dict[str, Any]) -> dict[str, Any]:
    stamp = int(at.timestamp() * 1000)
    return event(name, f"patron-{her.person.id}-{what}-{stamp}", her.person.id, at, more)
