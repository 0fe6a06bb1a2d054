"""An event on its way through the steps."""

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from patron.events.reading.heard import Call, Heard, Refusal, Stamp
from patron.events.reading.values import shared_at_ms
from patron.events.types import TRACK, Event, Source, Trust

OURS = frozenset({Source.CONNECTOR, Source.IMPORT, Source.PATRON})
"""Sources that are no visit: nothing there is judged as a browser."""

_TRUSTS = tuple(Trust)
_SOURCES = tuple(Source)


class Setting(msgspec.Struct, frozen=True):
    """What the steps know of the shop. `own_hosts` without "www."; `orders` are the names of its
    orders' events; `own_names` say which event of the spec a name of the shop's own means."""

    own_hosts: frozenset[str] = frozenset()
    identity_secret: bytes = b""
    currency: str = ""
    consent_categories: Mapping[str, str] = {}
    orders: frozenset[str] = frozenset()
    own_names: Mapping[str, str] = {}


class Draft(msgspec.Struct, gc=False):
    """An event on its way through the steps."""

    heard: Heard
    event: Event
    call: Call
    stamp: Stamp
    original: datetime | None = None  # the client's own time
    sent: datetime | None = None
    corrected: datetime | None = None  # `original`, less how wrong the clock was
    robot: str | None = None
    campaign: str = ""  # what tells the campaign that brought her
    client_ms: int = 0  # the client's own time (Unix), the same in every retry; 0 if it has none
    key: bytes = b""  # what a repeat of it has too


Step = Callable[[Draft, Setting], Refusal | None]


def draft(heard: Heard) -> Draft:
    """The draft of a call that could be read; raises IndexError for a stamp no door writes."""
    call, stamp = heard.call, heard.stamp
    received = shared_at_ms(stamp.r)
    event = Event(
        type=TRACK,
        name="",
        ts=received,
        received_at=received,
        message_id="",
        properties={} if call.properties is None else call.properties,
        traits={} if call.traits is None else call.traits,
        context={} if call.context is None else call.context,
        trust=_TRUSTS[stamp.t],
        source=_SOURCES[stamp.s],
        backfill=stamp.f or call.backfill is True,
    )
    return Draft(heard, event, call, stamp, sent=None)
