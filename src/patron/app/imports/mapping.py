"""Which column is which field: the map of a file, as `map.toml` keeps it.

kind = "orders"
[columns]   field = "Column name"      (`properties.colour` and `traits.size` name one's own)
[values]    field = a constant for every row, or for rows whose cell is blank
[options]   how values are written, and what is done with them: see `Options`
"""

import json
import tomllib
from collections.abc import Mapping as AnyMapping
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from patron.app.imports.wellknown import FIELDS, FREE
from patron.kit.money import currency_code
from patron.kit.problems import bad_request

Kind = Literal["events", "products", "profiles", "orders"]
KINDS: tuple[Kind, ...] = ("events", "products", "profiles", "orders")


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How values are written, and what is done with them. Without a value, the file is asked, and
    then the shop."""

    encoding: str | None = None  # such as "cp1252"; found out when not given
    delimiter: str | None = None  # of a CSV file
    time_zone: str | None = None  # of times that name none; the shop's otherwise
    date_format: str | None = None  # as strptime wants it, or "iso"
    decimal: Literal[".", ","] | None = None
    currency: str | None = None  # of amounts that name none; the shop's otherwise
    others: Literal["keep", "drop"] | None = None  # columns that are no field
    user_prefix: str = ""  # put before user ids
    order_prefix: str = ""  # put before order ids
    group_by: str = "order_id"  # the field whose equal values are one order
    guests: Literal["keep", "skip"] = "keep"  # orders that name no customer
    returns: Literal["refund", "skip"] = "refund"  # lines with a negative quantity
    shipping_codes: list[str] = []  # product codes that are postage
    discount_codes: list[str] = []  # product codes that are discounts
    ignored_codes: list[str] = []  # product codes that are left out
    product_codes: list[str] = []  # products whose codes look like none
    default_country: str | None = None  # ISO 3166, for phone numbers and addresses without one
    consent_at: str | None = None  # when undated consents were given
    consent_where: str | None = None  # where the consents of the file were collected
    list: str | None = None  # the key of the list that the people of the file are put on


class Mapping(msgspec.Struct, frozen=True):
    """The map of one file. `columns` has field → column; without any, names are guessed."""

    kind: Kind
    columns: dict[str, str] = {}
    values: dict[str, Any] = {}
    options: Options = msgspec.field(default_factory=Options)


def load_map(path: Path, kind: Kind) -> Mapping:
    """The map in a TOML file. Raises Problem 400 that names what is wrong in it."""
    try:
        given = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise bad_request(
            f"map {path} cannot be read: {error.strerror}", remedy="check the path"
        ) from error
    except ValueError as error:
        raise bad_request(f"map {path} is not valid TOML: {error}", remedy="correct it") from error
    given.setdefault("kind", kind)
    try:
        mapping = msgspec.convert(given, Mapping)
    except msgspec.ValidationError as error:
        raise bad_request(f"map {path}: {error}", remedy="see docs/import.md") from error
    unknown = set(given) - {"kind", "columns", "values", "options"}
    if unknown:
        raise bad_request(
            f"map {path} has a table [{min(unknown)}]",
            remedy="it may have [columns], [values] and [options]",
        )
    if mapping.kind != kind:
        raise bad_request(
            f"map {path} is for {mapping.kind}, not for {kind}",
            remedy=f"run `patron import {mapping.kind}`",
        )
    return mapping


def checked(mapping: Mapping, columns: list[str]) -> Mapping:
    """`mapping`, when it fits a file with these columns. Raises Problem 400 otherwise."""
    known = FIELDS[mapping.kind]
    for field in (*mapping.columns, *mapping.values):
        free = field.partition(".")[0] in FREE[mapping.kind] and "." in field
        if field not in known and not free:
            raise bad_request(
                f"{field!r} is no field of {mapping.kind}",
                remedy="fields are: " + ", ".join(known),
                path=field,
            )
    for field, column in mapping.columns.items():
        if column not in columns and column.partition(".")[0] not in columns:
            raise bad_request(
                f"field {field} is read from column {column!r}, which the file does not have",
                remedy="its columns are: " + ", ".join(columns[:60]),
                path=field,
            )
    _check_options(mapping.options)
    if mapping.options.list is not None and mapping.kind != "profiles":
        raise bad_request(
            f"a file of {mapping.kind} puts nobody on the list {mapping.options.list!r}",
            remedy="lists take files of customers: `patron list import`",
            path="options.list",
        )
    _check_needs(mapping, columns)
    return mapping


def _check_options(options: Options) -> None:
    if options.time_zone is not None:
        try:
            ZoneInfo(options.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise bad_request(
                f"time_zone {options.time_zone!r} is unknown",
                remedy="give an IANA name such as Europe/Berlin",
                path="options.time_zone",
            ) from error
    if options.currency is not None and currency_code(options.currency) is None:
        raise bad_request(
            f"currency {options.currency!r} is not an ISO 4217 code",
            remedy="give three letters such as EUR",
            path="options.currency",
        )


def _check_needs(mapping: Mapping, columns: list[str]) -> None:
    given = {*mapping.columns, *mapping.values}
    needs: dict[str, list[set[str]]] = {
        "events": [{"event", "type"}],
        "orders": [{mapping.options.group_by}, {"time"}],
        "profiles": [{"user_id", "email", "phone"}],
        "products": [{"id", "group"}],
    }
    for one_of in needs[mapping.kind]:
        if not one_of & given:
            raise bad_request(
                f"no column of the file is the {' or '.join(sorted(one_of))} of {mapping.kind};"
                f" its columns are: {', '.join(columns[:60])}",
                remedy="write a map.toml with it under [columns] and give it with --map",
            )


def dump_map(mapping: Mapping) -> str:
    """The map as TOML, to be read again by `load_map`."""
    lines = [f"kind = {_toml(mapping.kind)}"]
    tables: list[tuple[str, AnyMapping[str, Any]]] = [
        ("columns", mapping.columns),
        ("values", mapping.values),
        ("options", msgspec.to_builtins(mapping.options)),
    ]
    for name, content in tables:
        if content:
            lines += ["", f"[{name}]"]
            lines += [f"{_key(key)} = {_toml(value)}" for key, value in content.items()]
    return "\n".join(lines) + "\n"


def _key(key: str) -> str:
    return key if key.replace("_", "").isalnum() and key.isascii() else _toml(key)


def _toml(value: Any) -> str:
    """JSON's strings, numbers, booleans and flat lists are TOML's as well."""
    return json.dumps(value)
