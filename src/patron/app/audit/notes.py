"""What is written down of one deed, asked over HTTP or at the command line, and by which names a
person is called there.

No route is known here: a command that writes its line need not load the web server.
"""

import msgspec

from patron.shops.audit.types import Entry
from patron.shops.types import Shop

PERSON = ("who", "profile", "profile_id", "person", "address")
"""Parameters, and fields of a body, that name a person: their values are looked up, never kept."""

THINGS = ("cart_id", "message_id", "run_id")
"""Parameters that name a thing of one person: its owner is the subject."""

PLAIN = frozenset({"key", "product_id", "channel"})
"""Texts in a path that name nobody."""

TEXT = "(text)"
"""What stands for a text that may be anybody's."""


class Note(msgspec.Struct):
    """An entry in the making; `term` names the person as the caller did, `thing` what is hers."""

    shop: Shop
    entry: Entry
    term: str | None = None
    thing: tuple[str, str] | None = None
