"""Rows of an event log become events; stored Segment calls pass as they are."""

from collections.abc import Sequence
from typing import Any

import msgspec

from patron.app.imports.making.calls import (
    LONGEST_ID,
    Shape,
    email_of,
    external_ids,
    message_id,
    phone_of,
)
from patron.app.imports.reading.faults import Faults
from patron.app.imports.reading.tables import Row
from patron.app.imports.reading.values import identifier
from patron.events.types import EventType

_encode = msgspec.json.encode
_TYPES = {kind.value for kind in EventType}
_OBJECTS = ("properties", "traits", "context")
_IDS = {
    "anonymousId": "anonymous_id",
    "previousId": "previous_id",
    "groupId": "group_id",
    "messageId": "message_id",
}


class Happenings:
    """Makes one event of each row."""

    def __init__(self, shape: Shape, faults: Faults) -> None:
        self._shape = shape
        self._faults = faults
        take = shape.take
        self._type, self._event, self._time = take("type"), take("event"), take("time")
        self._user, self._email, self._phone = take("user_id"), take("email"), take("phone")
        self._ids = [(key, take(field)) for key, field in _IDS.items() if shape.has(field)]
        self._objects = [(name, take(name)) for name in _OBJECTS]
        self._page = [(name, take(name)) for name in ("name", "category")]
        self._url = take("url")

    def make(self, rows: Sequence[Row]) -> list[bytes]:
        """The events of these rows."""
        made = []
        for number, cells in rows:
            call = self._call(number, cells)
            if call is not None:
                made.append(_encode(call))
        return made

    def _call(self, number: int, cells: Sequence[Any]) -> dict[str, Any] | None:
        faults = self._faults
        kind = self._type(cells) or "track"
        if kind not in _TYPES:
            faults.add(
                number, self._shape.column("type"), kind, "is no call",
                f"use one of {', '.join(sorted(_TYPES))}",
            )  # fmt: skip
            return None
        call: dict[str, Any] = {"type": kind}
        if kind == "track":
            name = self._event(cells)
            if name is None:
                faults.add(number, self._shape.column("event"), None, "is blank", "name the event")
                return None
            call["event"] = str(name)
        given = self._time(cells)
        if given is not None:
            at = self._shape.time("time", given, number, faults)
            if at is None:
                return None
            call["timestamp"] = at
        if not self._put_people(call, number, cells) or not self._put_objects(call, number, cells):
            return None
        for key, read in self._page:
            if (value := read(cells)) is not None:
                (call if kind in ("page", "screen") else call["properties"]).setdefault(key, value)
        if "messageId" not in call:
            call["messageId"] = message_id(call)
        return call

    def _put_people(self, call: dict[str, Any], number: int, cells: Sequence[Any]) -> bool:
        call["userId"] = self._shape.user(self._user(cells))
        for key, read in self._ids:
            if (value := read(cells)) is not None:
                call[key] = identifier(value)
                if len(call[key]) > LONGEST_ID:
                    column = self._shape.column(_IDS[key])
                    problem = f"is longer than {LONGEST_ID} characters"
                    self._faults.add(number, column, value, problem, "shorten it")
                    return False
        email = email_of(self._email(cells), number, self._shape, self._faults)
        phone = phone_of(self._phone(cells), number, self._shape, self._faults)
        call["context"] = {}
        if external := external_ids(email, phone):
            call["context"]["externalIds"] = external
        return True

    def _put_objects(self, call: dict[str, Any], number: int, cells: Sequence[Any]) -> bool:
        for name, read in self._objects:
            value = read(cells)
            if isinstance(value, str):
                try:
                    value = msgspec.json.decode(value)
                except msgspec.DecodeError:
                    value = str(value)
            if value is not None and not isinstance(value, dict):
                column = self._shape.column(name)
                self._faults.add(number, column, value, "is no JSON object", "write {…}")
                return False
            if value:
                call[name] = {**value, **call.get(name, {})}
        for name in _OBJECTS:
            target = call.setdefault(name, {})
            for path, value in self._shape.free(cells, name):
                _put(target, path, value)
        if (url := self._url(cells)) is not None:
            call["properties"].setdefault("url", url)
        if not (call["userId"] or call.get("anonymousId") or _named(call)):
            self._faults.add(
                number, self._shape.column("user_id"), None, "the row names nobody",
                "give a user id, an anonymous id, an e-mail or a phone",
            )  # fmt: skip
            return False
        return True


def _named(call: dict[str, Any]) -> bool:
    """Whether the call names its person by an address."""
    context = call["context"]
    if context.get("externalIds"):
        return True
    holders = (call["properties"], call["traits"], context.get("traits"))
    return any(isinstance(h, dict) and isinstance(h.get("email"), str) for h in holders)


def _put(target: dict[str, Any], path: str, value: Any) -> None:
    *outer, name = path.split(".")
    for key in outer:
        inner = target.get(key)
        if not isinstance(inner, dict):
            inner = target[key] = {}
        target = inner
    target.setdefault(name, value)
