"""What will be done with a file: understood before anything is imported, and shown to be judged."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import msgspec
from msgspec import structs

from patron.app.imports.making.calls import Onto, Shape
from patron.app.imports.making.happenings import Happenings
from patron.app.imports.making.orders import Orders
from patron.app.imports.making.people import People
from patron.app.imports.making.products import Products
from patron.app.imports.mapping import Kind, Mapping, Options, checked
from patron.app.imports.reading.encoding import Mended, Survey, Tick, survey
from patron.app.imports.reading.faults import Fault, Faults
from patron.app.imports.reading.tables import Row, Table, open_table
from patron.app.imports.reading.values import (
    Reading,
    cell,
    date_formats,
    days,
    decimal_marks,
    moment,
    points_group,
)
from patron.app.imports.wellknown import FREE, guess
from patron.kit.money import exponent
from patron.kit.problems import bad_request
from patron.shops.types import Shop

SAMPLE = 2_000
SHOWN = 5
_TIMES = ("time", "created_at", "updated_at", "consent_at", "cancelled_at")
_AMOUNTS = (
    "price", "total", "subtotal", "revenue", "line_total", "total_spent", "discount", "compare_at",
)  # fmt: skip


class Column(msgspec.Struct, frozen=True):
    """A column of the file and what it was taken for."""

    name: str
    field: str | None
    type: str
    example: str


class Maker(Protocol):
    def make(self, rows: list[Row]) -> list[bytes]: ...


class Plan(msgspec.Struct):
    """A file, understood. `mapping` is complete: its options say how every value is read."""

    path: Path
    kind: Kind
    survey: Survey
    table: Table
    mapping: Mapping
    guessed: bool
    system: str | None
    columns: list[Column]
    notes: list[str]
    sample: list[dict[str, Any]]  # the first rows as they were understood
    faults: list[Fault]  # in the sample
    mended: list[tuple[str, str]]
    onto: Onto | None = None


def understand(
    path: Path,
    kind: Kind,
    given: Mapping | None,
    shop: Shop,
    now: datetime,
    tick: Tick,
    onto: Onto | None = None,
) -> Plan:
    """Look through `path` and find out what it is; a map that is `given` goes before guesses. With
    `onto`, its people are put on a list.

    Raises Problem 400 when something must be said that the file does not tell.
    """
    seen = _surveyed(path, tick)
    options = given.options if given else Options()
    try:
        table = open_table(path, seen, options.encoding, options.delimiter)
    except LookupError as error:
        raise bad_request(
            f"encoding {options.encoding!r} is unknown", remedy="use a name such as cp1252"
        ) from error
    mended, faults = Mended(), Faults(None)
    rows = list(islice(table.rows(mended, faults), SAMPLE))
    system = None
    given = given or Mapping(kind)
    guessed = not given.columns
    if guessed:
        fields, system = guess(kind, table.columns)
        given = structs.replace(given, columns=fields)
    if onto is not None:
        given, onto = _told(given, onto), structs.replace(onto, source=_source(path, seen))
    mapping, notes = _completed(checked(given, table.columns), table, rows, shop)
    plan = Plan(
        path, kind, seen, table, mapping, guessed, system,
        _columns(mapping, table, rows), notes, [], [], mended.examples, onto,
    )  # fmt: skip
    told = Faults(None)
    if kind == "products":
        maker = Products(shape_of(plan, shop, now), told)
        plan.sample = [msgspec.to_builtins(one) for one in maker.make(rows[:SHOWN])]
    else:
        plan.sample = _understood(maker_of(plan, shop, now, told), mapping, rows)
    plan.faults = (faults.examples + told.examples)[:SHOWN]
    notes += [f"{why} ({count:,} in the first rows)" for why, count in told.left_out.items()]
    if any(why.startswith("code ") for why in told.left_out):
        notes.append(
            "codes that are products after all go into product_codes, in the map's [options]"
        )
    if mended.texts:
        notes.append("text that had been decoded wrongly is repaired")
    if seen.mixed and table.encoding:
        notes.append("single bytes that are not UTF-8 are read as Windows-1252")
    return plan


def _surveyed(path: Path, tick: Tick) -> Survey:
    if path.is_dir():
        raise bad_request(f"{path} is a folder", remedy="name one file in it after the other")
    if not path.is_file():
        raise bad_request(f"file {path} does not exist", remedy="check the path")
    try:
        return survey(path, tick)
    except (OSError, EOFError) as error:
        raise bad_request(f"file {path} cannot be read: {error}", remedy="copy it again") from error


def maker_of(plan: Plan, shop: Shop, now: datetime, faults: Faults) -> Any:
    """What makes events of the plan's rows. Called again it makes the same of the same."""
    shape = shape_of(plan, shop, now)
    kinds: dict[str, Any] = {"events": Happenings, "profiles": People, "orders": Orders}
    return kinds[plan.kind](shape, faults)


