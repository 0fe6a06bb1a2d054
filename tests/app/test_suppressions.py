"""Suppressed addresses: brought in from a file, looked through, lifted where the shop may."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from conftest import NOON, House
from delivery.scene import customer
from patron.app.imports.suppressions import SuppressionsImported, bring
from patron.events.types import Trust
from patron.kit.db import Database, Tx
from patron.kit.problems import Problem
from patron.profiles import store as profiles
from patron.profiles.changes import store as changes
from patron.profiles.consents import suppression_store as store
from patron.profiles.consents.file import content
from patron.profiles.consents.lifting import lift
from patron.profiles.consents.suppression_store import Wanted
from patron.profiles.erasure import store as erasure
from patron.profiles.types import ConsentState, ConsentWord, Suppression, SuppressionReason

MANUAL, SAID_NO = SuppressionReason.MANUAL, SuppressionReason.UNSUBSCRIBE


def brought(house: House, path: Path, **more: Any) -> SuppressionsImported:
    given: dict[str, Any] = {"channel": "email", "reason": MANUAL, "now": NOON} | more
    return house.run(lambda db: bring(db, house.acme, path, **given))


def listed(house: House, **wanted: str) -> dict[str, Suppression]:
    found = house.unit(lambda tx: store.listed(tx, Wanted(**wanted), None, 1_000))
    return {one.address_key: one for one in found}


def yes(house: House, key: str, at: datetime) -> None:
    said = ConsentWord(
        address_key=key, channel="email", purpose="marketing", state=ConsentState.GRANTED, at=at,
        source="api", trust=Trust.SERVER,
    )  # fmt: skip
    house.unit(lambda tx: profiles.set_consent(tx, said, at))


def test_a_list_of_another_program_is_brought_in_once(house: House, tmp_path: Path) -> None:
    file = tmp_path / "suppressions.csv"
    file.write_bytes(
        b"Email;Reason;Date;Note\r\n"
        b"Anna@Example.com;Unsubscribed;2026-02-01 10:00;old shop\r\n"
        b"bert@example.com;spam;01.02.2026;\r\n"
        b"cleo@example.com;cleaned;2026-01-05;M\xc3\x83\xc2\xbcller sagt nein\r\n"
        b"not an address;bounced;2026-01-05;\r\n"
        b"dora@example.com;because;yesterday;=1+1\r\n"
        b"anna@example.com;unsubscribed;2026-02-01 10:00;twice\r\n"
        b";unsubscribed;2026-02-01;\r\n"
    )
    report = tmp_path / "faults.csv"
    first = brought(house, file, report=report)
    assert (first.rows, first.added, first.known, first.invalid) == (7, 4, 1, 2)
    assert first.repaired == 1
    assert [(f.row, f.column, f.value) for f in first.faults] == [
        (3, "at", "01.02.2026"), (5, "address", "not an address"), (6, "reason", "because"),
        (6, "at", "yesterday"), (8, "address", ""),
    ]  # fmt: skip
    assert report.read_text("utf-8").count("\n") == 6
    kept = listed(house)
    assert {key: str(one.reason) for key, one in kept.items()} == {
        "anna@example.com": "unsubscribe", "bert@example.com": "complaint",
        "cleo@example.com": "hard_bounce", "dora@example.com": "manual",
    }  # fmt: skip
    # The shop's time zone, five hours behind in winter.
    assert kept["anna@example.com"].at == datetime(2026, 2, 1, 15, tzinfo=UTC)
    assert kept["cleo@example.com"].source == "Müller sagt nein"
    again = brought(house, file, now=NOON + timedelta(days=1))
    assert (again.added, again.known, again.invalid) == (0, 5, 2)
    assert listed(house) == kept


def test_one_address_a_line_is_a_list_too(house: House, tmp_path: Path) -> None:
    file = tmp_path / "bare.txt"
    file.write_text("anna@example.com\nbert@example.com\n")
    done = brought(house, file, reason=SAID_NO)
    assert (done.rows, done.added) == (2, 2)
    assert set(listed(house, reason="unsubscribe")) == {"anna@example.com", "bert@example.com"}
    file.write_text("phone\n(415) 555-2671\n")
    assert brought(house, file, channel="sms").added == 1
    assert set(listed(house, channel="sms")) == {"+14155552671"}
    file.write_text("name,city\nAnna,Hollin\n")
    with pytest.raises(Problem, match="holds addresses"):
        brought(house, file)
    with pytest.raises(Problem, match="does not exist"):
        brought(house, tmp_path / "nowhere.csv")


def test_an_old_unsubscription_is_outweighed_by_a_later_yes(house: House, tmp_path: Path) -> None:
    yes(house, "anna@example.com", NOON - timedelta(days=1))
    file = tmp_path / "old.csv"
    file.write_text("email,reason,at\nanna@example.com,unsubscribe,2026-01-01\n")
    assert (brought(house, file).added, listed(house)) == (0, {})
    file.write_text("email,reason,at\nanna@example.com,unsubscribe,2026-03-02\n")
    assert brought(house, file).added == 1


def test_what_is_exported_comes_in_again_as_it_was(house: House, tmp_path: Path) -> None:
    async def fill(tx: Tx) -> None:
        for number in range(5):
            key = f"n{number}@x.example"
            at = NOON - timedelta(days=number)
            await profiles.suppress(tx, "email", key, "manual", at, "=HYPERLINK()")

    async def written(db: Database) -> bytes:
        return b"".join([part async for part in content(db, house.acme, Wanted())])

    house.unit(fill)
    file = tmp_path / "out.csv"
    file.write_bytes(house.run(written))
    assert "'=HYPERLINK()" in file.read_text("utf-8")
    before = listed(house)
    house.unit(lambda tx: drop(tx))
    assert brought(house, file).added == 5
    after = listed(house)
    assert {k: (v.reason, v.at) for k, v in after.items()} == {
        k: (v.reason, v.at) for k, v in before.items()
    }


async def drop(tx: Tx) -> None:
    for number in range(5):
        await lift(tx, "email", f"n{number}@x.example", MANUAL, "test", NOON)


async def noted(tx: Tx) -> list[UUID]:
    return sorted(await changes.take(tx, await changes.waiting(tx, 10)))


def test_who_is_suppressed_or_lifted_is_looked_at_again(house: House, tmp_path: Path) -> None:
    anna = house.unit(lambda tx: customer(tx, house, "anna", "anna@example.com"))
    house.unit(noted)
    file = tmp_path / "one.csv"
    file.write_text("email\nanna@example.com\n")
    brought(house, file)
    assert house.unit(noted) == [anna]
    house.unit(lambda tx: lift(tx, "email", "anna@example.com", MANUAL, "by mistake", NOON))
    assert house.unit(noted) == [anna]


def test_her_own_word_is_lifted_by_a_newer_one_of_hers_alone(house: House) -> None:
    key = "anna@example.com"

    async def fill(tx: Tx) -> None:
        await customer(tx, house, "anna", key)
        for reason in SuppressionReason:
            await profiles.suppress(tx, "email", key, reason, NOON, "test")

    def lifted(reason: SuppressionReason) -> Suppression:
        later = NOON + timedelta(hours=3)
        return house.unit(lambda tx: lift(tx, "email", key, reason, "she rang us", later))

    house.unit(fill)
    assert lifted(SuppressionReason.HARD_BOUNCE).address_key == key
    with refused("nothing lifts this"):
        lifted(SuppressionReason.ERASED)
    for reason in (SAID_NO, SuppressionReason.COMPLAINT):
        with refused("only a newer yes of hers lifts it"):
            lifted(reason)
    yes(house, key, NOON + timedelta(hours=1))  # lifts the unsubscription by itself
    lifted(SuppressionReason.COMPLAINT)
    with pytest.raises(Problem, match="complaint"):
        lifted(SuppressionReason.COMPLAINT)
    assert {str(one.reason) for one in house.unit(lambda tx: every(tx, key))} == {
        "manual", "erased"
    }  # fmt: skip
    kept = house.unit(exported)
    assert [one["why"] for one in kept["suppressions_lifted"]] == ["she rang us"] * 2
    house.unit(lambda tx: forget(tx, house))
    assert house.unit(lambda tx: store.lifted_of(tx, [key])) == []


async def exported(tx: Tx) -> dict[str, Any]:
    root = await profiles.find(tx, "user_id:anna")
    assert root is not None
    return await erasure.export(tx, root) or {}


async def forget(tx: Tx, house: House) -> None:
    root = await profiles.find(tx, "user_id:anna")
    assert root is not None
    await erasure.erase(tx, root, house.signer, NOON)


async def every(tx: Tx, key: str) -> list[Suppression]:
    return await store.listed(tx, Wanted(address_key=key), None, 10)


@contextmanager
def refused(remedy: str) -> Iterator[None]:
    with pytest.raises(Problem) as wrong:
        yield
    assert wrong.value.document.status == 409
    assert remedy in (wrong.value.document.remedy or "")
