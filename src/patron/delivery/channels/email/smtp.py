"""Handing letters to an SMTP server over a few kept connections (RFC 5321)."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Literal

import aiosmtplib
import msgspec

from patron.delivery.channels.email.mime import Sender, compose, sender_of
from patron.delivery.channels.email.signature import DkimKey, sign
from patron.delivery.types import Letter, Permanent, Receipt, Temporary, Unknown
from patron.kit.clock import monotonic
from patron.kit.log import logger, mask
from patron.shops.types import Shop

log = logger(__name__)

IDLE_SECONDS = 30.0  # servers close idle connections after some minutes; we do so first
MISCONFIGURED = timedelta(minutes=15)
_NO_MAILBOX = (550, 551, 553, 556)
_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")


class SmtpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`security`: tls from the start (465), starttls required (587), auto if offered, or none.

    `timeout` bounds each answer of the server, in seconds; the one after the text of the mail may
    take `answer_timeout`. `sender` is used for shops that set none; `bounces_to` is the envelope's
    sender, the From address without it.
    """

    host: str
    port: int = 587
    security: Literal["tls", "starttls", "auto", "none"] = "starttls"
    username: str | None = None
    password: str | None = None
    sender: str | None = None
    sender_name: str | None = None
    reply_to: str | None = None
    bounces_to: str | None = None
    connections: int = 4
    timeout: float = 20.0
    answer_timeout: float = 60.0
    hostname: str | None = None  # what we call ourselves in EHLO
    ca_file: str | None = None
    dkim: DkimKey | None = None


