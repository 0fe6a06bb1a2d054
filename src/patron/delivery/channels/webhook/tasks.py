"""What the worker does for webhooks: writes down what is new, and tells it.

At least once: a delivery is ours by token and lease while it is under way, and whoever dies with it
leaves it to be told again. One person's deliveries go out one after the other; an endpoint that
fails is tried with one at a time, ever more seldom, until it answers.
"""

import asyncio
from datetime import datetime, timedelta
from secrets import randbelow
from uuid import UUID

from patron.delivery.channels.webhook import store
from patron.delivery.channels.webhook.feed import feed
from patron.delivery.channels.webhook.post import Poster
from patron.delivery.channels.webhook.schedule import PATIENCE, delay, pause
from patron.delivery.channels.webhook.signature import headers
from patron.delivery.channels.webhook.types import Claimed, Endpoint, Heard, State
from patron.kit.clock import Clock
from patron.kit.db import Database, Tx
from patron.kit.log import logger
from patron.kit.metrics import counter, gauge
from patron.kit.signing import Signer
from patron.shops.types import Shop

log = logger(__name__)

IN_FLIGHT = 8
ROUNDS = 20
LOOK_UP_SECONDS = 0.25
CLOSING_SECONDS = 3.0
LEASE = timedelta(seconds=60)
"""More than an attempt may take with everything around it."""

HEARD = counter("patron_webhook_attempts", "Attempts to tell a webhook", ["shop", "outcome"])
WAITING = gauge("patron_webhook_waiting", "Messages that wait to be told", ["shop"])


class Teller:
    """Tells the endpoints of one shop; belongs to one event loop. Each endpoint is told by a task
    of its own, so one that is slow keeps no other waiting."""

    def __init__(self, db: Database, poster: Poster, signer: Signer, clock: Clock) -> None:
        self._db = db
        self._poster = poster
        self._signer = signer
        self._clock = clock
        self._under_way: dict[UUID, asyncio.Task[bool]] = {}

    async def turn(self, shop: Shop) -> bool:
        """Write down what is new and see to it that everybody who is due is being told; whether
        there may be more to do at once."""
        now = self._clock.now()
        listening, busy = await feed(self._db, shop, now)
        WAITING.labels(shop.slug).set(sum(one.waiting for one in listening))
        for one in listening:
            if one.waiting and not _rests(one, now) and one.id not in self._under_way:
                self._under_way[one.id] = asyncio.create_task(self._tell(shop, one))
        if self._under_way:
            await asyncio.wait(
                self._under_way.values(),
                timeout=LOOK_UP_SECONDS,
                return_when=asyncio.FIRST_COMPLETED,
            )
        for endpoint_id, task in list(self._under_way.items()):
            if task.done():
                del self._under_way[endpoint_id]
                busy |= task.result()
        return busy

    async def close(self) -> None:
        """Let what is under way end, if it does so soon; the rest is told again by whoever comes
        next, when its lease is over."""
        if self._under_way:
            _, late = await asyncio.wait(self._under_way.values(), timeout=CLOSING_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def _tell(self, shop: Shop, endpoint: Endpoint) -> bool:
        """Some rounds for one endpoint, until nothing is due or it fails; whether anything was."""
        limit = 1 if endpoint.failures else IN_FLIGHT
        for number in range(ROUNDS):
            async with self._db.unit(shop.schema) as tx:
                claimed = await store.claim(tx, endpoint.id, limit, self._clock.now(), LEASE)
            if not claimed:
                return number > 0
            some = [self._tell_one(shop, endpoint, one) for one in claimed]
            if not all(await asyncio.gather(*some)):
                break
        return True

    async def _tell_one(self, shop: Shop, endpoint: Endpoint, one: Claimed) -> bool:
        """Whether the endpoint heard it."""
        now = self._clock.now()
        signed = headers(self._signer, endpoint, one.message_id, one.body, now)
        heard = await self._poster.post(endpoint.url, signed, one.body, now)
        HEARD.labels(shop.slug, "heard" if heard.ok else "not heard").inc()
        async with self._db.unit(shop.schema) as tx:
            await _settle(tx, shop, endpoint, one, heard, self._clock.now())
        return heard.ok


async def sweep(db: Database, shop: Shop, kept: timedelta, now: datetime) -> int:
    """Delete deliveries that ended long ago; how many."""
    async with db.unit(shop.schema) as tx:
        return await store.expire(tx, now, kept)


def _rests(endpoint: Endpoint, now: datetime) -> bool:
    return endpoint.paused_until is not None and endpoint.paused_until > now


async def _settle(
    tx: Tx, shop: Shop, endpoint: Endpoint, one: Claimed, heard: Heard, now: datetime
) -> None:
    """Write down what came of an attempt, and what follows from it."""
    if heard.ok:
        await store.settle(tx, one, heard, State.DELIVERED, now, now)
        await store.succeeded(tx, endpoint.id, now)
        return
    wished = timedelta(seconds=heard.retry_after or 0)
    again = max(delay(one.attempts, _luck()), wished)
    over = heard.gone or now + again - one.first_at > PATIENCE
    state = State.FAILED if over else State.WAITING
    await store.settle(tx, one, heard, state, now + again, now)
    failures, since = await store.failed(tx, endpoint.id, now)
    rest = max(pause(failures, _luck()), wished)
    if rest:
        await store.leave_alone(tx, endpoint.id, now + rest)
    if (why := _hopeless(heard, since, now)) is not None:
        await store.switch_off(tx, endpoint.id, why)
        told = {"shop": shop.slug, "webhook": endpoint.key, "reason": why}
        log.error("webhook switched off", extra=told)


def _hopeless(heard: Heard, since: datetime, now: datetime) -> str | None:
    """Why an endpoint is to be told nothing more, if it is."""
    if heard.gone:
        return "it answered 410 Gone: nobody is there any more"
    if now - since < PATIENCE:
        return None
    code = "no answer" if heard.status_code is None else str(heard.status_code)
    return (
        f"no delivery has succeeded since {since:%Y-%m-%d %H:%M} UTC; the last came to {code}:"
        f" {heard.answer[:200]}"
    )


def _luck() -> float:
    return randbelow(1_000) / 1_000
