"""Structured logs: a line for people or a JSON object for machines, without secrets or addresses.

Fields travel in `extra`: `log.info("cart closed", extra={"cart": cart_id})`. Whatever the caller
passes, addresses and secrets are masked before a line is written, tracebacks included.
"""

import json
import logging
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

import msgspec

Format = Literal["text", "json"]

LEVELS = ("debug", "info", "warning", "error", "critical")
HIDDEN = "[hidden]"

# Every attribute a record has without `extra`; `taskName` exists from Python 3.12 on.
_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_TAKEN = frozenset({"time", "level", "logger", "message", "error"})
_ADDRESS_FIELDS = frozenset({"email", "phone", "address", "recipient", "mail_to"})
_SECRET_FIELD = re.compile(
    r"(?:^|_)(?:password|passwd|secret|token|authorization|cookie|(?:api|server|private|dkim)_key)$"
)
_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]+(?:\.[\w-]+)+")
_URL_PASSWORD = re.compile(r"(://[^\s:/@]*:)[^\s@]+(?=@)")
_WORD_PASSWORD = re.compile(r"(?i)\b(password\s*[=:]\s*)('[^']*'|\"[^\"]*\"|[^\s'\"]+)")
_PLAIN = re.compile(r"[^\s\"=]+")


def logger(name: str) -> logging.Logger:
    """The logger of a module; pass `__name__`."""
    return logging.getLogger(name)


def configure(format: Format, level: str, stream: TextIO | None = None) -> None:
    """Send every log line to `stream` (default: standard error), replacing an earlier setup.

    `level` counts for Patron's own lines; other libraries are heard from warnings on.
    Raises ValueError for a format or level that does not exist.
    """
    if level.lower() not in LEVELS:
        raise ValueError(f"log_level: {level!r} is no level; use one of {', '.join(LEVELS)}")
    if format not in ("text", "json"):
        raise ValueError(f"log_format: {format!r} is no format; use text or json")
    handler = _Handler(sys.stderr if stream is None else stream)
    handler.setFormatter(JsonFormatter() if format == "json" else TextFormatter())
    root = logging.getLogger()
    for old in [found for found in root.handlers if isinstance(found, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    number = logging.getLevelNamesMapping()[level.upper()]
    root.setLevel(max(number, logging.WARNING))
    logging.getLogger("patron").setLevel(number)


def mask_address(address: str) -> str:
    """`anna@example.com` → `a…@example.com`, `+14155550123` → `+1…23`: enough to compare lines."""
    local, at, domain = address.rpartition("@")
    if at:
        return f"{local[:1] if len(local) > 1 else ''}…@{domain}"
    return f"{address[:2]}…{address[-2:]}" if len(address) > 6 else "…"


def mask(text: str) -> str:
    """`text` with its e-mail addresses shortened and the passwords of URLs and conninfos hidden."""
    if "://" in text:
        text = _URL_PASSWORD.sub(rf"\1{HIDDEN}", text)
    if "assword" in text.lower():
        text = _WORD_PASSWORD.sub(rf"\1{HIDDEN}", text)
    if "@" in text:
        text = _EMAIL.sub(lambda found: mask_address(found.group()), text)
    return text


class _Handler(logging.StreamHandler[TextIO]):
    """Ours, so that `configure` replaces its own handler and no other."""


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, logger, message, the fields, and `error` if raised."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _clean(record.getMessage()),
            **_fields(record),
        }
        if error := _error(self, record):
            line["error"] = error
        return msgspec.json.encode(line).decode()


class TextFormatter(logging.Formatter):
    """For people: `2026-03-02T12:00:00.123Z INFO  patron.carts  cart closed  cart=…`."""

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={_quoted(value)}" for name, value in _fields(record).items())
        line = f"{_time(record)} {record.levelname:<7} {record.name}  {_clean(record.getMessage())}"
        line = _printable(f"{line} {fields}" if fields else line)
        error = _error(self, record)
        return f"{line}\n{error}" if error else line


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in record.__dict__.items():
        if name not in _OWN:
            found[f"field_{name}" if name in _TAKEN else _clean(name)] = _safe(name, value)
    return found


def _safe(name: str, value: Any) -> Any:
    """What of `value` may be written under `name`: plain JSON, masked."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if _SECRET_FIELD.search(name.lower()):
        return HIDDEN
    if isinstance(value, Mapping):
        return {_clean(str(key)): _safe(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_safe(name, inner) for inner in value]
    text = _clean(str(value))
    return mask_address(text) if name in _ADDRESS_FIELDS and "…" not in text else text


def _clean(text: str) -> str:
    return mask(text.encode("utf-8", "backslashreplace").decode())


def _printable(text: str) -> str:
    """Control characters escaped: no value may pass for a line or steer a terminal."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def _quoted(value: Any) -> str:
    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) else json.dumps(value, ensure_ascii=False)
    return msgspec.json.encode(value).decode()


def _error(formatter: logging.Formatter, record: logging.LogRecord) -> str | None:
    parts = []
    if record.exc_info and record.exc_info[0] is not None:
        parts.append(formatter.formatException(record.exc_info))
    if record.stack_info:
        parts.append(formatter.formatStack(record.stack_info))
    return _clean("\n".join(parts)) if parts else None
