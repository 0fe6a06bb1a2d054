"""Handing letters to real SMTP servers, well-behaved and not."""

import asyncio
import gc
import ssl
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.header import decode_header, make_header
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar

import dkim
import msgspec
import pytest
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from delivery.mailbox import Mailbox, mailbox
from patron.delivery.channels.email.signature import DkimKey
from patron.delivery.channels.email.smtp import SmtpChannel, SmtpSettings
from patron.delivery.types import Letter, Permanent, Receipt, Temporary, Unknown
from patron.kit.ids import new_id
from patron.messages.types import Rendered
from patron.shops.found import found_shop
from patron.shops.types import Shop, ShopSettings

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
T = TypeVar("T")


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as opened:
        yield opened


@pytest.fixture(scope="module")
def key() -> tuple[DkimKey, bytes]:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    record = "".join(public.decode().splitlines()[1:-1])
    return DkimKey("acme.example", "patron", pem), f"v=DKIM1; k=rsa; p={record}".encode()


def shop(**settings: Any) -> Shop:
    return found_shop(
        "Acme & Daughters",
        currency="USD",
        time_zone="America/New_York",
        public_url="https://acme.example",
        owner_email="owner@acme.example",
        now=NOW,
        settings=ShopSettings(**settings),
    )


def letter(**changes: object) -> Letter:
    base = Letter(
        message_id=new_id(),
        to="anna@example.com",
        rendered=Rendered("Your cart", "It waits", "<p>Hello – Zoë</p>\n", "Hello – Zoë\n.\nbye\n"),
        written_at=NOW,
        journey="abandoned_cart",
        template="abandoned_cart",
        unsubscribe_url="https://patron.example/u/abc.def",
    )
    return msgspec.structs.replace(base, **changes)


def using(settings: SmtpSettings, story: Callable[[SmtpChannel], Awaitable[T]]) -> T:
    async def told() -> T:
        channel = SmtpChannel(settings)
        try:
            return await story(channel)
        finally:
            await channel.close()

    return asyncio.run(told())


def send(settings: SmtpSettings, sent: Letter, of: Shop | None = None) -> Receipt:
    return using(settings, lambda channel: channel.send(of or shop(), sent))


def test_a_mail_arrives_whole(box: Mailbox) -> None:
    sent = letter()
    receipt = send(
        box.settings(), sent, shop(mail_from="hello@acme.example", mail_reply_to="us@acme.example")
    )
    assert receipt.provider_id == "250 2.0.0 Ok: queued as 4F1A"
    assert box.recipients == ["anna@example.com"]
    mail = box.parsed()
    assert mail["From"] == "Acme & Daughters <hello@acme.example>"
    assert mail["Reply-To"] == "us@acme.example"
    assert mail["Message-ID"] == f"<{sent.message_id}@acme.example>"
    assert mail["Date"] == "Mon, 02 Mar 2026 12:00:00 +0000"
    assert mail["List-Unsubscribe"] == "<https://patron.example/u/abc.def>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["Feedback-ID"] == "abandoned_cart:abandoned_cart:acme-daughters:patron"
    assert box.text().rstrip() == "Hello – Zoë\n.\nbye"
    assert "Hello – Zoë" in box.page()


def test_no_header_is_folded_and_subjects_stay_readable(box: Mailbox) -> None:
    subject = "Ваша корзина ждёт вас " * 4
    send(box.settings(), letter(rendered=Rendered(subject, "", "<p>x</p>", "x")))
    head = box.mails[0][1].split(b"\r\n\r\n")[0]
    assert not any(line.startswith((b" ", b"\t")) for line in head.split(b"\r\n"))
    assert str(make_header(decode_header(str(box.parsed()["Subject"])))) == subject.strip()
    assert all(len(word) <= 75 for word in str(box.parsed()["Subject"]).split())


@pytest.mark.parametrize("rehearsal_for", [None, "a-rather-long-name@customers.example"])
def test_a_subject_too_long_for_its_line_is_cut_not_refused(
    box: Mailbox, rehearsal_for: str | None
) -> None:
    title = "北海道産の濃厚なチーズと焼きたてのパン" * 11
    rendered = Rendered(title[:200], "", "<p>x</p>", "x")
    send(box.settings(), letter(rendered=rendered, rehearsal_for=rehearsal_for))
    head = box.mails[0][1].split(b"\r\n\r\n")[0]
    assert all(len(line) <= 998 for line in head.split(b"\r\n"))
    assert title[:100] in str(make_header(decode_header(str(box.parsed()["Subject"]))))


