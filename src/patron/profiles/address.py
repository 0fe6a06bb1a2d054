"""Addresses and identifiers: normalised, or recognised as standing for nobody.

E-mail: RFC 5321 and 6531 through email-validator (no DNS). Phone: E.164, libphonenumber's data.
"""

import re
from collections.abc import Iterable
from fnmatch import translate
from functools import lru_cache

import phonenumbers
from email_validator import EmailNotValidError, validate_email

MAX_IDENTIFIER = 300
REMEMBERED = 8_192
_PLAIN_EMAIL = re.compile(
    r"[a-z0-9_%+-]+(?:\.[a-z0-9_%+-]+)*@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,24}",
    re.IGNORECASE,
)

NOBODY = re.compile(
    r"[0-]*|-1|null|nil|none|void|undefined|nan|n/a|anonymous|anon|unknown|guest|\[object object\]",
    re.IGNORECASE,
)
"""Values that software writes where it has no identifier."""

_PLACEHOLDER_LOCAL = re.compile(
    r"(?:no|na|none|null|void|nobody|unknown|anonymous|guest|walk-?in|pos|till|cash(?:ier|desk)?|kasse"
    r"|no[._-]?(?:e?-?mail|reply)|do[._-]?not[._-]?reply|placeholder|dummy)(?:[._+-]?\d+)?"
)
"""What tills type when a customer gives no address."""

_PLACEHOLDER_DOMAIN = re.compile(
    r"(?:.+\.)?(?:marketplace\.amazon\.[a-z.]+|members\.ebay\.[a-z.]+|relay\.walmart\.com"
    r"|verkopen\.bol\.com|allegromail\.pl"
    r"|email\.com\.invalid|.+\.invalid|.+\.localhost)|(?:no-?e?mail|noreply|no-?reply)\..+"
)
"""Marketplaces hand out addresses that expire with the order and must not be written to."""


@lru_cache(REMEMBERED)
def normalise_email(text: str) -> tuple[str, str] | None:
    """(address to write to, key to compare by) or None when `text` is no deliverable address.

    The key is lower-cased with the domain in ASCII; dots and tags in the local part are kept,
    because only the mailbox's own provider knows what they mean.
    """
    text = text.strip()
    if len(text) > 254 or len(text.partition("@")[0]) > 64:
        return None
    if _PLAIN_EMAIL.fullmatch(text):
        local, _, domain = text.partition("@")
        return f"{local}@{domain.lower()}", text.lower()
    try:
        found = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return None
    if "." not in found.ascii_domain:
        return None
    return found.normalized, f"{found.local_part}@{found.ascii_domain}".lower()


@lru_cache(REMEMBERED)
def normalise_phone(text: str, region: str) -> str | None:
    """`text` as E.164 (`+14155550123`), or None when it is no possible number.

    `region` (ISO 3166 alpha-2) tells how numbers without a country code are read: as long as they
    are numbers there. Another country's would else become somebody's at home.
    """
    if len(text) > 40:
        return None
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    if not text.lstrip().startswith(("+", "\uff0b")) and not phonenumbers.is_valid_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def is_placeholder(address_key: str) -> bool:
    """Whether a normalised e-mail address is one that tills and marketplaces use for nobody."""
    local, _, domain = address_key.rpartition("@")
    return bool(_PLACEHOLDER_LOCAL.fullmatch(local) or _PLACEHOLDER_DOMAIN.fullmatch(domain))


class Blocklist:
    """Values that identify nobody: the built-in ones and the shop's own.

    A shop's entry is a value (`abc123`), a pattern with `*` (`kiosk-*`), or either behind a kind
    (`anonymous_id:kiosk-*`); letter case does not count.
    """

    def __init__(self, own: Iterable[str] = ()) -> None:
        patterns = []
        for entry in own:
            kind, colon, _ = entry.partition(":")
            named = colon and re.fullmatch(r"[a-z_.]+", kind)
            patterns.append(translate(entry.lower() if named else f"*:{entry.lower()}"))
        self._own = re.compile("|".join(patterns)) if patterns else None

    def clean(self, kind: str, value: str) -> str | None:
        """`value` without white space around it, or None when it identifies nobody."""
        value = value.strip()
        if len(value) > MAX_IDENTIFIER or NOBODY.fullmatch(value):
            return None
        if self._own is not None and self._own.fullmatch(f"{kind}:{value}".lower()):
            return None
        return value
