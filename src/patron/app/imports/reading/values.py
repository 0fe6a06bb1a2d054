"""Single values of a file, read as shop systems and spreadsheets write them."""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, cast
from zoneinfo import ZoneInfo

BLANK = frozenset(
    {"", "NULL", "null", "None", "none", "nan", "NaN", "NAN", "N/A", "n/a", "#N/A", "\\N", "NaT"}
)
# fmt: off
YES = frozenset([
    "yes", "true", "1", "y", "t", "on", "x", "ja", "oui", "si", "sí", "subscribed", "active",
    "opted_in", "opted-in", "opt-in", "granted",
])
NO = frozenset([
    "no", "false", "0", "n", "f", "off", "nein", "non", "unsubscribed", "opted_out", "opted-out",
    "opt-out", "cleaned", "bounced", "revoked", "withdrawn", "inactive", "complained",
])
# fmt: on
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
FUTURE = timedelta(days=366)
FORMATS = (
    "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d",
    "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y", "%m/%d/%y %H:%M", "%m/%d/%y",
    "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p", "%m/%d/%y %I:%M %p",
    "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y", "%d/%m/%y %H:%M", "%d/%m/%y",
    "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%d.%m.%y %H:%M", "%d.%m.%y",
    "%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M", "%d-%m-%Y", "%m-%d-%Y %H:%M", "%m-%d-%Y",
    "%d %b %Y %H:%M:%S", "%d %b %Y %H:%M", "%d %b %Y", "%b %d, %Y", "%B %d, %Y",
    "%b %d, %Y %H:%M", "%d %B %Y", "%a, %d %b %Y %H:%M:%S %z", "%Y%m%d%H%M%S",
)  # fmt: skip
"""How dates are written besides ISO 8601 and Unix times; tried on the first rows of a file."""

_WHOLE = re.compile(r"-?\d+\.0")
_NOT_NUMBER = re.compile(r"[^\d.,+\-()]")
_GROUPED = re.compile(r"\d{1,3}(?:\.\d{3})+")
_UNIX = re.compile(r"\d{9,19}(?:\.\d+)?")


class Unreadable(ValueError):
    """A value is not what its field needs; says what is wrong and what would be right."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


def cell(index: int | None, constant: Any = None) -> Callable[[Sequence[Any]], Any]:
    """A function that takes a field from a row's cells: stripped, None for what means nothing."""
    if index is None:
        return lambda _: constant
    at = index

    def read(cells: Sequence[Any]) -> Any:
        value = cells[at]
        if value.__class__ is str:
            value = value.strip()
            return constant if value in BLANK else value
        if value is None or value != value:  # NaN
            return constant
        return value

    return read


class Reading:
    """How the values of one file are read: its time zone, date format and decimal mark."""

    def __init__(
        self, zone: str, date_format: str | None, decimal: str | None, now: datetime
    ) -> None:
        self._zone = ZoneInfo(zone)
        self._format = date_format if date_format not in (None, "iso", "unix") else None
        self._comma = decimal == ","
        self._latest = now + FUTURE
        self.time = lru_cache(8_192)(self._time)  # rows of one order share their time

    def _time(self, value: Any) -> str:
        """A time as ISO 8601 in UTC. Raises Unreadable."""
        read = moment(value, self._format)
        if read is None:
            wanted = f"the format {self._format}" if self._format else "ISO 8601"
            raise Unreadable(
                "is no time", f"write it in {wanted}, or set date_format in the map's [options]"
            )
        if read.tzinfo is None:
            read = read.replace(tzinfo=self._zone)
        if not EARLIEST <= read <= self._latest:
            raise Unreadable("is not between 1990 and a year from now", "correct the date")
        return read.astimezone(UTC).isoformat().replace("+00:00", "Z")

    def amount(self, value: Any) -> float:
        """A price or count in the unit it has. Raises Unreadable."""
        if value.__class__ is float or value.__class__ is int:
            return cast(float, value)
        text = str(value)
        try:
            if self._comma:
                text = text.replace(".", "").replace(",", ".")
            number = float(text)
        except ValueError:
            number = self._untidy(text)
        if not abs(number) < 1e13:
            raise Unreadable("is no amount", "write a number")
        return int(number) if number.is_integer() else number

    def _untidy(self, text: str) -> float:
        """With a currency, marks between thousands, a trailing minus or brackets for debts."""
        text = _NOT_NUMBER.sub("", text)
        negative = text.startswith(("-", "(")) or text.endswith("-")
        text = text.strip("+-()")
        if not self._comma:
            text = text.replace(",", "")
        try:
            number = float(Decimal(text))
        except InvalidOperation:
            raise Unreadable("is no number", "write digits with a decimal mark") from None
        return -number if negative else number


