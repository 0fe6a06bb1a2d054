"""Lists of addresses that must get nothing more, out of files that other programs wrote."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from patron.app.imports.reading.encoding import Mended, Survey, survey
from patron.app.imports.reading.faults import Fault, Faults
from patron.app.imports.reading.tables import Row, Table, open_table
from patron.app.imports.reading.values import cell, moment
from patron.kit.db import Database
from patron.kit.problems import bad_request
from patron.profiles.consents import suppression_store as store
from patron.profiles.consents.addressing import key_or_none
from patron.profiles.types import Suppression, SuppressionReason
from patron.shops.types import Shop

AT_ONCE = 1_000
_ADDRESS = (
    "email",
    "e-mail",
    "email address",
    "address",
    "mail",
    "phone",
    "telephone",
    "recipient",
)
_REASON = ("reason", "type", "status", "cause")
_AT = (
    "at",
    "date",
    "created",
    "created_at",
    "unsubscribed_at",
    "suppressed_at",
    "timestamp",
    "time",
)
_NOTE = ("note", "source", "comment", "details")
_REASONS = {
    SuppressionReason.UNSUBSCRIBE: ("unsubscribe", "unsubscribed", "optout", "opt-out", "opt_out"),
    SuppressionReason.COMPLAINT: ("complaint", "complained", "spam", "abuse", "spam_complaint"),
    SuppressionReason.HARD_BOUNCE: (
        "hard_bounce",
        "bounce",
        "bounced",
        "hard",
        "cleaned",
        "invalid",
    ),
    SuppressionReason.MANUAL: ("manual", "blocked", "suppressed", "admin", "user_suppressed"),
}
_KNOWN = {word: reason for reason, words in _REASONS.items() for word in words}
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)


class SuppressionsImported(msgspec.Struct, frozen=True):
    """What came of a file: `added` are on the list now and were not before; `known` were, or she
    has said yes since; `invalid` rows hold no address. `faults` are the first twenty."""

    rows: int
    added: int
    known: int
    invalid: int
    repaired: int
    faults: list[Fault]
    report: str | None = None


async def bring(
    db: Database,
    shop: Shop,
    path: Path,
    channel: str,
    reason: SuppressionReason,
    now: datetime,
    report: Path | None = None,
) -> SuppressionsImported:
    """Add the addresses in `path` to the list; the same file again adds nothing.

    `reason` is for rows that name none. Raises Problem 400 for a file that is no table.
    """
    seen = _surveyed(path)
    table = open_table(path, seen)
    faults, mended = Faults(report), Mended()
    reading = _Reading(table, shop, channel, reason, now, faults)
    rows = chain(reading.headless, table.rows(mended, faults))
    count = added = 0
    while part := list(islice(rows, AT_ONCE)):
        stops = list(reading.stops(part))
        count += len(part)

        added += await db.run(shop.schema, partial(store.add, stops=stops, now=now))
    faults.close()
    return SuppressionsImported(
        rows=count,
        added=added,
        known=count - reading.invalid - added,
        invalid=reading.invalid,
        repaired=mended.texts + mended.bytes,
        faults=faults.examples,
        report=None if faults.report is None else str(faults.report),
    )


def _surveyed(path: Path) -> Survey:
    if not path.is_file():
        raise bad_request(f"file {path} does not exist", remedy="check the path")
    try:
        return survey(path)
    except (OSError, EOFError) as error:
        raise bad_request(f"file {path} cannot be read: {error}", remedy="copy it again") from error


class _Reading:
    """Reads rows; a file without a header, a bare list of addresses, is one too."""

    def __init__(
        self,
        table: Table,
        shop: Shop,
        channel: str,
        reason: SuppressionReason,
        now: datetime,
        faults: Faults,
    ) -> None:
        self.invalid = 0
        self.headless: list[Row] = []
        self._channel, self._reason, self._now, self._faults = channel, reason, now, faults
        self._region, self._zone = shop.settings.phone_region, ZoneInfo(shop.time_zone)
        names = [name.strip().lower() for name in table.columns]
        address = next((names.index(one) for one in _ADDRESS if one in names), None)
        if address is None:
            address = next((i for i, one in enumerate(table.columns) if self._key(one)), None)
            if address is not None:
                self.headless = [(1, table.columns)]
        if address is None:
            raise bad_request(
                f"no column of {names[:10]} holds addresses",
                remedy="call it `email` or `phone`, or give a file with one address a line",
            )
        self._address = cell(address)
        self._told, self._at, self._note = (
            cell(next((names.index(one) for one in wanted if one in names), None))
            for wanted in (_REASON, _AT, _NOTE)
        )

    def stops(self, rows: Sequence[Row]) -> Iterator[Suppression]:
        """The suppressions in these rows; what cannot be read is a fault."""
        for number, cells in rows:
            given = self._address(cells)
            key = None if given is None else self._key(str(given))
            if key is None:
                self.invalid += 1
                remedy = "correct the address, or leave the row out"
                self._faults.add(number, "address", given, "is no address", remedy)
                continue
            source = str(self._note(cells) or "import")[:2_000]
            reason, at = self._why(number, cells), self._when(number, cells)
            yield Suppression(self._channel, key, reason, at, source)

    def _key(self, given: str) -> str | None:
        return key_or_none(given, self._channel, self._region)

    def _why(self, number: int, cells: Sequence[Any]) -> SuppressionReason:
        told = self._told(cells)
        if told is None:
            return self._reason
        found = _KNOWN.get(str(told).strip().lower().replace(" ", "_"))
        if found is None:
            remedy = f"it counts as {self._reason}; the reasons are {', '.join(_REASONS)}"
            self._faults.add(number, "reason", told, "is no reason we know", remedy)
        return found or self._reason

    def _when(self, number: int, cells: Sequence[Any]) -> datetime:
        told = self._at(cells)
        if told is None:
            return self._now
        read = moment(told, None)
        if read is not None:
            read = read if read.tzinfo else read.replace(tzinfo=self._zone)
            if EARLIEST <= read <= self._now:
                return read.astimezone(UTC)
        remedy = "it counts from now; write it as 2026-03-02"
        self._faults.add(number, "at", told, "is no time in the past", remedy)
        return self._now
