"""The demo's mail server: takes every mail, keeps it, and can be told to sit on its answer."""

import asyncio
import email
import email.policy
import threading
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from patron.kit.clock import Clock

LONGEST_HOLD = 60.0  # seconds
_POLL = 0.02


class Mail:
    """A mail as it came in. `number` counts from 1 in the order of arrival."""

    def __init__(self, number: int, received_at: datetime, to: str, raw: bytes) -> None:
        self.number = number
        self.received_at = received_at
        self.to = to
        self.raw = raw
        parsed = email.message_from_bytes(raw, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        self.message = parsed

    @property
    def subject(self) -> str:
        return str(self.message["Subject"] or "(no subject)")

    @property
    def sender(self) -> str:
        return str(self.message["From"] or "")

    @property
    def html(self) -> str:
        return self._part("html")

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def headers(self) -> list[tuple[str, str]]:
        return [(name, str(value)) for name, value in self.message.items()]

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        return "" if part is None else str(part.get_content())


class Mailbox:
    """An SMTP server on a port of its own, and the mails it has taken; they outlive a restart."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._lock = threading.Lock()
        self._held = threading.Event()
        self._controller: Any = None
        self.holding = threading.Event()
        """Set while a mail has come in whose sender waits for the answer."""
        self.mails = self._kept()

    def start(self, host: str, port: int) -> None:
        from aiosmtpd.controller import Controller

        self._controller = Controller(self, hostname=host, port=port)
        self._controller.start()

    def stop(self) -> None:
        self.release()
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def hold(self) -> None:
        """From now on take mails, but do not say so."""
        self.holding.clear()
        self._held.set()

    def release(self) -> None:
        self._held.clear()

    def to(self, address: str) -> list[Mail]:
        """The mails that were addressed to `address`, oldest first."""
        return [mail for mail in self.mails if mail.to == address]

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Take a mail (a hook of aiosmtpd, on its own thread); held, the answer waits."""
        await asyncio.to_thread(self._take, envelope.rcpt_tos, envelope.content)
        if self._held.is_set():
            self.holding.set()
            async with asyncio.timeout(LONGEST_HOLD):
                while self._held.is_set():
                    await asyncio.sleep(_POLL)
        return "250 OK, in the demo's mailbox"

    def _take(self, recipients: list[str], content: bytes) -> None:
        with self._lock:
            for to in recipients:
                mail = Mail(len(self.mails) + 1, self._clock.now(), to, content)
                self._keep(mail)
                self.mails = [*self.mails, mail]

    def _keep(self, mail: Mail) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        stamp = int(mail.received_at.timestamp() * 1000)
        name = f"{mail.number:05d}-{stamp}.eml"
        content = f"X-Envelope-To: {mail.to}\r\n".encode() + mail.raw
        (self._folder / name).write_bytes(content)

    def _kept(self) -> list[Mail]:
        mails = []
        for path in sorted(self._folder.glob("*.eml")):
            number, _, stamp = path.stem.partition("-")
            head, _, raw = path.read_bytes().partition(b"\r\n")
            to = head.decode().partition(": ")[2]
            mails.append(Mail(int(number), _moment(int(stamp)), to, raw))
        return mails


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
