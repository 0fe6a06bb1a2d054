"""One attempt: the body posted, the answer's beginning read, nothing followed."""

import asyncio
from collections.abc import Mapping
from datetime import datetime

import httpcore

from patron.delivery.channels.webhook.guard import Guard, GuardedNetwork, Refused
from patron.delivery.channels.webhook.schedule import wish
from patron.delivery.channels.webhook.types import Heard
from patron.kit.clock import monotonic

LONGEST_ANSWER = 1_000
_CONNECT_SECONDS = 5.0


class Poster:
    """Connections to endpoints; belongs to one event loop. `seconds` is all that an attempt may
    take, from the look-up of the name to the last byte that is read."""

    def __init__(self, guard: Guard, seconds: float = 15.0) -> None:
        self._seconds = seconds
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=32,
            max_keepalive_connections=8,
            keepalive_expiry=30,
            network_backend=GuardedNetwork(guard),
        )

    async def close(self) -> None:
        await self._pool.aclose()

    async def post(self, url: str, headers: Mapping[str, str], body: str, now: datetime) -> Heard:
        """What came of it; never raises for what the other side does. `now` is what a Retry-After
        with a date is counted from."""
        began = monotonic()
        try:
            async with asyncio.timeout(self._seconds):
                heard = await self._ask(url, headers, body, now)
        except TimeoutError:
            heard = Heard(None, f"no answer within {self._seconds:g} s")
        except Refused as error:
            heard = Heard(None, str(error))
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            why = str(error) or type(error).__name__
            heard = Heard(None, f"no answer: {why}"[:LONGEST_ANSWER])
        except (httpcore.UnsupportedProtocol, OSError, ValueError) as error:
            heard = Heard(None, f"cannot be called: {error}"[:LONGEST_ANSWER])
        took = int((monotonic() - began) * 1000)
        return Heard(heard.status_code, heard.answer, heard.retry_after, took)

    async def _ask(self, url: str, headers: Mapping[str, str], body: str, now: datetime) -> Heard:
        sent = {
            "content-type": "application/json",
            "user-agent": "Patron-Webhook/1",
            "accept": "*/*",
            **headers,
        }
        limit = {"connect": _CONNECT_SECONDS, "read": self._seconds, "write": self._seconds}
        async with self._pool.stream(
            "POST",
            url,
            headers=[(name.encode(), value.encode()) for name, value in sent.items()],
            content=body.encode(),
            extensions={"timeout": limit},
        ) as answer:
            told = {name.lower(): value for name, value in answer.headers}
            text = b""
            # The rest is left unread: leaving the stream closes its connection.
            async for part in answer.aiter_stream():
                text += part
                if len(text) >= LONGEST_ANSWER:
                    break
        shown = text[:LONGEST_ANSWER].decode("utf-8", "replace").replace("\0", "\ufffd")
        later = told.get(b"retry-after")
        after = wish(None if later is None else later.decode("latin-1"), now)
        return Heard(answer.status, shown, after)
