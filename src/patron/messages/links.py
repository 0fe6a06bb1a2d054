"""Links in messages: ours are signed and say whom they speak of, the others lead to the shop."""

import base64
import html
import re
import string
from collections.abc import Collection
from typing import TypeVar
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import UUID

import msgspec

from patron.kit.signing import BadSignature, Signer

CLICK = "click"
OPEN = "open"
UNSUBSCRIBE = "unsubscribe"
PREFERENCES = "preferences"
CONFIRM = "confirm"

# Read in small letters: ignoring case would cost four times as long, a millisecond a mail.
_ATTRIBUTE = re.compile(rb"""(?:href|src|action|background)\s*=\s*["']([^"']*)["']""")
_STYLE_URL = re.compile(r"""url\(\s*["']?([^"')]+)""", re.I)
_TEXT_URL = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.I)
_NOT_A_PAGE = ("http://www.w3.org/", "urn:")


class Ticket(msgspec.Struct, frozen=True, array_like=True):
    """What a link of ours carries, in the open but signed. Holds no address."""

    shop: str  # slug
    message: str  # outbox id, short form
    origin: str  # short form
    journey: str
    step: str
    template: str
    rehearsal: bool = False
    cart: str | None = None  # short form
    link: str | None = None  # which link of the mail
    url: str | None = None  # where a click goes on to


class Pass(msgspec.Struct, frozen=True, array_like=True):
    """What opens a customer's own page. Holds no address: either the `message` it stood in, or a
    keyed hash of the `mailbox`, says which is meant."""

    shop: str  # slug
    origin: str  # short form
    message: str | None = None  # short form
    mailbox: str | None = None
    rehearsal: bool = False


class Asking(msgspec.Struct, frozen=True, array_like=True):
    """What the link of a confirmation mail carries."""

    shop: str  # slug
    confirmation: str  # short form
    rehearsal: bool = False


class Mint:
    """Makes the links of one message."""

    def __init__(self, signer: Signer, base_url: str, ticket: Ticket) -> None:
        self._signer = signer
        self._base = base_url.rstrip("/")
        self._ticket = ticket

    def click(self, url: str, link: str) -> str:
        """Goes to `url` and counts a click on `link` ("cart", "item-1", "together-2")."""
        ticket = msgspec.structs.replace(self._ticket, url=url, link=link)
        return f"{self._base}/l/{self._signer.token(CLICK, ticket)}"

    def open_pixel(self) -> str:
        return f"{self._base}/o/{self._signer.token(OPEN, self._ticket)}.gif"

    def unsubscribe(self) -> str:
        return f"{self._base}/u/{self._signer.token(UNSUBSCRIBE, self._ticket)}"

    def preferences(self) -> str:
        return f"{self._base}{preferences_path(self._signer, pass_of(self._ticket))}"

    def confirm(self, confirmation: UUID) -> str:
        asking = Asking(self._ticket.shop, short(confirmation), self._ticket.rehearsal)
        return f"{self._base}/confirm/{self._signer.token(CONFIRM, asking)}"


def pass_of(ticket: Ticket) -> Pass:
    """Who has a mail has the page of whom it was for."""
    return Pass(ticket.shop, ticket.origin, ticket.message, None, ticket.rehearsal)


def preferences_path(signer: Signer, given: Pass) -> str:
    return f"/preferences/{signer.token(PREFERENCES, given)}"


def mailbox_mark(signer: Signer, origin: UUID, address_key: str) -> str:
    """What stands for an address in a link that no mail brings."""
    return signer.digest("mailbox", f"{origin}:{address_key}")[:22]


T = TypeVar("T")


def read(signer: Signer, purpose: str, token: str) -> Ticket:
    """The ticket in `token`; raises BadSignature."""
    return opened(signer, purpose, token, Ticket)


def opened(signer: Signer, purpose: str, token: str, kind: type[T]) -> T:
    """What `token` carries; raises BadSignature."""
    try:
        return msgspec.convert(signer.read(purpose, token), kind)
    except msgspec.ValidationError as error:
        raise BadSignature("the link is damaged or not ours") from error


def short(value: UUID) -> str:
    """22 characters instead of 36."""
    return base64.urlsafe_b64encode(value.bytes).decode().rstrip("=")


def long(value: str) -> UUID:
    """The UUID of its short form; ValueError when it is none."""
    return UUID(bytes=base64.urlsafe_b64decode(value + "=="))


def leads_to(url: str, hosts: Collection[str]) -> bool:
    """Whether `url` is a plain web address of one of `hosts` (names without port)."""
    if not url.isprintable() or any(c in url for c in " \\\"'<>"):
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or parts.username is not None:
        return False
    # U+212A, a “K” beyond ASCII, is a plain “k” in small letters: the host compared would be
    # another than the one gone to.
    return host is not None and host in hosts and host.isascii() == parts.netloc.isascii()


def as_location(url: str) -> str:
    """`url` in ASCII, as a header carries it: its host in IDNA, the rest in UTF-8 and percent
    signs (RFC 3987, 3.1)."""
    if url.isascii():
        return url
    parts = urlsplit(url)
    netloc = parts.netloc.encode("idna").decode()
    return quote(urlunsplit(parts._replace(netloc=netloc)), safe=string.printable)


def strangers(page: str, text: str, hosts: Collection[str]) -> list[str]:
    """Addresses in the two parts of a mail that lead to other places than `hosts`."""
    small = page.encode("utf-8", "replace").lower()
    found = [html.unescape(url.decode()) for url in _ATTRIBUTE.findall(small)]
    found += [html.unescape(url) for url in _STYLE_URL.findall(page)]
    found += _TEXT_URL.findall(text)
    return [
        url for url in found if url and not url.startswith(_NOT_A_PAGE) and not leads_to(url, hosts)
    ]


def without_addresses(words: str) -> str:
    """`words` that mail programs will not turn into a link: `see http://x.y` → `see x y`."""
    words = re.sub(r"[a-z][a-z0-9+.-]*:/+", "", words, flags=re.I)
    words = re.sub(r"\bwww\.", "", words, flags=re.I)
    return re.sub(r"(?<=\w)\.(?=[a-z]{2,24}\b)", " ", words, flags=re.I)
