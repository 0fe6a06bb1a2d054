"""The names a product is found by, in one spelling each: pure."""

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from patron.catalog.types import KeyKind

MAX_VALUE = 1_000
_ADS = ("gclid", "fbclid", "msclkid", "gbraid", "wbraid", "ttclid", "mc_cid", "mc_eid", "srsltid")


def url_key(url: str) -> str | None:
    """An address without scheme, `www.`, fragment, tracking parameters and closing slash.

    Paths without a host stay as they are. None for what is no web address.
    """
    if "://" not in url and not url.startswith("/"):
        return None
    try:
        parts = urlsplit(url.strip())
        host = (parts.hostname or "").removeprefix("www.")
        port = f":{parts.port}" if parts.port not in (None, 80, 443) else ""
    except ValueError:
        return None
    if parts.scheme not in ("", "http", "https"):
        return None
    query = ""
    if parts.query:
        kept = [
            (name, value)
            for name, value in parse_qsl(parts.query, keep_blank_values=True)
            if not name.lower().startswith("utm_") and name.lower() not in _ADS
        ]
        query = "?" + urlencode(sorted(kept)) if kept else ""
    key = f"{host}{port}{parts.path.rstrip('/')}{query}"
    return key if (host and len(key) <= MAX_VALUE) or parts.path else None


def gtin_key(value: str) -> str | None:
    """A GTIN-8, UPC, EAN or GTIN-14 as 14 digits; None for anything else (no check digit test:
    shops make up numbers, and use them consistently)."""
    digits = value.replace("-", "").replace(" ", "")
    return (
        digits.zfill(14)
        if digits.isascii() and digits.isdigit() and 8 <= len(digits) <= 14
        else None
    )


def id_key(value: Any) -> str | None:
    """An id as text; numbers as their digits."""
    if isinstance(value, str):
        text = value.strip()
        return text if 0 < len(text) <= MAX_VALUE else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    return str(value)


def candidates(value: str) -> list[str]:
    """Every spelling under which `value` may be kept."""
    text = value.strip()
    found = [text]
    for other in (url_key(text), gtin_key(text)):
        if other is not None and other not in found:
            found.append(other)
    return found


def key_of(kind: KeyKind, value: str) -> str | None:
    """`value` as it is kept for `kind`."""
    if kind is KeyKind.URL:
        return url_key(value)
    if kind is KeyKind.GTIN:
        return gtin_key(value)
    return id_key(value)
