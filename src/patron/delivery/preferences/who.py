"""Whose page a link opens, and how she can be reached."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from patron.kit.db import Tx
from patron.kit.signing import Signer
from patron.messages import store as outbox
from patron.messages.links import Pass, long, mailbox_mark
from patron.profiles import store as profiles
from patron.profiles.consent import CHANNEL_KIND, MARKETING
from patron.profiles.consents import wish_store as wishes
from patron.profiles.consents.labels import purposes
from patron.profiles.consents.types import Wish
from patron.profiles.reach_store import Way, reached
from patron.profiles.types import ConsentWord, Identifier, Person, Reach
from patron.shops.types import Shop

EMAIL = "email"


class Her(msgspec.Struct, frozen=True):
    """Who has the page. `mailbox` is the address it speaks of, `mailed` whether the link came to
    that very address, `place` where her words are said."""

    person: Person
    mailbox: Identifier
    mailed: bool
    place: str
    ways: dict[Way, Reach]
    wish: Wish | None
    words: list[ConsentWord]

    def addresses(self, channel: str) -> list[Identifier]:
        """Her addresses for a channel: of mailboxes, the one that the page speaks of."""
        kind = CHANNEL_KIND[channel]
        if kind == self.mailbox.kind:
            return [self.mailbox]
        return [one for one in self.person.identifiers if one.kind == kind]


async def her(tx: Tx, shop: Shop, signer: Signer, given: Pass) -> Her | None:
    """Who is meant by a link, or None when nothing of hers is left."""
    person = await profiles.person(tx, long(given.origin))
    if person is None:
        return None
    mailbox = await _mailbox(tx, signer, given, person)
    if mailbox is None:
        return None
    words = await profiles.consents(tx, person.origins)
    ways = _ways(shop, person, words)
    names = person.identifiers  # all: a no at another address of hers is a no here too
    found = (await reached(tx, {person.id: names}, ways, shop.settings))[person.id]
    place = f"preferences, message {long(given.message)}" if given.message else "preferences"
    return Her(
        person,
        mailbox,
        given.message is not None,
        place,
        found,
        await wishes.of(tx, person.id, EMAIL, mailbox.value),
        words,
    )


async def _mailbox(tx: Tx, signer: Signer, given: Pass, person: Person) -> Identifier | None:
    names = [one for one in person.identifiers if one.kind in CHANNEL_KIND.values()]
    if given.mailbox is not None:
        origin = long(given.origin)
        marks = {mailbox_mark(signer, origin, one.value): one for one in names}
        return marks.get(given.mailbox)
    message = await outbox.find(tx, long(given.message)) if given.message else None
    if message is None:
        # A mail that left after the backup which the shop was restored from is in no table.
        key = (await profiles.reach(tx, person.id, EMAIL, MARKETING)).address_key
    else:
        key = message.address_key
    return next((one for one in names if one.value == key), None)


def _ways(shop: Shop, person: Person, words: Sequence[ConsentWord]) -> list[Way]:
    """What she may switch: letters by e-mail, and whatever else she was ever asked about."""
    kinds = {one.kind for one in person.identifiers}
    asked = {EMAIL, *(word.channel for word in words)}
    return [
        (channel, purpose)
        for channel, kind in CHANNEL_KIND.items()
        if kind in kinds and channel in asked
        for purpose in purposes(shop.settings)
    ]


async def mark_of(tx: Tx, shop: Shop, signer: Signer, root: UUID) -> str | None:
    """What stands in a link for the address she is best reached at, or None without one."""
    for channel in CHANNEL_KIND:
        reach = await profiles.reach(tx, root, channel, MARKETING, shop.settings)
        if reach.address_key is not None:
            return mailbox_mark(signer, root, reach.address_key)
    return None
