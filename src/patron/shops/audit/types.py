"""An entry of the audit log: who, when, what, whom, from where, with what outcome."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec


class ActorKind(StrEnum):
    """Who acts: a server key, somebody at the command line, or Patron by itself."""

    KEY = "key"
    CLI = "cli"
    PATRON = "patron"


class Outcome(StrEnum):
    """What came of it. What stays at `begun` was cut short: it may have been done or not."""

    BEGUN = "begun"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


class Actor(msgspec.Struct, frozen=True):
    """Who acts. `id` is the key's or the operating system's user, `place` where from."""

    kind: ActorKind
    id: str
    name: str
    place: str = ""


PATRON = Actor(ActorKind.PATRON, "patron", "Patron")
"""Patron itself, by its own clock."""

ERASED = "erased"
"""The subject of entries about people who are erased."""


class Entry(msgspec.Struct, frozen=True):
    """`action` is a route or a command; `subject` a person (`profile:…`) or a thing (`key:…`).

    `count` is how many came back of a list, a search or an export; `detail` what was asked. Neither
    holds anything about a person but ids.
    """

    id: UUID
    at: datetime
    actor: Actor
    action: str
    change: bool
    subject: str | None = None
    outcome: Outcome = Outcome.DONE
    count: int | None = None
    detail: dict[str, Any] = {}


class Asked(msgspec.Struct, frozen=True):
    """Which entries to list; what is None does not matter. `actor` is an id or a name, `action` a
    part of one, `subjects` any of several; from `since` on, to before `until`."""

    actor: str | None = None
    action: str | None = None
    subjects: list[str] | None = None
    change: bool | None = None
    since: datetime | None = None
    until: datetime | None = None


def profile(root: UUID) -> str:
    """The subject that a person is."""
    return f"profile:{root}"
