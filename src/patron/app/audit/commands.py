"""What commands write into the audit log: the one place, where a command opens its house."""

import os
import pwd
import socket
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import datetime
from enum import Enum
from functools import wraps
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import typer

from patron.app.audit.notes import PERSON, PLAIN, TEXT, THINGS, Note
from patron.app.audit.trail import write
from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.kit.ids import id_at
from patron.kit.migrate import HOUSE
from patron.kit.problems import Problem
from patron.shops import store as shops
from patron.shops.audit import store
from patron.shops.audit.types import Actor, ActorKind, Entry, Outcome
from patron.shops.types import Shop

IMPERSONAL = frozenset(
    {
        "doctor", "bench", "demo", "shop list", "key list", "lake status", "journey list",
        "journey results", "profile tags", "trait list", "prediction list", "feed list",
        "feed report",
        "recommend placements", "recommend results", "recommend report",
    }
)  # fmt: skip
"""Commands that tell nothing of any one person and change nothing that is kept."""

READING = frozenset(
    {
        "show", "export", "list", "all", "of", "members", "search", "similar", "why", "history",
        "tail", "rejected", "sql", "preview", "explain", "identity-secret", "audit", "backup",
        "tags", "try", "batch",
    }
)  # fmt: skip
"""Last words of commands that only read. Any other command counts as a change."""

_SKIPPED = ("as_json", "shop", "yes")


class Book:
    """What one command writes down: a line in each shop it opens, or in all."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._command, self._given = _running.get()
        self._notes: list[Note] = []

    @property
    def closed(self) -> bool:
        """Whether this command is not written down at all."""
        return self._command is None or self._command in IMPERSONAL

    async def begin(self, db: Database, shop: Shop) -> None:
        """Write down that the command begins in `shop`; on disk when it returns."""
        if self.closed or any(note.shop.id == shop.id for note in self._notes):
            return
        note = self._note(shop, Outcome.BEGUN)
        try:
            async with db.unit(shop.schema) as tx:
                await write(tx, shop, [note])
        except psycopg.errors.UndefinedTable as error:
            raise Problem(
                409,
                "Older tables",
                f"the tables of shop {shop.slug} are older than this Patron: no audit log is there",
                remedy="run `patron upgrade`, or start `patron serve`",
            ) from error
        self._notes.append(note)

    async def end(self, db: Database, outcome: Outcome, count: int | None) -> None:
        """What came of it. A command that opened no shop has acted on all of them."""
        if self.closed:
            return
        for note in self._notes:
            async with db.unit(note.shop.schema) as tx:
                await store.finish(tx, [note.entry.id], [outcome], [count])
        if self._notes:
            return
        async with db.unit(HOUSE) as tx:
            every = await shops.every(tx)
        for shop in every:
            async with db.unit(shop.schema) as tx:
                await write(tx, shop, [self._note(shop, outcome)])

    def _note(self, shop: Shop, outcome: Outcome) -> Note:
        now = self._clock.now()
        detail, term, thing = told(self._given)
        entry = Entry(
            id=id_at(now),
            at=now,
            actor=me(),
            action=f"patron {self._command}",
            change=(self._command or "").rpartition(" ")[2] not in READING,
            outcome=outcome,
            detail=detail,
        )
        return Note(shop, entry, term, thing)


def told(
    given: Mapping[str, Any],
) -> tuple[dict[str, Any], str | None, tuple[str, str] | None]:
    """(detail, term that names a person, her thing) of a command's arguments."""
    detail = {
        name: _plain(name, value)
        for name, value in given.items()
        if name not in (*PERSON, *_SKIPPED) and value not in (None, False, [], ())
    }
    term = next((str(given[name]) for name in PERSON if given.get(name)), None)
    thing = next(((name, str(given[name])) for name in THINGS if given.get(name)), None)
    return detail, term, thing


def _plain(name: str, value: Any) -> Any:
    """A value as it may be kept; of a text that may be anybody's, only that there was one."""
    if isinstance(value, list | tuple):
        return [_plain(name, one) for one in value][:10]
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, UUID | datetime) or name in PLAIN or name in THINGS:
        return str(value)[:100]
    return "(file)" if isinstance(value, Path) else TEXT


def me() -> Actor:
    """The operating system's user at the command line, and whoever it is beneath `sudo`."""
    user = _name(os.geteuid())
    behind = os.environ.get("SUDO_USER")
    name = f"{behind} as {user}" if behind and behind != user else user
    origin = os.environ.get("SSH_CONNECTION", "").partition(" ")[0]
    host = socket.gethostname()
    return Actor(ActorKind.CLI, behind or user, name, f"{host} from {origin}" if origin else host)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


_running: ContextVar[tuple[str | None, dict[str, Any]]] = ContextVar("running", default=(None, {}))


def told_by(app: typer.Typer, group: str = "") -> None:
    """Let every command of `app` say, while it runs, what it is called and what it was given."""
    for command in app.registered_commands:
        if command.callback is not None and not hasattr(command.callback, "__wrapped__"):
            name = command.name or command.callback.__name__.replace("_", "-")
            command.callback = _telling(f"{group} {name}".strip(), command.callback)
    for one in app.registered_groups:
        if one.typer_instance is not None:
            told_by(one.typer_instance, f"{group} {one.name or ''}".strip())


def _telling(words: str, command: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(command)
    def told(*args: Any, **given: Any) -> Any:
        token = _running.set((words, given))
        try:
            return command(*args, **given)
        finally:
            _running.reset(token)

    return told


class Shown:
    """How many entries the running command has shown."""

    def __init__(self) -> None:
        self.count: int | None = None

    def note(self, value: Any) -> None:
        """Count what is shown, if it is a list of some kind."""
        items = getattr(value, "items", value)
        if isinstance(items, list):
            self.count = len(items)


shown = Shown()