def shape_of(plan: Plan, shop: Shop, now: datetime) -> Shape:
    options = plan.mapping.options
    zone = options.time_zone or shop.time_zone
    reading = Reading(zone, options.date_format, options.decimal, now)
    return Shape(plan.mapping, plan.table.columns, reading, shop, plan.onto)


def _told(given: Mapping, onto: Onto) -> Mapping:
    """The map with what was said about the list."""
    said = {"list": onto.key, "consent_where": onto.consent_where}
    options = {name: value for name, value in said.items() if value is not None}
    return structs.replace(given, options=structs.replace(given.options, **options))


def _source(path: Path, seen: Survey) -> str:
    """A file of the same name, but of other content, is another one."""
    return f"{path.name} {seen.digest[:8]}"


def _completed(
    mapping: Mapping, table: Table, rows: list[Row], shop: Shop
) -> tuple[Mapping, list[str]]:
    """The map with the options that its values tell, and what a reader should know of that."""
    options = mapping.options
    changes: dict[str, Any] = {}
    notes = []
    if options.date_format is None:
        changes["date_format"] = _date_format(mapping, table, rows)
    if options.decimal is None:
        amounts = [v for field in _AMOUNTS for v in _values(mapping, table, rows, field)]
        found = decimal_marks(amounts) or _marks_below(mapping, table, rows)
        if found == ",":
            changes["decimal"] = found
            notes.append("amounts are written with a decimal comma")
        elif found == ".,":
            notes.append(
                "some amounts have a decimal comma and some a point; what may be both, such as"
                " 1,234 or 1.234, is read with a point: set decimal in the map's [options]"
            )
        elif (whole := _whole_units(mapping, table, rows, shop)) and points_group(amounts):
            changes["decimal"] = ","
            notes.append(f"{whole} has no decimals: points in amounts stand between thousands")
    if any(days(value) for field in _TIMES for value in _values(mapping, table, rows[:200], field)):
        notes.append("times that are numbers, such as 45662.5, are taken as a spreadsheet's days")
    if options.time_zone is None and _has_naive(mapping, table, rows, changes.get("date_format")):
        changes["time_zone"] = shop.time_zone
        notes.append(f"times without a zone are taken as {shop.time_zone}")
    consents = {"accepts_email", "accepts_sms"} & mapping.columns.keys()
    dated = {"consent_at", "created_at"} & mapping.columns.keys()
    if consents and options.list is not None and options.consent_where is None:
        notes.append(
            "a yes to mail is left out, because nobody says where it was given: --consent-from, or"
            " consent_where in the map; a no counts"
        )
    elif consents and not dated and options.consent_at is None:
        notes.append(
            "nobody knows when people agreed to mail: whatever they told Patron itself counts more"
        )
    return structs.replace(mapping, options=structs.replace(options, **changes)), notes


def _marks_below(mapping: Mapping, table: Table, rows: list[Row]) -> str:
    """The decimal marks behind the sample, when none is in it: a list may begin with round sums."""
    columns = [mapping.columns[field] for field in _AMOUNTS if field in mapping.columns]
    reads = [cell(table.columns.index(name)) for name in columns if name in table.columns]
    if len(rows) < SAMPLE or not reads:
        return ""
    every = table.rows(Mended(), Faults(None))
    while part := list(islice(every, SAMPLE)):
        if found := decimal_marks(read(cells) for read in reads for _, cells in part):
            return found
    return ""


def _whole_units(mapping: Mapping, table: Table, rows: list[Row], shop: Shop) -> str | None:
    """The currency of the amounts, when it is one without decimals and quantities have none too."""
    if any("." in str(value) for value in _values(mapping, table, rows, "quantity")):
        return None
    default = mapping.options.currency or shop.currency
    named = {str(value).upper() for value in _values(mapping, table, rows, "currency")}
    (code, *others) = sorted(named) or [default]
    return code if not others and exponent(code) == 0 else None


