"""Timers and mails of the demo's days, in a process of their own beside the walk.

`python -m patron.app.demo.stage.acting SHOP` reads a `Moment` a line and answers each with an
`Acted`: what was due at that moment has been fired, judged and recorded. It is what the worker
does, at a time it is told.
"""

import sys
from datetime import datetime
from typing import Any

import msgspec
import uvloop

from patron.app.context import open_signer, read_settings
from patron.app.demo.stage.calls import StageError
from patron.app.jobs import find_shop
from patron.app.sending import Sender
from patron.carts import store as carts
from patron.delivery.channels.recorded import Recorder
from patron.delivery.deps import Limits
from patron.delivery.types import Letter
from patron.events.inbox import Inbox, InboxLimits
from patron.journeys import store as journeys
from patron.journeys import tasks as journey_tasks
from patron.kit.clock import ManualClock
from patron.kit.db import Database
from patron.kit.garbage import collect_rarely
from patron.kit.log import configure
from patron.kit.settings import Settings
from patron.messages import links
from patron.messages import store as messages
from patron.shops.types import Shop

IN_FLIGHT = 64
KEPT_LETTERS = 10_000
CART_LINK = "cart"
_LINK = "/l/"


class Moment(msgspec.Struct, frozen=True):
    """Act as of `at`; what the mails tell about themselves is received at `received`, which must be
    later than the moment at which the walk looks next: timers and mails wait for the walk of what
    was received until then."""

    at: datetime
    received: datetime


class Mailed(msgspec.Struct, frozen=True):
    """A mail that was recorded: whose cart it is about (the shop's own cart id), where it went, and
    the token of its link to the cart."""

    cart_id: str
    address: str
    token: str


class Acted(msgspec.Struct, frozen=True):
    """The mails recorded at a moment, and when the next timer or message is due."""

    mails: list[Mailed]
    due: datetime | None


class Actor:
    """One shop's timers and mails. Belongs to the event loop that runs it."""

    def __init__(self, settings: Settings, url: str, shop: Shop, db: Database, start: datetime):
        self._shop = shop
        self._db = db
        self._signer = open_signer(settings)
        self._now, self._receipt = ManualClock(start), ManualClock(start)
        self.inbox = Inbox(url, self._receipt, InboxLimits(backlog_events=2**62))
        self._recorder = Recorder(KEPT_LETTERS)
        # The walk of the next events goes on meanwhile: there is nothing to wait for.
        limits = Limits(in_flight=IN_FLIGHT, settle=0.0, walk_wait=2.0)
        channels: Any = {"email": self._recorder}
        self._sender = Sender(settings, self._now, self._signer, db, self.inbox, channels, limits)

    async def act(self, moment: Moment) -> Acted:
        self._now.set(moment.at)
        self._receipt.set(moment.received)
        due = await self._next_due()
        while due is not None and due <= moment.at:
            fired = await journey_tasks.fire_due(self._db, self._shop, moment.at)
            busy = await self._sender.deliver_at(self._shop, moment.at)
            before, due = due, await self._next_due()
            if not (fired or busy or due != before):
                break
        letters, self._recorder.letters = self._recorder.letters, []
        return Acted(await self._mailed(letters) if letters else [], due)

    async def _next_due(self) -> datetime | None:
        async with self._db.unit(self._shop.schema) as tx:
            dues = [await journeys.next_due(tx), await messages.next_due(tx)]
        return min((due for due in dues if due is not None), default=None)

    async def _mailed(self, letters: list[Letter]) -> list[Mailed]:
        found = []
        async with self._db.unit(self._shop.schema) as tx:
            for letter in letters:
                token, ticket = self._cart_link(letter)
                cart = await carts.cart(tx, links.long(ticket.cart or ""))
                if cart is not None:
                    found.append(Mailed(cart.key.removeprefix("cart:"), letter.to, token))
        return found

    def _cart_link(self, letter: Letter) -> tuple[str, links.Ticket]:
        for word in letter.rendered.text.split():
            _, link, token = word.partition(_LINK)
            if link:
                ticket = links.read(self._signer, links.CLICK, token)
                if ticket.link == CART_LINK:
                    return token, ticket
        raise StageError(f"mail {letter.message_id} has no link that restores the cart")


async def serve(settings: Settings, url: str, slug: str) -> None:
    """Answer moments until the input ends."""
    shop = await find_shop(url, slug)
    actor: Actor | None = None
    async with Database(url, max_size=8, name="patron-acting") as db:
        # One line in, one line out, and nothing else to do meanwhile: plain reading will do.
        for line in sys.stdin.buffer:
            moment = msgspec.json.decode(line, type=Moment)
            actor = actor or Actor(settings, url, shop, db, moment.at)
            sys.stdout.buffer.write(msgspec.json.encode(await actor.act(moment)) + b"\n")
            sys.stdout.buffer.flush()
        if actor is not None:
            await actor.inbox.close()


def main() -> None:
    settings = read_settings()
    configure(settings.log_format, settings.log_level)
    if len(sys.argv) != 2 or settings.database_url is None:
        raise SystemExit("usage: PATRON_DATABASE_URL=… python -m patron.app.demo.stage.acting SHOP")
    collect_rarely()
    uvloop.run(serve(settings, settings.database_url, sys.argv[1]))


if __name__ == "__main__":
    main()
