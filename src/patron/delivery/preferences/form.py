"""What the form of the page says: what she changed, and nothing that she only left as it was.

The form names what it showed, so that a page opened last week takes back nothing that was said
since: only what differs from what she saw is her word.
"""

from collections.abc import Collection
from urllib.parse import parse_qs

import msgspec

from patron.kit.problems import bad_request
from patron.profiles.consents.types import Frequency

PAUSED = "pause"
PACES = (*(str(one) for one in Frequency), PAUSED)
MOST_FIELDS = 500
LONGEST = 64 << 10


class Changes(msgspec.Struct, frozen=True):
    """Ways ("email/marketing") switched on and off; `pace` is a frequency or `pause`, None when it
    stays; `interests` are those chosen, None when they stay."""

    on: list[str] = []
    off: list[str] = []
    pace: str | None = None
    interests: list[str] | None = None
    left_on: list[str] = []  # all that stand on now

    @property
    def empty(self) -> bool:
        return not (self.on or self.off) and self.pace is None and self.interests is None


def read(body: bytes, ways: Collection[str]) -> Changes:
    """The changes in a form (application/x-www-form-urlencoded). `ways` are those she may switch.

    Raises Problem 400 for what no page of ours sends.
    """
    if len(body) > LONGEST:
        raise bad_request("the form is longer than any of ours", remedy="open the page again")
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except (ValueError, UnicodeDecodeError) as error:
        raise bad_request("the form cannot be read", remedy="open the page again") from error
    seen = [way for way in fields.get("seen", []) if way in ways]
    was = set(fields.get("was", []))
    if "none" in fields:
        return Changes(off=[way for way in seen if way in was])
    on = set(fields.get("on", []))
    pace = fields.get("frequency", [""])[-1]
    changed = pace in PACES and pace not in fields.get("frequency_was", [])
    offered = [name[:120] for name in fields.get("offered", [])]
    chosen = [name for name in offered if name in set(fields.get("interest", []))]
    before = set(fields.get("interest_was", []))
    return Changes(
        on=[way for way in seen if way in on and way not in was],
        off=[way for way in seen if way not in on and way in was],
        pace=pace if changed else None,
        interests=chosen if set(chosen) != before else None,
        left_on=[way for way in seen if way in on],
    )
