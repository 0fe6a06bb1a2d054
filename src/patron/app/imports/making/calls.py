"""What all makers of events share: a row's fields, whose row it is, ids made from content."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec

from patron.app.imports.mapping import Mapping, Options
from patron.app.imports.reading.faults import Faults
from patron.app.imports.reading.values import Reading, Unreadable, cell, identifier
from patron.profiles.address import normalise_email, normalise_phone
from patron.shops.types import Shop

External = dict[str, str]
LONGEST_ID = 255
_stable = msgspec.json.Encoder(order="sorted").encode


class Onto(msgspec.Struct, frozen=True):
    """The list that the people of a file are put on. `consent_where` goes before the option of this
    name; `source` is what the list says brought them."""

    id: UUID
    key: str
    consent_where: str | None = None
    source: str = ""


class Shape:
    """A file's map, ready to take fields from rows."""

    def __init__(
        self,
        mapping: Mapping,
        columns: Sequence[str],
        reading: Reading,
        shop: Shop,
        onto: Onto | None = None,
    ) -> None:
        self.onto = onto
        self.mapping = mapping
        self.options: Options = mapping.options
        self.reading = reading
        self.shop = shop
        self._columns = columns
        self._at = {name: number for number, name in enumerate(columns)}
        self._free = self._free_fields()

    def take(self, field: str) -> Callable[[Sequence[Any]], Any]:
        """A function that reads `field` from a row's cells; None where it is blank."""
        return self._reader(self.mapping.columns.get(field), self.mapping.values.get(field))

    def column(self, field: str) -> str:
        """The column that `field` is read from, for messages."""
        return self.mapping.columns.get(field, field)

    def has(self, field: str) -> bool:
        return field in self.mapping.columns or field in self.mapping.values

    def free(self, cells: Sequence[Any], prefix: str) -> Iterator[tuple[str, Any]]:
        """Fields of one's own below `prefix`, and the columns that are kept as they are."""
        for of, name, read in self._free:
            if of == prefix and (value := read(cells)) is not None:
                yield name, value

    def user(self, value: Any) -> str | None:
        if value is None:
            return None
        user = identifier(value).lstrip("'")  # as spreadsheets mark a text of digits
        return None if user in ("0", "-1") else f"{self.options.user_prefix}{user}"

    def time(self, field: str, value: Any, row: int, faults: Faults) -> str | None:
        """A time as ISO 8601; None when it is blank or a fault."""
        if value is None:
            return None
        try:
            return self.reading.time(value)
        except Unreadable as error:
            faults.add(row, self.column(field), value, error.problem, error.remedy)
            return None

    def amount(self, field: str, value: Any, row: int, faults: Faults) -> int | float | None:
        if value is None:
            return None
        try:
            return self.reading.amount(value)
        except Unreadable as error:
            faults.add(row, self.column(field), value, error.problem, error.remedy)
            return None

    def _reader(self, column: str | None, constant: Any) -> Callable[[Sequence[Any]], Any]:
        if column is None or column in self._at:
            return cell(None if column is None else self._at[column], constant)
        outer, *path = column.split(".")
        read = cell(self._at[outer], None)

        def reach(cells: Sequence[Any]) -> Any:
            value = read(cells)
            for key in path:
                value = value.get(key) if isinstance(value, dict) else None
            return constant if value is None else value

        return reach

    def _free_fields(self) -> list[tuple[str, str, Callable[[Sequence[Any]], Any]]]:
        fields = []
        for field in dict.fromkeys((*self.mapping.columns, *self.mapping.values)):
            prefix, dot, name = field.partition(".")
            if dot:
                fields.append((prefix, name, self.take(field)))
        keeps = {"events": "properties", "profiles": "traits", "products": "attributes"}
        prefix = keeps.get(self.mapping.kind, "properties")
        kept = self.options.others or ("keep" if self.mapping.kind in keeps else "drop")
        if kept == "keep":
            used = {column.partition(".")[0] for column in self.mapping.columns.values()}
            used |= set(self.mapping.columns.values()) | SAID_OTHERWISE
            for column in self._columns:
                if column not in used:
                    fields.append((prefix, column, self._reader(column, None)))
        return fields


SAID_OTHERWISE = frozenset(
    {
        "sentAt",
        "receivedAt",
        "originalTimestamp",
        "writeKey",
        "version",
        "integrations",
        "_metadata",
    }
)
"""Keys of stored Segment calls that are of no use here."""


def message_id(call: Any) -> str:
    """An id that follows from the content: the same row has it in every file and at every time."""
    return f"row-{hashlib.blake2b(_stable(call), digest_size=16).hexdigest()}"


def email_of(value: Any, row: int, shape: Shape, faults: Faults) -> str | None:
    """An address that can be written to; a fault when it is none."""
    if value is None:
        return None
    found = normalise_email(str(value))
    if found is None:
        faults.add(
            row,
            shape.column("email"),
            value,
            "is no e-mail address",
            "correct it or leave it blank",
        )
        return None
    return found[0]


def phone_of(value: Any, row: int, shape: Shape, faults: Faults) -> str | None:
    if value is None:
        return None
    region = shape.options.default_country or shape.shop.settings.phone_region
    found = _phone(identifier(value).lstrip("'"), region)
    if found is None:
        faults.add(
            row, shape.column("phone"), value, f"is no phone number in {region}",
            "write it with its country code, such as +14155550123",
        )  # fmt: skip
    return found


@lru_cache(4_096)
def _phone(text: str, region: str) -> str | None:
    return normalise_phone(text, region)


def external_ids(email: str | None, phone: str | None) -> list[External]:
    """`context.externalIds` as the Segment spec has it."""
    return [
        {"id": value, "type": kind, "collection": "users", "encoding": "none"}
        for kind, value in (("email", email), ("phone", phone))
        if value is not None
    ]
