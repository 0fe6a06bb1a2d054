"""What a setting's value may be: from text or TOML to its type, and the words for what is wrong."""

import ipaddress
import math
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import inspect

from patron.kit.taking import bare, words

_MAIL_ADDRESS = re.compile(r"[^\s@<>,;\"]+@[^\s@<>,;\"]+\.[^\s@<>,;\"]+")

_HINTS = {
    "public_url": "give an address such as https://patron.shop.example, with no path or ending /",
    "database_url": "give a URL such as postgresql://user:password@host/database",
    "dkim_key": "give the PEM text of a private key, or the path of a file that holds it",
    "secret": "give at least 16 characters, best random ones",
    "mail_from": "give one address such as shop@shop.example",
    "mail_reply_to": "give one address such as help@shop.example",
    "trusted_proxies": "give networks such as 127.0.0.1, 10.0.0.0/8",
    "webhook_networks": "give networks such as 10.1.0.0/16, 127.0.0.0/8",
    "feed_networks": "give networks such as 10.1.0.0/16, 127.0.0.0/8",
    "owner_email": "give one address such as owner@shop.example",
}


def converted(key: str, field: inspect.Field, kind: Any, raw: Any, base: Path) -> Any:
    """`raw` as setting `key` wants it; `base` is what a relative path starts from.

    Raises ValueError whose text says what to give instead.
    """
    plain = bare(field.type)
    try:
        if isinstance(plain, inspect.CustomType):
            return base / Path(msgspec.convert(raw, str)).expanduser()
        value = msgspec.convert(raw, kind, strict=not isinstance(raw, str))
        if key == "dkim_key" and "-----BEGIN" not in value:
            value = read(base / value)
        return _checked(key, value)
    except (ValueError, OSError) as error:
        hint = _HINTS.get(key) or f"give {expects(field)}"
        if isinstance(error, OSError):
            hint = f"{reason(error)}; {hint}"
        raise ValueError(hint) from None


def _checked(key: str, value: Any) -> Any:
    """`value`, or ValueError where its type alone does not tell right from wrong."""
    right = True
    if key == "public_url":
        parts = urlsplit(value.rstrip("/"))
        value = value.rstrip("/")
        right = parts.scheme in ("http", "https") and bool(parts.hostname)
        right = right and not (parts.path or parts.query or parts.fragment or parts.username)
        right = right and (parts.port is None or parts.port > 0)
    elif key in ("mail_from", "mail_reply_to", "owner_email"):
        right = _MAIL_ADDRESS.fullmatch(value) is not None
    elif key == "database_url":
        right = value.startswith(("postgresql://", "postgres://")) or "=" in value
    elif key == "dkim_key":
        right = "PRIVATE KEY-----" in value
    elif key == "secret":
        right = len(value) >= 16
    elif key in ("trusted_proxies", "webhook_networks", "feed_networks"):
        value = ", ".join(str(ipaddress.ip_network(part.strip())) for part in value.split(","))
    elif isinstance(value, float):
        right = math.isfinite(value)
    elif isinstance(value, str):
        # These reach mail headers and log lines.
        right = value.isprintable()
    if not right:
        raise ValueError(key)
    return value


def read(path: Path) -> str:
    return path.expanduser().read_text(encoding="utf-8").strip()


def reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else "it is not text"


def expects(field: inspect.Field) -> str:
    """What to give for a setting, in words."""
    kind = bare(field.type)
    return "a path" if isinstance(kind, inspect.CustomType) else words(kind)


def described(field: inspect.Field) -> str:
    return str(_meta(field.type)["description"])


def is_secret(field: inspect.Field) -> bool:
    return bool(_meta(field.type).get("secret"))


def _meta(kind: inspect.Type) -> dict[str, Any]:
    if isinstance(kind, inspect.Metadata):
        return {**(kind.extra_json_schema or {}), **(kind.extra or {}), **_meta(kind.type)}
    return {}
