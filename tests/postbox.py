"""A real SMTP server for tests, that can be told to misbehave."""

import email
import email.policy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

from ports import free_port
from running import HANG


class Mailbox:
    """Keeps every mail it accepted; `hold` makes it sit on its answer to the text of a mail, and
    whoever is in `later` is to be tried again later."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.later: set[str] = set()
        self.released = threading.Event()
        self.released.set()
        self.holding = threading.Event()
        self.port = free_port()

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address in self.later:
            return "451 4.3.2 come again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients += envelope.rcpt_tos
        if not self.released.is_set():
            self.holding.set()
            await server.loop.run_in_executor(None, self.released.wait, HANG)
        return "250 OK"

    @property
    def settings(self) -> dict[str, Any]:
        """What makes an installation send its mails here."""
        return {
            "smtp_host": "127.0.0.1",
            "smtp_port": self.port,
            "smtp_security": "none",
            "mail_from": "shop@acme.example",
        }

    def hold(self) -> None:
        self.holding.clear()
        self.released.clear()

    def release(self) -> None:
        self.released.set()

    def to(self, address: str) -> list[EmailMessage]:
        """The mails that were addressed to `address`."""
        pairs = zip(self.mails, self.recipients, strict=True)
        return [mail for mail, recipient in pairs if recipient == address]


@contextmanager
def mailbox(box: Mailbox | None = None) -> Iterator[Mailbox]:
    """A mailbox that listens on loopback."""
    box = box or Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=box.port, ready_timeout=60)
    controller.start()
    try:
        yield box
    finally:
        box.release()
        controller.stop()