class SmtpChannel:
    """Sends over kept connections; belongs to the event loop that uses it.

    `slot` bounds the letters under way, and thereby the connections, to `connections`.
    """

    def __init__(self, settings: SmtpSettings) -> None:
        self.settings = settings
        self._slots = asyncio.Semaphore(settings.connections)
        self._idle: list[tuple[aiosmtplib.SMTP, float]] = []

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        async with self._slots:
            yield

    async def send(self, shop: Shop, letter: Letter) -> Receipt:
        settings = self.settings
        house = None
        if settings.sender:
            house = Sender(settings.sender, settings.sender_name or "", settings.reply_to)
        sender = sender_of(shop, house)
        try:
            mail = await self._written(shop, letter, sender)
            connection = await self._connection()
        except (Permanent, Temporary):
            raise
        except Exception as error:
            # A host, sender or certificate nobody can use. Nothing was said: no doubt is left.
            log.error("mail cannot be handed over", exc_info=error)
            raise Temporary(
                f"the mail cannot be handed over as things are set: {mask(str(error))}",
                MISCONFIGURED,
            ) from error
        try:
            receipt = await self._transaction(
                connection, self.settings.bounces_to or sender.address, letter.to, mail
            )
        except (Permanent, Temporary):
            self._keep(connection)  # `_connection` resets it before it is used again
            raise
        except BaseException:
            connection.close()
            raise
        self._keep(connection)
        return receipt

    async def _written(self, shop: Shop, letter: Letter, sender: Sender) -> bytes:
        """The mail, signed where there is a key."""
        mail = compose(shop, letter, sender)
        if self.settings.dkim is None:
            return mail
        try:
            # RSA in Python takes some ten milliseconds.
            return await asyncio.to_thread(sign, mail, self.settings.dkim)
        except ValueError as error:
            raise Temporary(str(error), MISCONFIGURED) from error

    async def close(self) -> None:
        """Say good-bye on the idle connections."""
        idle, self._idle = self._idle, []
        for connection, _ in idle:
            try:
                await connection.quit(timeout=2)
            except (aiosmtplib.SMTPException, OSError):
                connection.close()

    async def _transaction(
        self, connection: aiosmtplib.SMTP, envelope_from: str, to: str, mail: bytes
    ) -> Receipt:
        options = [] if mail_is_plain(envelope_from, to) else ["SMTPUTF8"]
        if options and not connection.supports_extension("smtputf8"):
            raise Permanent("the mail server takes no addresses with letters beyond ASCII")
        try:
            await connection.mail(envelope_from, options=options, encoding="utf-8")
            await connection.rcpt(to, encoding="utf-8")
        except aiosmtplib.SMTPRecipientRefused as error:
            raise refused_recipient(error.code, error.message) from error
        except aiosmtplib.SMTPResponseException as error:
            raise Temporary(_said(error.code, error.message), MISCONFIGURED) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            connection.close()
            raise Temporary(f"the connection broke: {error}") from error
        return await self._text(connection, mail)

    async def _text(self, connection: aiosmtplib.SMTP, mail: bytes) -> Receipt:
        """From here on a missing answer means that we do not know."""
        try:
            async with asyncio.timeout(self.settings.answer_timeout * 2):
                answer = await connection.data(mail, timeout=self.settings.answer_timeout)
        except aiosmtplib.SMTPDataError as error:
            if 200 <= error.code < 300:
                return Receipt(_said(error.code, error.message))
            if 400 <= error.code < 500:
                raise Temporary(_said(error.code, error.message)) from error
            if 500 <= error.code < 600:
                raise Permanent(_said(error.code, error.message)) from error
            raise Unknown(_said(error.code, error.message)) from error
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise Unknown(f"no answer after the text of the mail: {error}") from error
        return Receipt(_said(answer.code, answer.message))

    async def _connection(self) -> aiosmtplib.SMTP:
        while self._idle:
            connection, since = self._idle.pop()
            if connection.is_connected and monotonic() - since < IDLE_SECONDS:
                try:
                    await connection.rset(timeout=5)
                except (aiosmtplib.SMTPException, OSError):
                    connection.close()
                    continue
                return connection
            connection.close()
        return await self._connect()

    async def _connect(self) -> aiosmtplib.SMTP:
        settings = self.settings
        context = None
        if settings.security != "none":
            context = ssl.create_default_context(cafile=settings.ca_file)
        connection = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.username,
            password=settings.password,
            local_hostname=settings.hostname,
            timeout=settings.timeout,
            use_tls=settings.security == "tls",
            start_tls={"starttls": True, "auto": None}.get(settings.security, False),
            tls_context=context,
        )
        where = f"{settings.host}:{settings.port}"
        try:
            async with asyncio.timeout(settings.timeout * 3):
                await connection.connect()
                if connection.is_ehlo_or_helo_needed:
                    await connection.ehlo()
        except aiosmtplib.SMTPAuthenticationError as error:
            log.error("mail server refused the log-in", extra={"server": where})
            connection.close()
            raise Temporary(
                f"{where} refused user name and password", retry_after=MISCONFIGURED
            ) from error
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            connection.close()
            raise Temporary(f"{where} cannot be reached: {mask(str(error))}") from error
        return connection

    def _keep(self, connection: aiosmtplib.SMTP) -> None:
        if connection.is_connected:
            self._idle.append((connection, monotonic()))


def refused_recipient(code: int, message: str) -> Permanent | Temporary:
    """What a refusal at RCPT means.

    5xx is a bounce where it speaks of the mailbox. By its enhanced status (RFC 3463) it does not
    when that is only full (5.2.2), when our own address is refused, which many servers say no
    earlier (5.1.7, 5.1.8), or when it is the server, the protocol, our mail or us (5.3, 5.5 to
    5.7). Without one, only the codes for a mailbox or a domain that takes no mail are a bounce.
    """
    said = _said(code, message)
    if code < 500:
        return Temporary(said)
    status = _STATUS.search(message)
    if status is None:
        return Permanent(said, bounce=code in _NO_MAILBOX)
    what = f"{status[2]}.{status[3]}"
    of_another = status[2] in ("3", "5", "6", "7") or what in ("1.7", "1.8", "2.2")
    return Permanent(said, bounce=not of_another)


def mail_is_plain(*addresses: str) -> bool:
    """Whether no address needs SMTPUTF8 (RFC 6531)."""
    return all(address.isascii() for address in addresses)


def _said(code: int, message: str) -> str:
    """The server's answer, short and without addresses."""
    return mask(f"{code} {' '.join(message.split())}")[:300]
