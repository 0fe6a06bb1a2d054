"""The demo's own calls to Patron's API, as a shop's program would make them."""

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

from patron.kit.clock import monotonic

T = TypeVar("T")

BROWSER = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15"  # noqa: E501 – one value
PATIENCE = 120.0
"""Seconds after which what has not happened will not happen, however slow the machine."""
_POLL = 0.05


class StageError(RuntimeError):
    """Something did not happen as the demo promises; the message says what, and where to look."""


class Api:
    """Patron over HTTP with a server key."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self._key = key

    def get(self, path: str, **query: Any) -> Any:
        asked = urlencode({name: value for name, value in query.items() if value is not None})
        return self._call("GET", f"{path}?{asked}" if asked else path, None)

    def put(self, path: str, body: Any) -> Any:
        return self._call("PUT", path, body)

    def _call(self, method: str, path: str, body: Any) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 – our own server
            f"{self.url}{path}",
            data=data,
            method=method,
            headers={
                "Authorization": f"Bearer {self._key}",
                "Content-Type": "application/json",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            said = error.read().decode("utf-8", "replace")[:500]
            raise StageError(f"{method} {path} answers {error.code}: {said}") from error

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (OSError, http.client.HTTPException):
            return False


def follow(address: str) -> tuple[str, str]:
    """What a browser sees behind a link: the address it ends at, and the page."""
    request = urllib.request.Request(  # noqa: S310 – a link of our own mail
        address, headers={"User-Agent": BROWSER, "Accept-Language": "en-US,en;q=0.8"}
    )
    with urllib.request.urlopen(request, timeout=15) as answer:  # noqa: S310
        return answer.url, answer.read().decode()


def until(look: Callable[[], T], what: str, seconds: float = PATIENCE) -> T:
    """What `look` returns as soon as it is truthy. Raises StageError after `seconds`."""
    end = monotonic() + seconds
    while not (found := look()):
        if monotonic() > end:
            raise StageError(f"{what} did not happen within {seconds:.0f} seconds")
        time.sleep(_POLL)
    return found
