"""Who is calling: the server key of a request, looked up once for all that comes after."""

from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from patron.shops.access import Keys
from patron.shops.types import KeyKind


class Identify:
    """Puts the caller's Access into the request's state when a server key came along."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self.app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            key = bearer(scope["headers"])
            if key:
                access = await self._keys.find(key)
                if access is not None and access.kind is KeyKind.SERVER:
                    scope.setdefault("state", {})["access"] = access
        await self.app(scope, receive, send)


def bearer(headers: Any) -> str | None:
    """The key in `Authorization: Bearer …`, if there is one."""
    for name, value in headers:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return str(value[7:].strip().decode("latin-1"))
    return None
