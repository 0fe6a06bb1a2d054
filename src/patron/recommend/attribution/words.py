"""The names of events that say what became of an answer, and the name of the answer itself.

A page may send either our own events or those of the Ecommerce Spec v2 that its shop system sends
anyway; both carry the `rec_id` of the answer. A `rec_id` names its placement and is signed, so what
is counted for a placement was really offered by it; whom it was offered to does not stand in it.
"""

import hashlib
import hmac
from typing import Final

SHOWN: Final = ("Recommendation Shown", "Product List Viewed")
CLICKED: Final = ("Recommendation Clicked", "Product Clicked")

HELD: Final = "~"
"""Behind a placement's key in the name of what somebody held out of it gets: not its success."""

MAC = 20
"""Characters of the signature at the end of a name."""

_BLOCK = 64
_NUMBER = 36
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Namer:
    """Names answers: `home-for-you.1ixk3f.4j.5f0c…`, with when, a number, and a signature.

    The signature is HMAC-SHA256 (RFC 2104), cut to eighty bits: what PostgreSQL can do as well, so
    that ten million names are tried where they lie. `pads` are its two keys, the inner one first.
    """

    def __init__(self, secret: bytes) -> None:
        key = hashlib.blake2b(secret, digest_size=_BLOCK, person=b"patron.rec_id").digest()
        self.pads = bytes(byte ^ 0x36 for byte in key), bytes(byte ^ 0x5C for byte in key)
        self._inner, self._outer = (hashlib.sha256(pad) for pad in self.pads)
        self._number = 0

    def name(self, placement: str, now: float) -> tuple[str, int]:
        """A new `rec_id`, and a seed for this answer."""
        self._number += 1
        plain = f"{placement}.{based(int(now))}.{based(self._number)}"
        mac = self._sign(plain)
        return f"{plain}.{mac}", int(mac[:15], 16)

    def made(self, said: str) -> bool:
        """Whether this is the name of an answer of ours, whatever a page says."""
        plain, _, mac = said.rpartition(".")
        signed = self._sign(plain).encode()
        return hmac.compare_digest(mac.encode("utf-8", "replace"), signed)

    def _sign(self, plain: str) -> str:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(plain.encode("utf-8", "replace"))
        outer.update(inner.digest())
        return outer.hexdigest()[:MAC]


def based(number: int) -> str:
    """A number of at least 0 to the base of 36."""
    found = ""
    while True:
        number, digit = divmod(number, _NUMBER)
        found = _DIGITS[digit] + found
        if not number:
            return found