def test_a_line_break_in_a_subject_makes_no_header(box: Mailbox) -> None:
    send(
        box.settings(), letter(rendered=Rendered("Hi\r\nBcc: eve@example.com", "", "<p>x</p>", "x"))
    )
    assert box.parsed()["Bcc"] is None
    assert box.parsed()["Subject"] == "Hi Bcc: eve@example.com"


def test_the_signature_covers_what_one_click_unsubscribing_needs(
    box: Mailbox, key: tuple[DkimKey, bytes]
) -> None:
    private, record = key
    send(box.settings(dkim=private), letter())
    mail = box.mails[0][1]
    assert dkim.verify(mail, dnsfunc=lambda name, timeout=5: record)
    covered = box.parsed()["DKIM-Signature"].replace(" ", "").split("h=")[1].split(";")[0]
    names = set("".join(covered.split()).lower().split(":"))
    assert {"from", "to", "subject", "date", "message-id"} <= names
    assert {"list-unsubscribe", "list-unsubscribe-post"} <= names
    forged = mail.replace(b"/u/abc.def", b"/u/evil.def")
    assert not dkim.verify(forged, dnsfunc=lambda name, timeout=5: record)


def test_a_broken_key_says_so_and_waits(box: Mailbox) -> None:
    with pytest.raises(Temporary, match=r"DKIM key patron of acme.example"):
        send(box.settings(dkim=DkimKey("acme.example", "patron", "no key")), letter())
    assert box.mails == []


def test_in_rehearsal_the_mail_names_who_would_have_got_it(box: Mailbox) -> None:
    send(box.settings(), letter(to="owner@acme.example", rehearsal_for="anna@example.com"))
    assert box.recipients == ["owner@acme.example"]
    assert box.parsed()["Subject"] == "[Rehearsal, for anna@example.com] Your cart"
    assert box.parsed()["X-Patron-Rehearsal-For"] == "anna@example.com"


def test_connections_are_kept_and_never_more_than_allowed(box: Mailbox) -> None:
    async def story(channel: SmtpChannel) -> None:
        async def one(number: int) -> None:
            async with channel.slot():
                await channel.send(shop(), letter(to=f"c{number}@example.com"))

        await asyncio.gather(*(one(number) for number in range(12)))
        await one(12)

    using(box.settings(connections=3), story)
    assert len(box.mails) == 13
    assert box.sessions == 3


def test_a_closed_idle_connection_is_replaced(box: Mailbox) -> None:
    async def story(channel: SmtpChannel) -> None:
        await channel.send(shop(), letter())
        for connection, _ in channel._idle:
            assert connection.transport is not None
            connection.transport.close()
        await channel.send(shop(), letter())

    using(box.settings(), story)
    assert len(box.mails) == 2
    assert box.sessions == 2


@pytest.mark.parametrize(
    ("answer", "bounce"),
    [
        ("550 5.1.1 <anna@example.com> no such user", True),
        ("553 mailbox name not allowed", True),
        ("550 5.7.1 your address is on a blocklist", False),
        ("552 5.2.2 mailbox full", False),
        # Many servers judge the sender, and us, only when they hear the recipient.
        ("550 5.1.8 <shop@acme.example>: Sender address rejected: Domain not found", False),
        ("553 5.1.7 sender address has a bad syntax", False),
        ("503 5.5.1 Error: need MAIL command", False),
        ("530 Authentication required", False),
        ("552 too much is stored already", False),
    ],
)
def test_5xx_at_the_recipient_is_for_good(box: Mailbox, answer: str, bounce: bool) -> None:
    box.refuse["anna@example.com"] = answer
    with pytest.raises(Permanent) as refused:
        send(box.settings(), letter())
    assert refused.value.bounce is bounce
    assert "anna@example.com" not in str(refused.value)


def test_4xx_at_the_recipient_is_for_later_and_the_connection_lives(box: Mailbox) -> None:
    box.refuse["anna@example.com"] = "450 4.2.0 greylisted"

    async def story(channel: SmtpChannel) -> None:
        with pytest.raises(Temporary, match=r"450 4\.2\.0 greylisted"):
            await channel.send(shop(), letter())
        await channel.send(shop(), letter(to="bert@example.com"))

    using(box.settings(), story)
    assert box.recipients == ["bert@example.com"]
    assert box.sessions == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [("451 4.3.0 try later", Temporary), ("554 5.6.0 we do not like it", Permanent)],
)
def test_an_answer_after_the_text_is_believed(
    box: Mailbox, answer: str, kind: type[Exception]
) -> None:
    box.data_answer = answer
    with pytest.raises(kind, match=answer):
        send(box.settings(), letter())
    assert box.mails == []


