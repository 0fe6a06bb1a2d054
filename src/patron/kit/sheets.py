"""Cells of CSV files that people open in a spreadsheet."""

import re
from typing import Any

_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")
_STARTS = ("=", "+", "-", "@", "\t", "\r")


def harmless(value: Any) -> Any:
    """`value`, so that no spreadsheet takes it for a formula: a text that could be one gets an
    apostrophe in front (OWASP, CSV injection). A number, or a phone number, is none."""
    if not isinstance(value, str) or not value.startswith(_STARTS) or _NUMBER.fullmatch(value):
        return value
    return f"'{value}"
