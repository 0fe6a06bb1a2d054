"""How the worker sends: channels, pieces of a mail, and a round of delivery a shop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from patron.app.context import inbox_limits
from patron.delivery.channels.email.signature import DkimKey
from patron.delivery.channels.email.smtp import SmtpChannel, SmtpSettings
from patron.delivery.deps import Deps, Limits
from patron.delivery.tasks import deliver_due
from patron.delivery.types import Channel
from patron.events.inbox import Inbox
from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.kit.migrate import HOUSE
from patron.kit.settings import Settings
from patron.kit.signing import Signer
from patron.messages.model import Materials, Picks
from patron.recommend.shelf import TOGETHER, Shelf, shelf_of
from patron.shops import store as shops
from patron.shops.types import Shop

# A conversation, all its answers together, ends well within the lease that covers it.
_GREETINGS, _ANSWERS = 12, 4


class Sender:
    """Delivers the messages of every shop; belongs to one event loop."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        signer: Signer,
        db: Database,
        inbox: Inbox,
        channels: dict[str, Channel],
        limits: Limits | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._signer = signer
        self._db = db
        self._inbox = inbox
        self._channels = channels
        self._limits = limits or Limits(
            in_flight=settings.send_max_in_flight,
            send_lease=timedelta(seconds=settings.send_lease_seconds),
        )
        self._shelves: dict[str, Shelf] = {}

    async def deliver(self, shop: Shop) -> bool:
        """One round of `shop`; whether there was something to do."""
        return not (await deliver_due(self._db, shop, self._deps(shop), self._clock.now())).idle

    async def deliver_at(self, shop: Shop, now: datetime) -> bool:
        """One round at `now`, for virtual time."""
        return not (await deliver_due(self._db, shop, self._deps(shop), now)).idle

    def _deps(self, shop: Shop) -> Deps:
        return Deps(
            clock=self._clock,
            inbox=self._inbox,
            materials=Materials(self._signer, self._settings.public_url, self._picks(shop)),
            channels=self._channels,
            limits=self._limits,
            newest=self._newest,
        )

    async def _newest(self, shop: Shop) -> Shop:
        async with self._db.unit(HOUSE) as tx:
            return await shops.by_slug(tx, shop.slug) or shop

    def _picks(self, shop: Shop) -> Picks:
        shelf = self._shelves.setdefault(
            shop.slug, Shelf(shelf_of(self._settings.data_dir, shop.slug), TOGETHER)
        )

        def picks(product_ids: list[str], n: int) -> list[str]:
            model = shelf.together()
            return [] if model is None else [p.product_id for p in model.picks(product_ids, n)]

        return picks


def smtp_of(settings: Settings) -> SmtpSettings | None:
    """How mails leave, or None when no mail server is set."""
    if settings.smtp_host is None:
        return None
    dkim = None
    if settings.dkim_domain and settings.dkim_selector and settings.dkim_key:
        dkim = DkimKey(settings.dkim_domain, settings.dkim_selector, settings.dkim_key)
    return SmtpSettings(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=settings.smtp_security,
        username=settings.smtp_user,
        password=settings.smtp_password,
        sender=settings.mail_from,
        sender_name=settings.mail_from_name,
        reply_to=settings.mail_reply_to,
        connections=settings.send_max_in_flight,
        timeout=settings.send_lease_seconds / _GREETINGS,
        answer_timeout=settings.send_lease_seconds / _ANSWERS,
        dkim=dkim,
    )


@asynccontextmanager
async def open_sender(
    settings: Settings, clock: Clock, signer: Signer, db: Database
) -> AsyncIterator[Sender]:
    """A Sender with every channel that is set up, closed at the end."""
    assert settings.database_url is not None
    inbox = Inbox(settings.database_url, clock, inbox_limits(settings))
    smtp = smtp_of(settings)
    mail = SmtpChannel(smtp) if smtp is not None else None
    try:
        yield Sender(settings, clock, signer, db, inbox, {} if mail is None else {"email": mail})
    finally:
        if mail is not None:
            await mail.close()
        await inbox.close()
