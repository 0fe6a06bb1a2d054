"""A request that met another one in the database is worked on again before anybody hears of it."""

import asyncio
import random
from contextvars import ContextVar
from copy import copy
from typing import Any

import psycopg
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from litestar.utils.scope.state import CONNECTION_STATE_KEY

from patron.kit.db import RETRIED, Deeds, watched
from patron.kit.log import logger

CONTENDED = (*RETRIED, psycopg.errors.LockNotAvailable)
"""Rolled back by PostgreSQL because of somebody else: a deadlock, a serialization failure, a lock
that was not to be had in time."""

ATTEMPTS = 5
REST_SECONDS = 0.05
log = logger(__name__)


class _Attempt:
    def __init__(self, deeds: Deeds) -> None:
        self.deeds = deeds
        self.refused = False


_attempt: ContextVar[_Attempt | None] = ContextVar("attempt", default=None)


def refused() -> Deeds:
    """Say that PostgreSQL refused the attempt at work because of another one; what it had done."""
    attempt = _attempt.get()
    if attempt is None:
        return Deeds()
    attempt.refused = True
    return attempt.deeds


class TryAgain:
    """Works on a request up to five times while what it needs is being changed by others.

    Only what has committed no change and appended no event is begun anew: the rest cannot be done
    twice. An answer is held back until it is known to be the last one, which costs nothing, since
    those that are thrown away are refusals of a few lines.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        heard = _Heard(receive)
        for left in reversed(range(ATTEMPTS)):
            if not await self._worked(scope, heard, send, last=left == 0):
                return
            log.info("request tried again", extra={"path": scope["path"], "left": left})
            await asyncio.sleep(REST_SECONDS * (ATTEMPTS - left) * random.random())  # noqa: S311
            heard.rewind()

    async def _worked(self, scope: Scope, heard: "_Heard", send: Send, *, last: bool) -> bool:
        """Whether it is to be tried again; otherwise the answer has been sent."""
        state = dict(scope["state"])
        if CONNECTION_STATE_KEY in state:  # what Litestar keeps, such as the body, is one attempt's
            state[CONNECTION_STATE_KEY] = copy(state[CONNECTION_STATE_KEY])
        one: Any = {**scope, "state": state}
        with watched() as deeds:
            attempt = _Attempt(deeds)

            async def answer(message: Message) -> None:
                if last or not attempt.refused or deeds.kept:
                    await send(message)

            token = _attempt.set(attempt)
            try:
                await self.app(one, heard, answer)
            finally:
                _attempt.reset(token)
        return attempt.refused and not deeds.kept and not last


class _Heard:
    """The parts of a request, which can be had from the start once more."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._parts: list[Any] = []
        self._at = 0

    async def __call__(self) -> Any:
        if self._at == len(self._parts):
            part: Any = await self._receive()
            if part["type"] != "http.request":
                return part
            self._parts.append(part)
        self._at += 1
        return self._parts[self._at - 1]

    def rewind(self) -> None:
        self._at = 0
