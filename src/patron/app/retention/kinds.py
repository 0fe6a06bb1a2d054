"""Every kind of data that does not stay for ever, with its setting, and what is lost with it."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from patron.app.care.forgetting import from_the_rooms
from patron.app.retention import files
from patron.carts import retention_store as old_carts
from patron.events import walk_store
from patron.events.refused import store as refused
from patron.events.tasks import month_of
from patron.journeys import retention_store as old_runs
from patron.kit.db import Tx
from patron.kit.settings import Settings
from patron.messages import retention_store as old_messages
from patron.profiles import retention_store as strangers
from patron.profiles import store as profiles
from patron.profiles.changes import store as changed
from patron.profiles.erasure import store as erasure
from patron.segments.last import store as last_words
from patron.shops.audit import store as audit
from patron.shops.retention import store as retention

Unit = Literal["hours", "days", "months"]
Step = Callable[[Tx, datetime, int], Awaitable[int]]
Oldest = Callable[[Tx], Awaitable[datetime | None]]


class Kind(msgspec.Struct, frozen=True):
    """A kind of data: for how many `unit` it is kept (0: for ever), by which setting if any.

    `step` takes what is older than a moment, up to so many rows, in one transaction; without one it
    goes by other work, which `by` names. `lost` says what is missing afterwards.
    """

    name: str
    what: str
    lost: str
    unit: Unit
    setting: str | None
    kept: Callable[[Settings], int]
    oldest: Oldest | None = None
    step: Step | None = None
    batch: int = 1_000
    folder: str | None = None
    by: str = "every hour"

    def before(self, settings: Settings, now: datetime) -> datetime | None:
        """The moment before which it goes; None when it stays for ever."""
        kept = self.kept(settings)
        if not kept:
            return None
        if self.unit == "months":
            return _months_ago(now, kept)
        return now - (timedelta(days=kept) if self.unit == "days" else timedelta(hours=kept))


def _months_ago(now: datetime, months: int) -> datetime:
    """The same day and hour so many months before; the month's last day where it has no such."""
    first = month_of(now.date(), -months)
    last = (month_of(first, 1) - timedelta(days=1)).day
    return now.replace(year=first.year, month=first.month, day=min(now.day, last))


async def _forget_strangers(tx: Tx, before: datetime, limit: int) -> int:
    """Forget visitors without a name, in every room; no keyed hash of them stays."""
    found = await strangers.strangers(tx, before, limit)
    # Looked at again when nobody can become known any more; to find them takes longer than that.
    await profiles.lock_people(tx)
    gone = 0
    for root in await strangers.still_strangers(tx, found, before):
        erased = await erasure.erase(tx, root, None, before)
        if erased is not None:
            await from_the_rooms(tx, erased.origins)
            await audit.forget(tx, erased.origins)
            gone += 1
    return gone


async def _forget_last_words(tx: Tx, before: datetime, limit: int) -> int:
    """Whoever's word went is asked again: she may be in a segment by it."""
    origins = await last_words.expire(tx, before, limit)
    await changed.note(tx, sorted(set(origins)), before)
    return len(origins)


async def _oldest_trace(tx: Tx) -> datetime | None:
    found = await retention.traces(tx)
    return None if found is None else found.since


