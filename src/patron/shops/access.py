"""Who may come in: the key of a call, looked up once and remembered for a short while."""

from collections import OrderedDict
from typing import TYPE_CHECKING

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from patron.kit.clock import monotonic
from patron.kit.db import Database
from patron.kit.migrate import HOUSE
from patron.kit.problems import Problem, forbidden
from patron.shops import store
from patron.shops.types import Access

if TYPE_CHECKING:
    from litestar.types import Guard

REMEMBERED_SECONDS = 5.0
REMEMBERED_KEYS = 10_000


class Keys:
    """The keys of all shops. A revoked key stops working within five seconds.

    Unknown keys are remembered too, within a bound, so that guessing costs no queries.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._seen: OrderedDict[str, tuple[float, Access | None]] = OrderedDict()

    def remembered(self, key: str) -> tuple[bool, Access | None]:
        """(True, what it opens) when the answer is still fresh, else (False, None)."""
        entry = self._seen.get(key)
        if entry is None or entry[0] < monotonic():
            return False, None
        return True, entry[1]

    async def find(self, key: str) -> Access | None:
        """What `key` opens, or None."""
        fresh, access = self.remembered(key)
        if fresh:
            return access
        async with self._db.unit(HOUSE) as tx:
            access = await store.access(tx, key)
        self._seen[key] = (monotonic() + REMEMBERED_SECONDS, access)
        self._seen.move_to_end(key)
        if len(self._seen) > REMEMBERED_KEYS:
            self._seen.popitem(last=False)
        return access


class Requires:
    """A Litestar guard: the caller's server key must have `scope`."""

    def __init__(self, scope: str) -> None:
        self.scope = scope

    def __call__(self, connection: ASGIConnection, _: BaseRouteHandler) -> None:  # type: ignore[type-arg]
        access = connection.scope["state"].get("access")
        if access is None:
            raise unauthenticated(connection.headers.get("authorization"))
        if not access.allows(self.scope):
            raise forbidden(
                f"this key may not {self.scope}",
                remedy=f"make one that may: `patron key create NAME --scope {self.scope}`",
            )


def unauthenticated(header: str | None) -> Problem:
    """What to answer to a call whose Authorization header opens nothing."""
    return Problem(
        401,
        "Not authenticated",
        _refusal(header),
        remedy="send 'Authorization: Bearer sk_…'; `patron key create` makes one",
    )


def _refusal(header: str | None) -> str:
    if not header:
        return "this route needs a server key"
    scheme, _, key = header.strip().partition(" ")
    if scheme.lower() != "bearer":
        return f"this route needs a server key as Bearer token, and was sent {scheme[:20]!r}"
    if key.strip().startswith("wk_"):
        return "this route needs a server key; a write key only sends events"
    return "the server key of this call is unknown or revoked"


def requires(scope: str) -> "Guard":
    """The guard of a route that needs `scope`."""
    return Requires(scope)
