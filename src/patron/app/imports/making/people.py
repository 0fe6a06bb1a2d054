"""Rows about customers become identify events, and words about consent.

A row without `updated_at` tells how things stand now. A yes to mail whose date nobody knows counts
from `consent_at` in the options, else from the day the shop was opened here: whatever a customer
has told Patron itself is later and wins. An undated no counts from now.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from patron.app.imports.making.calls import (
    External,
    Onto,
    Shape,
    email_of,
    external_ids,
    message_id,
    phone_of,
)
from patron.app.imports.reading.faults import Faults
from patron.app.imports.reading.tables import Row
from patron.app.imports.reading.values import Unreadable, identifier, yes
from patron.segments.lists.types import ADDED

_encode = msgspec.json.encode
_PLAIN = {
    "first_name": "firstName",
    "last_name": "lastName",
    "name": "name",
    "birthday": "birthday",
    "gender": "gender",
    "company": "company",
    "language": "language",
}
_PLACE = {
    "street": "street",
    "city": "city",
    "postal_code": "postalCode",
    "state": "state",
    "country": "country",
}
_NUMBERS = ("total_spent", "orders_count")
_WORDS = {
    ("email", True): "Email Subscribed",
    ("email", False): "Email Unsubscribed",
    ("sms", True): "SMS Subscribed",
    ("sms", False): "SMS Unsubscribed",
}
NOWHERE = "a yes to mail that nobody says where it was given (left out)"
_PENDING = frozenset({"pending", "unconfirmed", "not_set", "never_subscribed", "not_subscribed"})


class Who(NamedTuple):
    """The names that a row gives somebody: an address as written, a phone number as E.164."""

    user: str | None
    email: str | None
    phone: str | None
    anonymous: str | None


class People:
    """Makes the events of a customer list, a row at a time."""

    def __init__(self, shape: Shape, faults: Faults) -> None:
        self._shape = shape
        self._faults = faults
        self._founded = datetime.fromtimestamp((shape.shop.id.int >> 80) / 1000, UTC)
        self._country = shape.options.default_country
        take = shape.take
        self._who = {name: take(name) for name in ("user_id", "email", "phone", "anonymous_id")}
        self._texts = [(trait, take(field)) for field, trait in _PLAIN.items()]
        self._place = [(trait, take(field)) for field, trait in _PLACE.items()]
        self._numbers = [(name, take(name)) for name in _NUMBERS]
        self._created, self._updated = take("created_at"), take("updated_at")
        self._tags = take("tags")
        self._accepts = {"email": take("accepts_email"), "sms": take("accepts_sms")}
        self._consent_at, self._consent_text = take("consent_at"), take("consent_text")

        # A file of business cards gives no consent; who says where it was given vouches for it.
        self._believes = shape.onto is None or shape.options.consent_where is not None

    def make(self, rows: Sequence[Row]) -> list[bytes]:
        """The events of these rows."""
        return [event for number, cells in rows for event in self._row(number, cells)]

    def _row(self, number: int, cells: Sequence[Any]) -> list[bytes]:
        shape = self._shape
        who = self.who(number, cells)
        if who is None:
            self._faults.add(
                number, "", "", "the row names nobody", "give a user id, an e-mail or a phone"
            )
            return []
        user, email, phone, anonymous = who
        created = shape.time("created_at", self._created(cells), number, self._faults)
        updated = shape.time("updated_at", self._updated(cells), number, self._faults)
        external: list[External] = external_ids(None if user else email, phone)
        call: dict[str, Any] = {"type": "identify", "userId": user}
        if anonymous is not None:
            call["anonymousId"] = anonymous
        if updated is not None:
            call["timestamp"] = updated
        call["traits"] = self._traits(number, cells, email, phone, created)
        if external:
            call["context"] = {"externalIds": external}
        call["messageId"] = message_id(call)
        events = [_encode(call)]
        words: list[dict[str, Any]] = []
        for channel, address in (("email", email), ("sms", phone)):
            word = self._word(number, cells, channel, address, created)
            if word is not None:
                words.append(word)
        if shape.onto is not None:
            words.append(_added(shape.onto))
        for word in words:
            word |= {key: call[key] for key in ("userId", "anonymousId") if call.get(key)}
            word["context"] = {"externalIds": external_ids(email, phone)}
            times = {"createdAt": created, "updatedAt": updated}
            if "timestamp" not in word and any(times.values()):
                # Whoever is known to be here after her erasure is somebody new: so is her no.
                word["context"]["traits"] = {name: at for name, at in times.items() if at}
            word["messageId"] = message_id(word)
            events.append(_encode(word))
        return events

    def who(self, number: int, cells: Sequence[Any]) -> Who | None:
        """Whom a row names; None when it is nobody."""
        shape = self._shape
        user = shape.user(self._who["user_id"](cells))
        email = email_of(self._who["email"](cells), number, shape, self._faults)
        phone = phone_of(self._who["phone"](cells), number, shape, self._faults)
        anonymous = self._who["anonymous_id"](cells)
        if user is None and email is None and phone is None and anonymous is None:
            return None
        return Who(user, email, phone, None if anonymous is None else identifier(anonymous))

    def _traits(
        self,
        number: int,
        cells: Sequence[Any],
        email: str | None,
        phone: str | None,
        created: str | None,
    ) -> dict[str, Any]:
        known = {"email": email, "phone": phone, "createdAt": created}
        traits: dict[str, Any] = {name: said for name, said in known.items() if said is not None}
        for name, read in self._texts:
            if (value := read(cells)) is not None:
                traits[name] = str(value)
        place = {name: str(v) for name, read in self._place if (v := read(cells)) is not None}
        if place and "country" not in place and self._country:
            place["country"] = self._country
        if place:
            traits["address"] = place
        for name, read in self._numbers:
            if (value := read(cells)) is not None:
                amount = self._shape.amount(name, value, number, self._faults)
                if amount is not None:
                    traits[name] = amount
        if (tags := self._tags(cells)) is not None:
            traits["tags"] = [tag.strip() for tag in str(tags).split(",") if tag.strip()]
        traits.update(self._shape.free(cells, "traits"))
        return traits

    def _word(
        self, number: int, cells: Sequence[Any], channel: str, address: str | None, at: str | None
    ) -> dict[str, Any] | None:
        """What the row says about consent, as an event; None when it says nothing."""
        given = self._accepts[channel](cells)
        if given is None or address is None:
            return None
        field = f"accepts_{channel}"
        agreed = yes(given)
        if agreed is None:
            if str(given).lower().replace(" ", "_") not in _PENDING:
                self._faults.add(
                    number, self._shape.column(field), given, "is neither yes nor no",
                    "write yes, no, subscribed or unsubscribed",
                )  # fmt: skip
            return None
        if agreed and not self._believes:
            self._faults.skip(NOWHERE)
            return None
        dated = self._shape.time("consent_at", self._consent_at(cells), number, self._faults)
        properties = {
            "email" if channel == "email" else "phone": address,
            "channel": channel,
            "purpose": "marketing",
            "list": "import",
            "source": "import",
            "where": self._shape.options.consent_where or "import",
        }
        if (text := self._consent_text(cells)) is not None:
            properties["text"] = str(text)
        word: dict[str, Any] = {
            "type": "track",
            "event": _WORDS[channel, agreed],
            "properties": properties,
        }
        if dated is None and agreed:
            dated = self._undated(number, at)
        if dated is not None:
            word["timestamp"] = dated
        return word

    def _undated(self, number: int, at: str | None) -> str:
        """When a yes without a date was given, as far as one may assume."""
        option = self._shape.options.consent_at
        if option is not None:
            try:
                return self._shape.reading.time(option)
            except Unreadable:
                self._faults.add(number, "consent_at", option, "is no time", "write it as ISO 8601")
        return at or self._founded.isoformat()


def _added(onto: Onto) -> dict[str, Any]:
    """That a row puts its person on a list, as an event. A list made anew under an old key, and
    another file with the same row, put her on it again; the same file does not."""
    told = {"list": onto.key, "list_id": str(onto.id), "source": onto.source}
    return {"type": "track", "event": ADDED, "properties": told}
