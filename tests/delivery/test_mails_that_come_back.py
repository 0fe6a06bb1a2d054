"""Bounces and complaints that arrive as mails, hours after the mail server took ours."""

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import House
from delivery.scene import appended
from delivery.stage import Stage, play
from patron.delivery.channels.email.returned import Verdict, read
from patron.delivery.returning import take
from patron.delivery.telling import tell
from patron.kit.problems import Problem
from patron.profiles import store as profiles

A_MESSAGE = UUID("01936d3e-7c00-7000-8000-000000000001")
REPORT = """From: MAILER-DAEMON@mx.example.com
To: shop@acme.example
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type={kind}; boundary="b"

--b
Content-Type: text/plain

I'm sorry to have to inform you that your message could not be delivered.

--b
Content-Type: message/{kind}

{fields}

--b
Content-Type: {original}

Received: from acme.example
Message-ID: <{message}@acme.example>
Subject: Your cart

{text}
--b--
"""


def bounce(
    message: UUID = A_MESSAGE, action: str = "failed", status: str = "5.1.1",
    said: str = "550 5.1.1 <anna@example.com> no such user", original: str = "text/rfc822-headers",
) -> bytes:  # fmt: skip
    fields = (
        "Reporting-MTA: dns; mx.example.com\n\nFinal-Recipient: rfc822; anna@example.com\n"
        f"Action: {action}\nStatus: {status}\nDiagnostic-Code: smtp; {said}"
    )
    text = "" if original == "text/rfc822-headers" else "It waits."
    return REPORT.format(
        kind="delivery-status", fields=fields, message=message, original=original, text=text
    ).encode()


def complaint(message: UUID, kind: str = "abuse") -> bytes:
    fields = f"Feedback-Type: {kind}\nUser-Agent: Example/1.0\nVersion: 1"
    return REPORT.format(
        kind="feedback-report", fields=fields, message=message, original="message/rfc822", text="x"
    ).encode()


@pytest.mark.parametrize(
    ("report", "verdict"),
    [
        (bounce(), Verdict.BOUNCED),
        (bounce(original="message/rfc822").replace(b"\n", b"\r\n"), Verdict.BOUNCED),
        (bounce(said="user unknown"), Verdict.BOUNCED),
        (bounce(status="5.2.2", said="552 5.2.2 mailbox full"), Verdict.REFUSED),
        (bounce(status="5.7.1", said="554 5.7.1 looks like spam"), Verdict.REFUSED),
        (bounce(status="4.4.7", said="not in five days"), Verdict.REFUSED),
        (bounce(action="delayed", status="4.4.1", said="no answer"), Verdict.DELAYED),
        (bounce(action="relayed", status="2.0.0", said=""), Verdict.DELIVERED),
        (complaint(A_MESSAGE), Verdict.COMPLAINED),
    ],
)
def test_a_report_says_what_became_of_a_mail(report: bytes, verdict: Verdict) -> None:
    told = read(report)
    assert (told.message_id, told.verdict) == (A_MESSAGE, verdict)
    assert "anna@example.com" not in told.said


@pytest.mark.parametrize(
    ("mail", "said"),
    [
        (b"", "neither a delivery status"),
        (b"Subject: I am away\n\nuntil Monday", "neither a delivery status"),
        (bounce().replace(b"Message-ID", b"X-Id"), "names no mail of Patron's"),
        (bounce().replace(b"Action: failed\n", b""), "names no recipient"),
        (complaint(A_MESSAGE, "not-spam"), "takes a complaint back"),
    ],
)
def test_what_is_no_report_is_refused(mail: bytes, said: str) -> None:
    with pytest.raises(Problem) as refused:
        read(mail)
    assert said in refused.value.document.detail
    assert refused.value.document.remedy


@given(st.binary(max_size=300), st.integers(0, 700))
def test_no_bytes_make_it_raise(noise: bytes, at: int) -> None:
    report = bounce()
    try:
        read(report[:at] + noise + report[at:])
    except Problem as problem:
        assert problem.document.status == 400


def test_who_is_not_there_and_who_complains_is_never_written_to_again(house: House) -> None:
    async def story(stage: Stage) -> None:
        gone = await stage.abandoned("anna", "anna@example.com")
        cross = await stage.abandoned("bert", "bert@example.com")
        fine = await stage.abandoned("cleo", "cleo@example.com")
        await stage.work()
        await tell(stage.db, stage.shop, stage.deps().inbox)
        stage.house.clock.advance(timedelta(hours=2))
        for report in (
            bounce(gone),
            complaint(cross),
            bounce(fine, action="delayed", status="4.4.1", said="no answer"),
            bounce(fine, status="5.2.2", said="552 5.2.2 mailbox full"),
        ):
            once = await take(stage.db, stage.shop, report, stage.now)
            await tell(stage.db, stage.shop, stage.deps().inbox)
            again = await take(stage.db, stage.shop, report, stage.now)
            assert not once.known and once.suppressed == again.suppressed
        async with stage.unit() as tx:
            assert await profiles.suppressed(tx, "email", "anna@example.com") == "hard_bounce"
            assert await profiles.suppressed(tx, "email", "bert@example.com") == "complaint"
            assert await profiles.suppressed(tx, "email", "cleo@example.com") is None
        state, reason, words = await stage.last_words(gone)
        assert (state, reason) == ("sent", "bounced")
        assert words.startswith("It came back: 5.1.1 smtp; 550 5.1.1")
        assert "anna@example.com" not in words
        told = [event["event"] for event in await appended(stage.db, stage.shop)]
        assert told == ["Email Sent"] * 3 + [
            "Email Bounced", "Email Marked as Spam", "Email Bounced",
        ]  # fmt: skip
        with pytest.raises(Problem, match="does not exist"):
            await take(stage.db, stage.house.bolt, bounce(gone), stage.now)

    play(house, story)