def _date_format(mapping: Mapping, table: Table, rows: list[Row]) -> str | None:
    """How the file writes times. Raises Problem 400 when several ways fit."""
    result: str | None = None
    for field in _TIMES:
        values = [v for v in _values(mapping, table, rows, field) if isinstance(v, str)]
        if not values:
            continue
        fitting = date_formats(values)
        if not fitting:
            # A few wrong dates must not hide how the others are written.
            fitting = date_formats(_commonest(values))
        if len(fitting) > 1:
            fitting = _settled(fitting, table, mapping.columns[field])
        if len(fitting) > 1:
            raise bad_request(
                f"column {mapping.columns.get(field)!r} has times such as {values[0]!r}, which may"
                f" be {' or '.join(fitting[:3])}",
                remedy="say which under [options] of the map: date_format",
                path="options.date_format",
            )
        if fitting and fitting[0] != "iso":
            result = fitting[0]
    return result


def _settled(formats: list[str], table: Table, column: str) -> list[str]:
    """Those of `formats` that fit the whole file: 13 cannot be a month, wherever it stands."""
    read = cell(table.columns.index(column))
    seen: set[str] = set()
    for _, cells in table.rows(Mended(), Faults(None)):
        value = read(cells)
        # Day and month stand in the first characters, so a year of rows has few different ones.
        if isinstance(value, str) and value[:6] not in seen:
            seen.add(value[:6])
            left = [one for one in formats if moment(value, one) is not None]
            if len(left) == 1:
                return left
            formats = left or formats
    return formats


def _commonest(values: list[str]) -> list[str]:
    """The values that look like most of them: same length, same marks."""
    shapes: dict[str, list[str]] = {}
    for value in values:
        form = "".join("9" if c.isdigit() else "a" if c.isalpha() else c for c in value)
        shapes.setdefault(form.replace("99", "9"), []).append(value)
    return max(shapes.values(), key=len)


def _values(mapping: Mapping, table: Table, rows: list[Row], field: str) -> Iterator[Any]:
    column = mapping.columns.get(field)
    if column in table.columns:
        read = cell(table.columns.index(column))
        for _, cells in rows:
            if (value := read(cells)) is not None:
                yield value


def _has_naive(mapping: Mapping, table: Table, rows: list[Row], date_format: str | None) -> bool:
    for field in _TIMES:
        for value in _values(mapping, table, rows, field):
            found = moment(value, date_format)
            if found is not None and found.tzinfo is None:
                return True
    return False


def _columns(mapping: Mapping, table: Table, rows: list[Row]) -> list[Column]:
    fields = {column: field for field, column in mapping.columns.items()}
    kept = mapping.options.others or ("drop" if mapping.kind == "orders" else "keep")
    found = []
    for number, name in enumerate(table.columns):
        read = cell(number)
        values = [v for _, cells in rows[:200] if (v := read(cells)) is not None]
        field = fields.get(name)
        if field is None and kept == "keep":
            field = f"{FREE[mapping.kind][0]}.{name}"
        example = str(values[0]) if values else ""
        found.append(Column(name, field, _type(values), example[:60]))
    return found


def _type(values: list[Any]) -> str:
    kinds = {type(value).__name__ for value in values}
    if not kinds:
        return "blank"
    names = {"str": "text", "int": "number", "float": "number", "dict": "object", "list": "list"}
    if kinds == {"str"}:
        if all(v.replace(".", "", 1).replace("-", "", 1).isdigit() for v in values):
            return "number"
        return "time" if all(moment(v, None) is not None for v in values) else "text"
    return " or ".join(sorted({names.get(kind, kind) for kind in kinds}))


def _understood(maker: Any, mapping: Mapping, rows: list[Row]) -> list[dict[str, Any]]:
    """The first events that come of the first rows."""
    made: list[bytes] = []
    if mapping.kind == "orders":
        groups: dict[Any, list[Row]] = {}
        for row in rows[:200]:
            if (value := maker.key(row[1])) is not None:
                groups.setdefault(value, []).append(row)
        for group in list(groups.values())[:SHOWN]:
            made += maker.make(group)
    else:
        made = maker.make(rows[:SHOWN])
    return [msgspec.json.decode(event) for event in made[:SHOWN]]
