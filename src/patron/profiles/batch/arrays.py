"""Columns as PostgreSQL's binary arrays, built in one pass.

psycopg adapts lists value by value, which costs more than all the rest of writing a batch back.
The layout is that of `array_send`: dimensions, null flag, element type, length, lower bound, then
each element behind its length.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Any
from uuid import UUID

import psycopg
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format

_HEAD = Struct("!iiIii").pack
_LENGTH = Struct("!i").pack
_NULL = _LENGTH(-1)
_UUID_LENGTH = _LENGTH(16)
_TRUE, _FALSE = _LENGTH(1) + b"\1", _LENGTH(1) + b"\0"
_TIME = Struct("!iq").pack
_INTEGER = Struct("!ii").pack
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class _Array(bytes):
    """The wire form of an array; each subclass is of one PostgreSQL type."""

    element = 0

    @classmethod
    def of(cls, elements: Sequence[bytes]) -> Any:
        if not elements:
            return cls(_HEAD(0, 0, cls.element, 0, 0)[:12])
        return cls(_HEAD(1, 1, cls.element, len(elements), 1) + b"".join(elements))


class _Uuids(_Array):
    element = 2950


class _Times(_Array):
    element = 1184


class _Longs(_Array):
    element = 20


class _Integers(_Array):
    element = 23


class _Bytes(_Array):
    element = 17


class _Texts(_Array):
    element = 25


class _Bools(_Array):
    element = 16


def uuids(values: Iterable[UUID]) -> Any:
    return _Uuids.of([_UUID_LENGTH + value.bytes for value in values])


def times(values: Iterable[datetime]) -> Any:
    return _Times.of([_TIME(8, (value - _EPOCH) // _MICROSECOND) for value in values])


def longs(values: Iterable[int]) -> Any:
    """Of 64 bits."""
    return _Longs.of([_TIME(8, value) for value in values])


def integers(values: Iterable[int]) -> Any:
    """Of 32 bits."""
    return _Integers.of([_INTEGER(4, value) for value in values])


def byte_strings(values: Iterable[bytes | None]) -> Any:
    return _Bytes.of([_NULL if v is None else _LENGTH(len(v)) + v for v in values])


def texts(values: Iterable[str | None]) -> Any:
    """Raises UnicodeEncodeError for a lone surrogate, which PostgreSQL could not hold either."""
    encoded = [None if value is None else value.encode() for value in values]
    return _Texts.of([_NULL if e is None else _LENGTH(len(e)) + e for e in encoded])


def bools(values: Iterable[bool]) -> Any:
    return _Bools.of([_TRUE if value else _FALSE for value in values])


def _dumper(array: int) -> type[Dumper]:
    class ArrayDumper(Dumper):
        format = Format.BINARY
        oid = array

        def dump(self, obj: Any) -> Buffer | None:
            return bytes(obj)

    return ArrayDumper


for _kind, _oid in (
    (_Uuids, 2951), (_Times, 1185), (_Longs, 1016), (_Integers, 1007), (_Bytes, 1001),
    (_Texts, 1009), (_Bools, 1000),
):  # fmt: skip
    psycopg.adapters.register_dumper(_kind, _dumper(_oid))
