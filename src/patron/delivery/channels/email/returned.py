"""Mails that come back: delivery status notifications (RFC 3464) and complaints (RFC 5965)."""

import re
from collections.abc import Iterator
from email import message_from_bytes, message_from_string
from email.message import Message
from enum import StrEnum
from uuid import UUID

import msgspec

from patron.delivery.channels.email.smtp import refused_recipient
from patron.delivery.types import Permanent
from patron.kit.log import mask
from patron.kit.problems import Problem, bad_request

_OURS = re.compile(r"<([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@[^<>@\s]+>")
_CODE = re.compile(r"\b([45]\d\d)\b")
LONGEST = 300


class Verdict(StrEnum):
    """What a mail that came back says of the one we sent."""

    BOUNCED = "bounced"  # the address does not exist or takes no mail
    REFUSED = "refused"  # it was not delivered, for a reason that is not the address's
    DELAYED = "delayed"  # it is tried again without us
    DELIVERED = "delivered"
    COMPLAINED = "complained"  # she called it spam


class Returned(msgspec.Struct, frozen=True):
    """`said`: the other server's words, without addresses."""

    message_id: UUID
    verdict: Verdict
    said: str


def read(mail: bytes) -> Returned:
    """What `mail` reports. Problem 400 when it is no report, or about no mail of ours.

    Our mail is known by its Message-ID, which only we, its recipient and the servers between know:
    an address in a report proves nothing, and may have changed on the way.
    """
    whole = message_from_bytes(mail)
    parts = {part.get_content_type(): part for part in whole.walk()}
    if (status := parts.get("message/delivery-status")) is not None:
        verdict, said = _judged(status)
    elif (feedback := parts.get("message/feedback-report")) is not None:
        kind = next((b["Feedback-Type"] for b in _blocks(feedback) if b["Feedback-Type"]), "abuse")
        if str(kind).strip().lower() not in ("abuse", "fraud", "not-spam", "virus", "other"):
            kind = "other"
        if str(kind).strip().lower() == "not-spam":
            raise _no_report("the report takes a complaint back")
        verdict, said = Verdict.COMPLAINED, f"reported as {kind}"
    else:
        raise _no_report("the mail has neither a delivery status (RFC 3464) nor a complaint in it")
    return Returned(_ours(whole, parts), verdict, said)


def _judged(status: Message) -> tuple[Verdict, str]:
    for block in _blocks(status):
        action = str(block["Action"] or "").strip().lower()
        if not action:
            continue  # the part about the server comes first
        code = " ".join(str(block["Status"] or "").split())
        why = " ".join(str(block["Diagnostic-Code"] or "").split())
        said = mask(f"{code} {why}".strip())[:LONGEST]
        if action == "delayed":
            return Verdict.DELAYED, said
        if action != "failed":  # delivered, relayed, expanded
            return Verdict.DELIVERED, said
        number = _CODE.search(why)
        answer = int(number[1]) if number else 500 if code.startswith("5") else 400
        error = refused_recipient(answer, f"{code} {why}")
        gone = isinstance(error, Permanent) and error.bounce
        return (Verdict.BOUNCED if gone else Verdict.REFUSED), said
    raise _no_report("its delivery status names no recipient")


def _blocks(part: Message) -> Iterator[Message]:
    """The groups of fields of a report, which Python reads as messages, or leaves as text."""
    inside = part.get_payload()
    if isinstance(inside, list):
        for block in inside:
            if isinstance(block, Message):
                yield block
    else:
        for group in re.split(r"\r?\n\r?\n", str(inside)):
            yield message_from_string(group)


def _ours(whole: Message, parts: dict[str, Message]) -> UUID:
    headers: list[Message] = []
    if (original := parts.get("message/rfc822")) is not None:
        inside = original.get_payload()
        headers += [one for one in inside if isinstance(one, Message)]
    if (lines := parts.get("text/rfc822-headers")) is not None:
        text = lines.get_payload(decode=True)
        headers.append(message_from_bytes(text if isinstance(text, bytes) else b""))
    named = [one["Message-ID"] for one in headers]
    named += [whole["Original-Message-ID"], whole["In-Reply-To"], whole["References"]]
    for name in named:
        if found := _OURS.search(str(name or "")):
            return UUID(found[1])
    raise bad_request(
        "the report names no mail of Patron's",
        remedy="hand over the report as it came, with the headers of the mail that it is about",
    )


def _no_report(why: str) -> Problem:
    return bad_request(why, remedy="hand over reports only, each as it came")
