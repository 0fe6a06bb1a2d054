"""A letter as the bytes of an e-mail: RFC 5322, 2045, 2047, 8058.

Written out by hand, because signatures and one-click unsubscribing want every header on one line,
which the standard library folds, and because the same letter must give the same bytes.
"""

import base64
import quopri
from email.utils import format_datetime, formataddr

import msgspec

from patron.delivery.types import Letter, Permanent
from patron.shops.types import Shop

_LONGEST_LINE = 998  # RFC 5322, 2.1.1
_WORD_BYTES = 42  # base64 of it and the frame stay within RFC 2047's 75 characters


class Sender(msgspec.Struct, frozen=True):
    """Who writes: the shop's own settings, or the installation's."""

    address: str
    name: str
    reply_to: str | None


def sender_of(shop: Shop, house: Sender | None) -> Sender:
    """The sender of `shop`'s mails: its own, else the installation's.

    Permanent when there is no address to write from.
    """
    settings = shop.settings
    name, reply_to = settings.mail_from_name or shop.name, settings.mail_reply_to
    if settings.mail_from:
        return Sender(settings.mail_from, name, reply_to)
    if house is None:
        raise Permanent(
            f"shop {shop.slug} has no sender address: set mail_from in its settings or mail_from of"
            " the installation"
        )
    return Sender(
        house.address,
        settings.mail_from_name or house.name or shop.name,
        reply_to or house.reply_to,
    )


def compose(shop: Shop, letter: Letter, sender: Sender) -> bytes:
    """The mail with CRLF line ends, its plain text first, then its HTML."""
    domain = _domain(sender.address)
    boundary = f"=_patron_{letter.message_id.hex}"
    subject = letter.rendered.subject
    if letter.rehearsal_for:
        subject = f"[Rehearsal, for {letter.rehearsal_for}] {subject}"
    headers = [
        ("From", formataddr((_plain(sender.name), sender.address))),
        ("To", letter.to),
        ("Subject", _words(subject, _LONGEST_LINE - len("Subject: "))),
        ("Date", format_datetime(letter.written_at)),
        ("Message-ID", f"<{letter.message_id}@{domain}>"),
    ]
    if sender.reply_to:
        headers.append(("Reply-To", sender.reply_to))
    if letter.unsubscribe_url:
        headers.append(("List-Unsubscribe", f"<{letter.unsubscribe_url}>"))
        headers.append(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
    if letter.rehearsal_for:
        headers.append(("X-Patron-Rehearsal-For", letter.rehearsal_for))
    headers += [
        ("Feedback-ID", f"{letter.template}:{letter.journey}:{shop.slug}:patron"),
        ("Auto-Submitted", "auto-generated"),
        ("MIME-Version", "1.0"),
        ("Content-Type", f'multipart/alternative; boundary="{boundary}"'),
    ]
    head = "".join(f"{name}: {_checked(name, value)}\r\n" for name, value in headers)
    parts = [("plain", letter.rendered.text), ("html", letter.rendered.html)]
    body = b"".join(_part(boundary, kind, text) for kind, text in parts)
    return head.encode() + b"\r\n" + body + f"--{boundary}--\r\n".encode()


def _part(boundary: str, kind: str, text: str) -> bytes:
    head = (
        f"--{boundary}\r\nContent-Type: text/{kind}; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    lines = text.replace("\r\n", "\n").encode()
    return head.encode() + quopri.encodestring(lines).replace(b"\n", b"\r\n") + b"\r\n"


def _words(text: str, room: int) -> str:
    """`text` for a header: as it is when plain ASCII, else as encoded words on one line.

    What goes beyond `room` characters is cut off: a shortened subject is better than no mail.
    """
    text = _plain(text)
    if text.isascii():
        return text[:room]
    chunks: list[bytes] = [b""]
    for character in text:
        encoded = character.encode()
        if len(chunks[-1]) + len(encoded) > _WORD_BYTES:
            chunks.append(b"")
        chunks[-1] += encoded
    words = [f"=?utf-8?b?{base64.b64encode(chunk).decode()}?=" for chunk in chunks]
    while len(" ".join(words)) > room:
        words.pop()
    return " ".join(words)


def _plain(text: str) -> str:
    """On one line, and nothing in it that could pass for an encoded word of ours."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split()).replace(
        "=?", "= ?"
    )


def _domain(address: str) -> str:
    domain = address.rpartition("@")[2].strip("> ")
    return domain.encode("idna").decode() if not domain.isascii() else domain


def _checked(name: str, value: str) -> str:
    if "\r" in value or "\n" in value or len(name) + len(value) + 2 > _LONGEST_LINE:
        raise Permanent(f"header {name}: {value[:60]!r}… does not fit on one line")
    return value