def moment(value: Any, date_format: str | None) -> datetime | None:
    """A time, naive when it names no zone; None when `value` is none."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 (its zone comes later)
    if isinstance(value, int | float):
        return _unix(float(value))
    if not isinstance(value, str):
        return None
    try:
        if date_format is not None:
            return datetime.strptime(value, date_format)  # noqa: DTZ007
        return datetime.fromisoformat(_tidied(value))
    except ValueError:
        return _unix(float(value)) if _UNIX.fullmatch(value) else None


def _tidied(text: str) -> str:
    """ISO 8601 as Ruby and Java write it: "2024-01-05 10:11:12 -0500", "… UTC"."""
    if text.endswith((" UTC", " GMT")):
        return text[:-4] + "Z"
    if len(text) > 20 and text[-6:-4] in (" +", " -"):
        return text[:-6] + text[-5:]
    return text


def _unix(number: float) -> datetime | None:
    """Seconds, milli-, micro- or nanoseconds since 1970: told apart by their size."""
    for scale in (1, 1e3, 1e6, 1e9):
        if 5e8 <= number / scale < 5e9:
            return datetime.fromtimestamp(number / scale, UTC)
    return None


def identifier(value: Any) -> str:
    """An id as text; a number's digits, without the `.0` that a column with gaps gets."""
    if value.__class__ is str:
        return str(value[:-2] if _WHOLE.fullmatch(value) else value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def yes(value: Any) -> bool | None:
    """Whether a word means yes; None when it is neither yes nor no."""
    if isinstance(value, bool):
        return value
    text = identifier(value).lower().replace(" ", "_")
    return True if text in YES else False if text in NO else None


def date_formats(samples: Iterable[Any]) -> list[str]:
    """The formats that fit all samples: "iso" alone, or every one of FORMATS that does."""
    given = [value for value in samples if value is not None]
    if all(moment(value, None) is not None for value in given):
        return ["iso"]
    texts = list(dict.fromkeys(str(value) for value in given))
    return [one for one in FORMATS if all(moment(text, one) is not None for text in texts)]


def decimal_mark(samples: Iterable[Any]) -> str | None:
    """The decimal mark that amounts are written with: "." or ","; None when nothing tells."""
    comma = point = False
    for value in samples:
        if not isinstance(value, str):
            continue
        text = _NOT_NUMBER.sub("", value).strip("+-()")
        head, _, tail = text.rpartition(",")
        if head and "." not in tail and (len(tail) != 3 or "." in head):
            comma = True
        head, _, tail = text.rpartition(".")
        if head and "," not in tail and (len(tail) != 3 or "," in head):
            point = True
    return None if comma == point else "," if comma else "."


def points_group(samples: Iterable[Any]) -> bool:
    """Whether all points in amounts may stand between thousands ("12.990") and one does."""
    texts = [_NOT_NUMBER.sub("", v).strip("+-()") for v in samples if isinstance(v, str)]
    dotted = [text for text in texts if "." in text]
    return bool(dotted) and all(_GROUPED.fullmatch(text) for text in dotted)
