"""A real SMTP server in a thread, and one that misbehaves as told."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from patron.delivery.channels.email.smtp import SmtpSettings
from ports import free_port


class Mailbox:
    """Keeps what it is given. `refuse` answers recipients; `hold` blocks the answer after DATA."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, bytes]] = []
        self.sessions = 0
        self.refuse: dict[str, str] = {}
        self.data_answer = "250 2.0.0 Ok: queued as 4F1A"
        self.hang_up = False
        self.hold = threading.Event()
        self.hold.set()
        self.got_text = threading.Event()
        self.port = 0

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's names
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        self.sessions += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        answer = self.refuse.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.got_text.set()
        if self.hang_up:
            assert server.transport is not None
            server.transport.close()
            return "250 never heard"
        while not self.hold.is_set():
            await asyncio.sleep(0.01)
        if self.data_answer.startswith("2"):
            assert isinstance(envelope.content, bytes)
            self.mails.append((envelope.rcpt_tos[0], envelope.content))
        return self.data_answer

    @property
    def recipients(self) -> list[str]:
        return [to for to, _ in self.mails]

    def parsed(self, index: int = -1) -> Message:
        return message_from_bytes(self.mails[index][1])

    def text(self) -> str:
        """The plain-text part of the last mail."""
        return self._part(0, "text/plain")

    def page(self) -> str:
        """The HTML part of the last mail."""
        return self._part(1, "text/html")

    def _part(self, index: int, kind: str) -> str:
        parts: Any = self.parsed().get_payload()
        assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
        assert parts[index].get_content_type() == kind
        return str(parts[index].get_payload(decode=True).decode()).replace("\r\n", "\n")

    def settings(self, **changes: Any) -> SmtpSettings:
        given: dict[str, Any] = {
            "security": "none",
            "sender": "shop@acme.example",
            "timeout": 5.0,
        } | changes
        return SmtpSettings(host="127.0.0.1", port=self.port, **given)


@contextmanager
def mailbox(**more: Any) -> Iterator[Mailbox]:
    """`more` is aiosmtpd's: certificates, who may log in."""
    box = Mailbox()
    box.port = free_port()
    controller = Controller(
        box, hostname="127.0.0.1", port=box.port, enable_SMTPUTF8=True, ready_timeout=60, **more
    )
    controller.start()
    try:
        yield box
    finally:
        box.hold.set()
        controller.stop()