def test_no_answer_after_the_text_leaves_a_doubt(box: Mailbox) -> None:
    box.hold.clear()
    with pytest.raises(Unknown):
        send(box.settings(answer_timeout=0.2), letter())


def test_a_connection_that_breaks_after_the_text_leaves_a_doubt(box: Mailbox) -> None:
    box.hang_up = True
    with pytest.raises(Unknown):
        send(box.settings(), letter())


def test_no_server_is_for_later() -> None:
    settings = SmtpSettings(host="127.0.0.1", port=1, security="none", sender="shop@acme.example")
    with pytest.raises(Temporary, match=r"127\.0\.0\.1:1 cannot be reached"):
        send(settings, letter())


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": "mail..acme.example"},
        {"sender": "shop@münchen.example"},
        {"security": "starttls", "ca_file": "/nowhere/ca.pem"},
    ],
)
def test_what_fails_before_a_word_was_said_leaves_no_doubt(wrong: dict[str, Any]) -> None:
    given: dict[str, Any] = {"host": "127.0.0.1", "port": 1, "security": "none"}
    with pytest.raises(Temporary):
        send(SmtpSettings(**(given | {"sender": "shop@acme.example"} | wrong)), letter())


def test_a_server_without_tls_is_not_trusted_with_a_mail(box: Mailbox) -> None:
    with pytest.raises(Temporary, match="cannot be reached"):
        send(box.settings(security="starttls"), letter())
    assert box.mails == []


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate of 127.0.0.1's that nobody vouches for but itself."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.acme.example")])
    today = datetime.now(UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, private.public_key(), 1)
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(here, critical=False)
        .sign(private, SHA256())
    )
    file = folder / "mail.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    return file, context


def welcome(_server: Any, _session: Any, _envelope: Any, _how: str, given: Any) -> AuthResult:
    right = (given.login, given.password) == (b"shop", b"s3cret")
    return AuthResult(success=right, handled=False)


# TLS takes its leave in the background, which the end of a test's loop cuts off; all that is left
# of it is collected inside the test.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mails_go_encrypted_with_a_log_in_to_whom_a_certificate_vouches_for(
    tmp_path: Path, security: str
) -> None:
    file, context = certificate(tmp_path)
    secured: dict[str, Any] = {"ssl_context": context}
    if security == "starttls":
        who = {"auth_required": True, "authenticator": welcome}
        secured = {"tls_context": context, "require_starttls": True, **who}
    with mailbox(**secured) as box:
        known: dict[str, Any] = {"security": security, "ca_file": str(file)}
        if security == "starttls":
            with pytest.raises(Temporary, match="refused user name and password"):
                send(box.settings(**known, username="shop", password="guessed"), letter())
            known |= {"username": "shop", "password": "s3cret"}
        with pytest.raises(Temporary, match=r"CERTIFICATE_VERIFY_FAILED"):
            send(box.settings(**known | {"ca_file": None}), letter())  # vouched for by nobody
        assert box.mails == []
        send(box.settings(**known), letter())
        assert box.parsed()["To"] == "anna@example.com"
    gc.collect()


def test_a_shop_that_set_no_sender_writes_as_the_installation(box: Mailbox) -> None:
    house = box.settings(
        sender="mail@house.example", sender_name="The House", reply_to="us@house.example"
    )
    send(house, letter(), shop(mail_from=None))
    mail = box.parsed()
    assert (mail["From"], mail["Reply-To"]) == (
        "The House <mail@house.example>",
        "us@house.example",
    )
    send(house, letter(), shop(mail_from="hello@acme.example", mail_from_name="Acme"))
    mail = box.parsed()
    assert (mail["From"], mail["Reply-To"]) == ("Acme <hello@acme.example>", None)


def test_a_shop_without_a_sender_is_told() -> None:
    settings = SmtpSettings(host="127.0.0.1", port=1, security="none")
    with pytest.raises(Permanent, match="set mail_from"):
        send(settings, letter())


def test_addresses_beyond_ascii_are_written_to(box: Mailbox) -> None:
    send(box.settings(), letter(to="zoë@example.com"))
    assert box.recipients == ["zoë@example.com"]
