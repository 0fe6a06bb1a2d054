"""`patron doctor`: every part looked at, each finding with its remedy."""

import asyncio
import os
import shutil
from datetime import timedelta

import psycopg
from psycopg_pool import PoolTimeout

from patron.app.answering.knocking import answers
from patron.app.care import asking, ready, segmented
from patron.app.care.finding import Finding
from patron.app.feeds import reading
from patron.app.installing import LIBRARY
from patron.app.rooms import unapplied
from patron.app.sending import smtp_of
from patron.app.webhooks import hearing
from patron.carts import store as carts
from patron.carts.types import Silence
from patron.delivery.channels.email.smtp import SmtpChannel
from patron.delivery.gate import quiet_until
from patron.delivery.types import Letter, Permanent, Temporary, Unknown
from patron.events import store as events
from patron.events.lake import copying
from patron.events.lake import store as lake_store
from patron.kit.clock import Clock
from patron.kit.db import Database, tuples, value
from patron.kit.ids import new_id
from patron.kit.lake import lake_of
from patron.kit.migrate import HOUSE
from patron.kit.settings import Settings, unknown_variables
from patron.messages import store as messages
from patron.messages.restored import store as after_restore
from patron.messages.types import Rendered, State
from patron.shops import store as shops
from patron.shops.types import Mode, Shop

OLDEST_POSTGRES = 150000
FREE_BYTES = 2 << 30
OLD_XMIN = timedelta(minutes=10)
BEHIND = timedelta(seconds=5)


async def examine(
    settings: Settings, db: Database, clock: Clock, mail_to: str | None
) -> list[Finding]:
    """Look at everything; sends a test mail to `mail_to`, if that is given."""
    found = [*_variables(), *_disk(settings), *_library(settings)]
    found += await asyncio.to_thread(_serving, settings)
    try:
        found += await _database(db)
    except (psycopg.Error, PoolTimeout) as error:
        return without_database(settings, str(error).strip())
    async with db.unit(HOUSE) as tx:
        every = await shops.every(tx)
    if not every:
        found.append(Finding("shops", "warning", "there is no shop yet", "run `patron init`"))
    for shop in every:
        found += await _shop(settings, db, clock, shop)
    return [*found, *await _mail(settings, clock, every, mail_to)]


def without_database(settings: Settings, why: str) -> list[Finding]:
    """What can be looked at while the database does not answer."""
    remedy = "is it running? check database_url, or the log in the data folder's postgres/log"
    found = [*_variables(), *_disk(settings), *_library(settings)]
    return [*found, Finding("database", "failed", why, remedy)]


def _serving(settings: Settings) -> list[Finding]:
    where = f"{settings.listen_host}:{settings.listen_port}"
    if answers(settings):
        return [Finding("patron", "ok", f"takes calls on {where}")]
    remedy = "start it: `patron serve`; if it runs, see its log"
    return [Finding("patron", "warning", f"takes no calls on {where}", remedy)]


def _variables() -> list[Finding]:
    return [
        Finding("settings", "warning", f"{name} is no setting", f"did you mean {meant}?")
        for name, meant in unknown_variables(os.environ)
    ] or [Finding("settings", "ok", "all are understood")]


def _disk(settings: Settings) -> list[Finding]:
    free = shutil.disk_usage(settings.data_dir).free
    detail = f"{free / (1 << 30):.1f} GB free in {settings.data_dir}"
    if free < FREE_BYTES:
        return [Finding("disk", "warning", detail, "make room: a full disk stops the walk")]
    return [Finding("disk", "ok", detail)]


def _library(settings: Settings) -> list[Finding]:
    folder = settings.browser_library or settings.data_dir / LIBRARY
    if (folder / "standalone.js").exists():
        return [Finding("browser library", "ok", str(folder))]
    remedy = (
        f"npm install --prefix {settings.data_dir / LIBRARY.parents[4]} @segment/analytics-next"
        " (pages need it; servers do not)"
    )
    return [Finding("browser library", "warning", f"{folder} holds none", remedy)]


async def _database(db: Database) -> list[Finding]:
    async with db.session() as tx:
        version = int(await value(tx, "SHOW server_version_num"))
        oldest = await tuples(
            tx,
            "SELECT pid, clock_timestamp() - xact_start FROM pg_stat_activity"
            " WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend' ORDER BY xact_start LIMIT 1",
        )
        fsync = await value(tx, "SHOW fsync")
    name = f"PostgreSQL {version // 10000}.{version % 10000}"
    found = [Finding("database", "ok", name)]
    if version < OLDEST_POSTGRES:
        found = [Finding("database", "failed", name, "Patron needs PostgreSQL 15 or newer")]
    if fsync != "on":
        remedy = "set fsync = on: a power cut would lose acknowledged events"
        found.append(Finding("database", "failed", "fsync is off", remedy))
    if oldest and oldest[0][1] > OLD_XMIN:
        pid, age = oldest[0]
        remedy = f"end it (SELECT pg_terminate_backend({pid})): it keeps old rows from being reused"
        found.append(
            Finding("database", "warning", f"connection {pid} holds a transaction {age}", remedy)
        )
    left = await unapplied(db)
    if left:
        remedy = "run `patron upgrade`, or start `patron serve`"
        found.append(Finding("schema", "failed", f"not applied: {', '.join(left)}", remedy))
    else:
        found.append(Finding("schema", "ok", "up to date"))
    return found