KINDS: list[Kind] = [
    Kind(
        "events",
        "events in PostgreSQL, by month",
        "timelines, exports and conditions reach no further; the lake has them still",
        "months",
        "event_retention_months",
        lambda settings: settings.event_retention_months,
        oldest=walk_store.oldest_month,
        by="every minute, once the lake has the month",
    ),
    Kind(
        "last_words",
        "where a visit or an order was last, and which variant of an experiment was shown",
        "conditions about places and variants do not know her any more, unless traits tell",
        "months",
        "event_retention_months",
        lambda settings: settings.event_retention_months,
        oldest=last_words.oldest,
        step=_forget_last_words,
        batch=10_000,
    ),
    Kind(
        "lake",
        "events in the lake, by month",
        "they are gone for good: conditions over all time and models count without them",
        "months",
        "lake_retention_months",
        lambda settings: settings.lake_retention_months,
        folder="lake/events",
        by="with the lake's next copy, at least daily",
    ),
    Kind(
        "raw_calls",
        "calls as they came, with IP address and User-Agent",
        "nothing: what is understood of them is in the log",
        "hours",
        None,
        lambda _: 1,
        oldest=walk_store.oldest_call,
        by="every minute, once they are walked",
    ),
    Kind(
        "rejected",
        "refused events with their payload",
        "they cannot be run again",
        "days",
        "rejected_retention_days",
        lambda settings: settings.rejected_retention_days,
        oldest=lambda tx: refused.oldest(tx, "rejected"),
        by="every minute",
    ),
    Kind(
        "dead_letters",
        "events that made the walk fail",
        "they cannot be run again",
        "days",
        "dead_letter_retention_days",
        lambda settings: settings.dead_letter_retention_days,
        oldest=lambda tx: refused.oldest(tx, "dead-letter"),
        step=refused.expire_letters,
    ),
    Kind(
        "messages",
        "address, story and content of ended messages",
        "why a message was sent or not; results stay",
        "months",
        "message_retention_months",
        lambda settings: settings.message_retention_months,
        oldest=old_messages.oldest,
        step=old_messages.empty,
    ),
    Kind(
        "runs",
        "story and context of ended runs of journeys",
        "why a run went as it did; results stay",
        "months",
        "message_retention_months",
        lambda settings: settings.message_retention_months,
        oldest=old_runs.oldest,
        step=old_runs.empty,
    ),
    Kind(
        "carts",
        "closed carts",
        "what was in them; orders stay",
        "months",
        "cart_retention_months",
        lambda settings: settings.cart_retention_months,
        oldest=old_carts.oldest_closed,
        step=old_carts.delete_closed,
    ),
    Kind(
        "anonymous",
        "visitors without a name who have not come back",
        "who comes back is new; the lake keeps what they did, under an id that leads nowhere",
        "months",
        "anonymous_retention_months",
        lambda settings: settings.anonymous_retention_months,
        oldest=strangers.oldest_stranger,
        step=_forget_strangers,
        batch=50,
    ),
    Kind(
        "audit",
        "the audit log",
        "who read or changed what before then cannot be told any more",
        "months",
        "audit_retention_months",
        lambda settings: settings.audit_retention_months,
        oldest=audit.oldest,
        step=audit.expire,
    ),
    Kind(
        "webhooks",
        "what webhooks were told, and what was answered",
        "it cannot be shown, or told once more",
        "days",
        "webhook_history_days",
        lambda settings: settings.webhook_history_days,
        by="every minute",
    ),
    Kind(
        "sessions",
        "visitors' sessions, under a hash",
        "nothing: a visit is long over by then",
        "days",
        None,
        lambda _: 3,
        oldest=walk_store.oldest_visitor,
    ),
    Kind(
        "import_reports",
        "reports and standings of imports",
        "which rows had faults; the same file is read anew and adds nothing twice",
        "days",
        "import_report_retention_days",
        lambda settings: settings.import_report_retention_days,
        folder="imports",
    ),
    Kind(
        "uploads",
        "files that were sent to fill a list, and what came of them",
        "what came of one cannot be looked up; a file that was not imported is sent again",
        "days",
        None,
        lambda _: 7,
        by="every minute; a day after it was sent if it was only looked at",
    ),
    Kind(
        "cut_files",
        "events that a restore cut off, as files",
        "who has not imported them has lost them",
        "days",
        "cut_file_retention_days",
        lambda settings: settings.cut_file_retention_days,
        folder="cut",
    ),
    Kind(
        "erasure_traces",
        "deleted rows of erased people in PostgreSQL's files and its write-ahead log",
        "nothing",
        "hours",
        "erasure_rewrite_hour",
        lambda _: 48,
        oldest=_oldest_trace,
        by="in the shop's night",
    ),
]
"""In the order in which the owner should meet them."""


def files_of(kind: Kind, data_dir: Path, slug: str) -> files.Files | None:
    """The files of a kind that is kept in files."""
    if kind.folder is None:
        return None
    return files.Files(data_dir / "shops" / slug / kind.folder)
