"""Values as the world writes them, and orders put together whatever the order of their lines."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patron.app.imports.grouping import grouped, scattered, sorted_rows
from patron.app.imports.mapping import Mapping, Options, dump_map, load_map
from patron.app.imports.reading.faults import Faults
from patron.app.imports.reading.tables import Row
from patron.app.imports.reading.values import (
    Reading,
    Unreadable,
    date_formats,
    decimal_marks,
    identifier,
    yes,
)

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
READING = Reading("Europe/Berlin", None, None, NOW)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2025-01-05", "2025-01-04T23:00:00Z"),
        ("2025-07-05 10:11", "2025-07-05T08:11:00Z"),
        ("2025-01-05 10:11:12 -0500", "2025-01-05T15:11:12Z"),
        ("2025-01-05 10:11:12 UTC", "2025-01-05T10:11:12Z"),
        ("2025-01-05T10:11:12.5+01:00", "2025-01-05T09:11:12.500000Z"),
        ("1736071872", "2025-01-05T10:11:12Z"),
        (1736071872000, "2025-01-05T10:11:12Z"),
        (1736071872000000.0, "2025-01-05T10:11:12Z"),
        (datetime(2025, 1, 5, 10, 11, 12), "2025-01-05T09:11:12Z"),  # noqa: DTZ001
        ("45662", "2025-01-04T23:00:00Z"),  # a spreadsheet's days
        (45662.4244444, "2025-01-05T09:11:12Z"),
    ],
)
def test_times(written: Any, read: str) -> None:
    assert READING.time(written) == read


@pytest.mark.parametrize(
    "written", ["soon", "", "2025-13-01", "0001-01-01", "2999-01-01", "12", {}]
)
def test_no_times(written: Any) -> None:
    with pytest.raises(Unreadable):
        READING._time(written)


@given(
    st.datetimes(datetime(1990, 1, 2), datetime(2026, 3, 1)),  # noqa: DTZ001
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"]),
)
def test_a_time_means_the_same_however_it_is_written(moment: datetime, zone: str) -> None:
    moment = moment.replace(microsecond=0)
    reading = Reading(zone, None, None, NOW)
    local = reading.time(moment.isoformat(sep=" "))
    assert datetime.fromisoformat(local) == moment.replace(tzinfo=ZoneInfo(zone))
    for written in ("%d.%m.%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p"):
        other = Reading(zone, written, None, NOW)
        assert other.time(moment.strftime(written)) == local


@pytest.mark.parametrize(
    ("written", "decimal", "read"),
    [
        ("12.50", None, 12.5), ("1,234.50", None, 1234.5), ("€ 12", None, 12), ("(5.00)", None, -5),
        ("12-", None, -12), ("-3", None, -3), ("1.234,50", ",", 1234.5), ("9,9", ",", 9.9),
        ("1 234,50 kr", ",", 1234.5), (7, None, 7), (0.1, ",", 0.1), ("1e3", None, 1000),
        ("1,234", None, 1234), ("1.234", None, 1.234), ("1,234", ",", 1.234), ("1.234", ",", 1234),
        ("1,23,456.50", None, 123456.5), ("1.234.567", None, 1234567), (",5", None, 0.5),
        ("Rs. 500", None, 500), ("12,-", None, 12), ("12.– €", ",", 12),
        ("\N{MINUS SIGN}5", None, -5),
    ],
)  # fmt: skip
def test_amounts(written: Any, decimal: str | None, read: float) -> None:
    assert Reading("UTC", None, decimal, NOW).amount(written) == read


@pytest.mark.parametrize("decimal", [None, ".", ","])
@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("12,50", 12.5),
        ("12.50", 12.5),
        ("1.299,00 €", 1299),
        ("1,299.00", 1299),
        ("1234,5", 1234.5),
    ],
)
def test_what_can_be_read_in_one_way_only_is_read_so(
    written: str, decimal: str | None, read: float
) -> None:
    assert Reading("UTC", None, decimal, NOW).amount(written) == read


@pytest.mark.parametrize("decimal", [None, ","])
@pytest.mark.parametrize(
    "written",
    ["many", "", "nan", "inf", "1e99", "12 of 13.5.1", "1,2,3", "1.234.56", "1.234,567,8"],
)
def test_no_amounts(written: str, decimal: str | None) -> None:
    with pytest.raises(Unreadable):
        Reading("UTC", None, decimal, NOW).amount(written)


def test_how_a_file_writes_is_told_from_its_values() -> None:
    assert decimal_marks(["1", "2,50", "3"]) == ","
    assert decimal_marks(["1.234,50"]) == ","
    assert decimal_marks(["1,234.50", "1,234"]) == "."
    assert decimal_marks(["1,234", "1.234"]) == ""  # both may be thousands
    assert decimal_marks(["2,50", "2.50"]) == ".,"
    assert date_formats(["2025-01-02", "2025-01-02T10:00:00Z"]) == ["iso"]
    assert date_formats(["13/02/2025"]) == ["%d/%m/%Y"]
    assert date_formats(["01/02/2025"]) == ["%m/%d/%Y", "%d/%m/%Y"]
    assert (identifier(13085.0), identifier("13085.0"), identifier("13085.5")) == (
        "13085", "13085", "13085.5",
    )  # fmt: skip
    assert (yes("Subscribed"), yes("FALSE"), yes(1), yes("perhaps")) == (True, False, True, None)


class Lines:
    """A table of (order, line) pairs."""

    def __init__(self, orders: list[str | None]) -> None:
        self.format = "lines"
        self.columns = ["order", "line"]
        self.encoding: str | None = None
        self.total: int | None = len(orders)
        self._rows = [(n, [order, n]) for n, order in enumerate(orders)]

    def rows(self, *_: Any) -> Iterator[Row]:
        return iter(self._rows)


def key(cells: Any) -> Any:
    return cells[0]


@settings(max_examples=40, deadline=timedelta(seconds=5))
@given(orders=st.lists(st.sampled_from([None, "a", "b", "c", "d", "e"]), max_size=40))
def test_orders_are_put_together_whichever_way(
    orders: list[str | None], tmp_path_factory: pytest.TempPathFactory
) -> None:
    table = Lines(orders)
    expected: dict[str, list[int]] = {}
    for number, order in enumerate(orders):
        if order is not None:
            expected.setdefault(order, []).append(number)
    places = scattered(table, key)
    assert places is not None
    folder = tmp_path_factory.mktemp("sorting") / "rows"
    for rows, held in ((table.rows(), places), (sorted_rows(table.rows(), key, folder), {})):
        faults = Faults(None)
        groups = list(grouped(rows, key, faults, "order", held))
        found = {group[0][1][0]: [row[0] for row in group] for group, _ in groups}
        assert found == expected and len(groups) == len(expected)
        assert faults.count == orders.count(None)
    assert not folder.exists()


def test_a_map_is_read_as_it_was_written(tmp_path: Path) -> None:
    mapping = Mapping(
        "orders",
        {"order_id": 'Order "No."', "time": "Zeit\\Tag", "properties.colour": "Größe 1"},
        {"currency": "EUR", "properties.n": 3},
        Options(decimal=",", shipping_codes=["P1", "P2"], guests="skip"),
    )
    path = tmp_path / "map.toml"
    path.write_text(dump_map(mapping), "utf-8")
    assert load_map(path, "orders") == mapping