async def _shop(settings: Settings, db: Database, clock: Clock, shop: Shop) -> list[Finding]:
    now = clock.now()
    async with db.unit(shop.schema) as tx:
        lag = await events.lag(tx, now)
        acting = await events.acting_waits(tx)
        silence = await carts.feed_silence(tx, now)
        ordered = await carts.any_order(tx)
        counts = await messages.counts(tx)
        restored_at = await after_restore.last(tx)
        state = await lake_store.state(tx)
        cut = await copying.restored_at(tx, lake_of(settings.data_dir, shop.slug), state)
        told = [
            *await hearing.of_shop(tx, shop),
            *await asking.of_shop(tx, shop),
            *await segmented.of_shop(tx, shop),
            *await reading.of_shop(tx, shop),
        ]
    found = []
    name = f"{shop.slug}: walk"
    if lag > BEHIND:
        remedy = "is the worker running? see the log of `patron serve`"
        found.append(Finding(name, "failed", f"{lag.total_seconds():.0f} s behind", remedy))
    else:
        found.append(Finding(name, "ok", f"log position {state.position}"))
    if acting:
        remedy = "see the log for what was raised; it is tried again by itself"
        found.append(
            Finding(name, "warning", f"{acting} batches wait for segments or journeys", remedy)
        )
    name = f"{shop.slug}: lake"
    if cut is not None:
        remedy = (
            "the database was restored: `patron lake copy` cuts the lake back to it and keeps what"
            " it cuts off as a file for `patron import events`"
        )
        found.append(Finding(name, "failed", f"knows more than the log ({cut})", remedy))
    else:
        found.append(Finding(name, "ok", f"{state.position - state.lake_position} events to copy"))
    if state.position:
        found += _orders(shop, silence, ordered)
    if doubtful := counts.get(State.AMBIGUOUS, 0):
        remedy = "`patron message list --state ambiguous`, then `patron message resolve`"
        detail = f"{doubtful} of which nobody knows whether they went out"
        found.append(Finding(f"{shop.slug}: messages", "warning", detail, remedy))
    if restored_at is not None:
        until = quiet_until(restored_at, shop.settings.marketing_hours_between)
        if now < until:
            detail = (
                f"restored on {restored_at:%Y-%m-%d %H:%M}; marketing waits until"
                f" {until:%Y-%m-%d %H:%M} UTC"
            )
            remedy = (
                "nothing to do: what left shortly before the restore is not known, so caps wait"
            )
            found.append(Finding(f"{shop.slug}: restore", "warning", detail, remedy))
    mode = "messages go to customers"
    if shop.mode is Mode.REHEARSAL:
        mode = f"rehearsal: messages go to {shop.owner_email}"
    found.append(Finding(f"{shop.slug}: mode", "ok", mode))
    return [*found, *told, *ready.of_shop(settings, shop)]


def _orders(shop: Shop, silence: Silence | None, ordered: bool) -> list[Finding]:
    name = f"{shop.slug}: orders"
    if silence is not None:
        detail = f"no order since {silence.last_order_at:%Y-%m-%d %H:%M} UTC"
        remedy = "check the shop's order feed; cart mails wait until orders come again"
        return [Finding(name, "warning", detail, remedy)]
    if ordered:
        return []
    remedy = (
        f"send “{shop.settings.metrics.get('revenue', 'Order Completed')}”, or name your event:"
        " metrics.revenue in the shop's settings"
    )
    detail = "no order has ever come in: every cart looks abandoned"
    return [Finding(name, "warning", detail, remedy)]


async def _mail(
    settings: Settings, clock: Clock, every: list[Shop], mail_to: str | None
) -> list[Finding]:
    smtp = smtp_of(settings)
    if smtp is None:
        remedy = "set smtp_host and mail_from in patron.toml"
        return [Finding("mail", "warning", "no mail server is set; nothing leaves", remedy)]
    if mail_to is None or not every:
        return [Finding("mail", "ok", f"{smtp.host}:{smtp.port}, not tried")]
    text = "Patron can send mail. You asked for this test with `patron doctor`."
    letter = Letter(
        message_id=new_id(),
        to=mail_to,
        rendered=Rendered("Patron: a test mail", text, f"<p>{text}</p>", text),
        written_at=clock.now(),
        journey="doctor",
        template="test",
    )
    channel = SmtpChannel(smtp)
    try:
        receipt = await channel.send(every[0], letter)
    except (Permanent, Temporary, Unknown) as error:
        remedy = "check smtp_host, smtp_port, smtp_security, smtp_user and smtp_password"
        return [Finding("mail", "failed", f"{smtp.host}:{smtp.port}: {error}", remedy)]
    finally:
        await channel.close()
    return [Finding("mail", "ok", f"test mail to {mail_to} accepted: {receipt.provider_id}")]
