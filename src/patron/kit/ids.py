"""Identifiers: UUIDv7 (RFC 9562), which sort by the time they were made."""

import secrets
from datetime import datetime
from uuid import UUID

import uuid_utils


def new_id() -> UUID:
    """A UUIDv7 of this moment."""
    return UUID(int=uuid_utils.uuid7().int)


def id_at(moment: datetime) -> UUID:
    """A UUIDv7 whose time part is `moment`, so that virtual time yields ids in its own order."""
    stamp = int(moment.timestamp() * 1000)
    random = secrets.randbits(74)
    return UUID(
        int=(stamp << 80)
        | (0x7 << 76)
        | ((random >> 62) << 64)
        | (0b10 << 62)
        | (random & (2**62 - 1))
    )


def new_secret(prefix: str) -> str:
    """An unguessable key, 192 bits, with a prefix that tells its kind: `wk_…`, `sk_…`."""
    return f"{prefix}_{secrets.token_urlsafe(24)}"
