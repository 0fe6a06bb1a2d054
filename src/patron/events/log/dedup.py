"""Which messages were taken in before: exact, for two days and more.

The key is the client's own time (8 bytes, so that the table grows at its end) and a hash of (trust
class, source, messageId). The skew-corrected time takes no part: it differs in each retry.
"""

import hashlib
import struct
from collections.abc import Iterable, Sequence
from datetime import datetime

from patron.events.types import Source, Trust

KEPT_KEYS = 200_000  # about 25 MB; ten seconds of the fastest shop, hours of a common one
_TIME = struct.Struct(">Q")
_SCOPES = [[b"%d%d:" % (trust, source) for source in Source] for trust in Trust]


def key(client_ms: int, trust: Trust, source: Source, message: str) -> bytes:
    """24 bytes; `client_ms` is the client's own time in Unix milliseconds, 0 without one.

    `message` is the messageId. Trust and source are part of it so that nobody with the public key
    can take up the ids of the shop's server.
    """
    scoped = _SCOPES[trust][source] + message.encode()
    return _TIME.pack(client_ms) + hashlib.blake2b(scoped, digest_size=16).digest()


def first_key(moment: datetime) -> bytes:
    """The smallest key of a client's time."""
    return _TIME.pack(max(0, int(moment.timestamp() * 1000)))


class Recent:
    """All keys of the newest client times, in memory: what is younger than its floor and not in it
    was never seen, without asking the database.

    Complete from `floor` on, which only rises. It answers for one walker: `token` names the commit
    it agrees with, and a walk row with another token means that somebody else has walked since.
    """

    def __init__(self, token: int, floor: bytes, keys: Iterable[bytes]) -> None:
        self.token = token
        self.floor = floor
        self._keys: set[bytes] = set()
        self.add(keys)

    def knows(self, keys: Sequence[bytes]) -> tuple[set[bytes], list[bytes]]:
        """Those of `keys` that were seen, and those of which only the database can tell."""
        seen = self._keys.intersection(keys)
        return seen, [key for key in keys if key < self.floor and key not in seen]

    def add(self, keys: Iterable[bytes]) -> None:
        self._keys.update(keys)
        if len(self._keys) > KEPT_KEYS:
            self._shrink()

    def _shrink(self) -> None:
        """Forget all but the newest quarter: sorting costs as much as keeping, so it is seldom."""
        kept = sorted(self._keys)[-(KEPT_KEYS // 4) :]
        self.floor = max(self.floor, kept[0])
        self._keys = set(kept)
