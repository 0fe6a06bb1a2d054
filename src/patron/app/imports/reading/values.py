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
_SPACE = re.compile(r"\s+")
_CURRENCY = re.compile(r"[^\W\d_]+\.?")
_NOT_NUMBER = re.compile(r"[^\d.,+\-()]")
_WITHOUT_CENTS = re.compile(r"(?<=\d)[.,][-–—]+$")  # "12,-"
_THOUSANDS = re.compile(r"\d{1,3}([.,])\d{3}(?:\1\d{3})*|\d{1,2}(?:,\d{2})+,\d{3}")  # and India's
_GROUPED = re.compile(r"\d{1,3}(?:\.\d{3})+")
_UNIX = re.compile(r"\d{9,19}(?:\.\d+)?")
_DAYS = re.compile(r"\d{5}(?:\.\d+)?")
_DAY_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 (a spreadsheet knows no zone)
_FIRST_DAY, _LAST_DAY = 32_874, 73_051  # 1990 to 2099


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
        """A price or count in the unit it has. Raises Unreadable.

        What can only be read in one way is read so, whatever the rest of the file does: "12,50" is
        never 1250. The file's decimal mark decides about the others, such as "1,234".
        """
        if value.__class__ is float or value.__class__ is int:
            return cast(float, value)
        text = str(value)
        try:
            number = self._untidy(text) if self._comma and "." in text else float(text)
        except ValueError:
            number = self._untidy(text)
        if not abs(number) < 1e13:
            raise Unreadable("is no amount", "write a number")
        return int(number) if number.is_integer() else number

    def _untidy(self, text: str) -> float:
        """With a currency, marks between thousands, a trailing minus or brackets for debts."""
        text = _digits(text)
        negative = text.startswith(("-", "(")) or text.endswith("-")
        text = text.strip("+-()")
        whole, mark, cents = _parted(text)
        grouped = _THOUSANDS.fullmatch(text) is not None
        twice = mark != "" and mark in whole
        if grouped and (twice or mark != ("," if self._comma else ".")):
            whole, cents = text, ""
        elif whole and (twice or not (whole.isdecimal() or _THOUSANDS.fullmatch(whole))):
            raise Unreadable("is no number", "write digits with a decimal mark")
        try:
            number = float(Decimal(f"{whole.replace('.', '').replace(',', '')}.{cents}"))
        except InvalidOperation:
            raise Unreadable("is no number", "write digits with a decimal mark") from None
        return -number if negative else number


def _digits(text: str) -> str:
    """A number without its currency: digits, marks, signs and brackets."""
    text = _CURRENCY.sub("", text).replace("\N{MINUS SIGN}", "-")
    return _NOT_NUMBER.sub("", _WITHOUT_CENTS.sub("", _SPACE.sub("", text)))


def _parted(text: str) -> tuple[str, str, str]:
    """What stands before the last mark of a number, the mark, and what stands behind it."""
    at = max(text.rfind("."), text.rfind(","))
    return (text, "", "") if at < 0 else (text[:at], text[at], text[at + 1 :])


def moment(value: Any, date_format: str | None) -> datetime | None:
    """A time, naive when it names no zone; None when `value` is none."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 (its zone comes later)
    if isinstance(value, int | float):
        return _unix(float(value)) or days(value)
    if not isinstance(value, str):
        return None
    try:
        if date_format is not None:
            return datetime.strptime(value, date_format)  # noqa: DTZ007
        return datetime.fromisoformat(_tidied(value))
    except ValueError:
        return _unix(float(value)) if _UNIX.fullmatch(value) else days(value)


def _tidied(text: str) -> str:
    """ISO 8601 as Ruby and Java write it: "2024-01-05 10:11:12 -0500", "… UTC"."""
    if text.endswith((" UTC", " GMT")):
        return text[:-4] + "Z"
    if len(text) > 20 and text[-6:-4] in (" +", " -"):
        return text[:-6] + text[-5:]
    return text


def days(value: Any) -> datetime | None:
    """A date as spreadsheets keep it, in days since the end of 1899 ("46056.5"); else None."""
    if isinstance(value, str) and _DAYS.fullmatch(value):
        value = float(value)
    if not isinstance(value, int | float) or not _FIRST_DAY <= value < _LAST_DAY:
        return None
    return _DAY_ZERO + timedelta(seconds=round(value * 86_400))


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


def decimal_marks(samples: Iterable[Any]) -> str:
    """The decimal marks that amounts are written with: "", ".", "," or both."""
    comma = point = False
    for value in samples:
        if not isinstance(value, str):
            continue
        text = _digits(value).strip("+-()")
        head, _, tail = text.rpartition(",")
        if head and "." not in tail and (len(tail) != 3 or "." in head):
            comma = True
        head, _, tail = text.rpartition(".")
        if head and "," not in tail and (len(tail) != 3 or "," in head):
            point = True
    return "." * point + "," * comma


def points_group(samples: Iterable[Any]) -> bool:
    """Whether all points in amounts may stand between thousands ("12.990") and one does."""
    texts = [_digits(v).strip("+-()") for v in samples if isinstance(v, str)]
    dotted = [text for text in texts if "." in text]
    return bool(dotted) and all(_GROUPED.fullmatch(text) for text in dotted)
