"""The names of events that say what became of an answer, and the name of the answer itself.

A page may send either our own events or those of the Ecommerce Spec v2 that its shop system sends
anyway; both carry the `rec_id` of the answer. A `rec_id` names its placement and is signed, so what
is counted for a placement was really offered by it; whom it was offered to does not stand in it.
"""

import hashlib
import hmac
from typing import Final

import msgspec

SHOWN: Final = ("Recommendation Shown", "Product List Viewed")
CLICKED: Final = ("Recommendation Clicked", "Product Clicked")

HELD: Final = "~"
"""Behind a placement's key in the name of what somebody held out of it gets: not its success."""

_MAC = 10
_NUMBER = 36
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class RecId(msgspec.Struct, frozen=True):
    """An answer of `placement` at the second `at`; `number` tells it from others of that second."""

    placement: str
    at: int
    number: int


class Namer:
    """Names answers and knows its own names again: `home-for-you.1ixk3f.4j.5f0c…`."""

    def __init__(self, secret: bytes) -> None:
        self._key = hashlib.blake2b(secret, digest_size=32, person=b"patron.rec_id").digest()
        self._mac = hashlib.blake2b(key=self._key, digest_size=_MAC)
        self._number = 0

    def name(self, placement: str, now: float) -> tuple[str, int]:
        """A new `rec_id`, and a seed for this answer."""
        self._number += 1
        plain = f"{placement}.{based(int(now))}.{based(self._number)}"
        mac = self._sign(plain)
        return f"{plain}.{mac}", int(mac[:15], 16)

    def read(self, rec_id: str) -> RecId | None:
        """What a `rec_id` says; None for one that we did not make."""
        plain, _, mac = rec_id.rpartition(".")
        parts = plain.split(".")
        if len(parts) != 3 or not hmac.compare_digest(mac.encode(), self._sign(plain).encode()):
            return None
        return RecId(parts[0], int(parts[1], _NUMBER), int(parts[2], _NUMBER))

    def _sign(self, plain: str) -> str:
        mac = self._mac.copy()
        mac.update(plain.encode("utf-8", "replace"))
        return mac.hexdigest()


def based(number: int) -> str:
    """A number of at least 0 to the base of 36."""
    found = ""
    while True:
        number, digit = divmod(number, _NUMBER)
        found = _DIGITS[digit] + found
        if not number:
            return found
