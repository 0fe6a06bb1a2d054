"""What an event is once it has been accepted, and the closed lists that go with it."""

from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID

import msgspec

NO_ONE = UUID(int=0)
"""The origin of an event before identity has been resolved."""


class Trust(IntEnum):
    """How far a call is believed."""

    PUBLIC = 0  # the write key, which everybody can read in the page
    VERIFIED = 1  # a browser whose identity the shop's server has signed
    SERVER = 2  # a secret key, an import by the owner, or Patron itself


class Source(IntEnum):
    """Which door an event came through."""

    BROWSER = 0
    SERVER = 1
    CONNECTOR = 2
    IMPORT = 3
    PATRON = 4


class EventType(StrEnum):
    """The calls of the Segment HTTP Tracking API."""

    TRACK = "track"
    IDENTIFY = "identify"
    PAGE = "page"
    SCREEN = "screen"
    GROUP = "group"
    ALIAS = "alias"


# Looked up in its class, a member costs Python 3.11 ten times what a name does, and the walk asks
# for these a dozen times an event.
TRACK, IDENTIFY, GROUP = EventType.TRACK, EventType.IDENTIFY, EventType.GROUP
BROWSER, IMPORT, PATRON = Source.BROWSER, Source.IMPORT, Source.PATRON
BY_SERVER = Trust.SERVER


class Event(msgspec.Struct, kw_only=True):
    """An accepted event, as every later room reads it.

    Not frozen: the walk fills in `position` and `origin_id` on the way, and a copy per event per
    room would cost more than the walk itself. `name` is the event's canonical name: the Ecommerce
    Spec v2 name for tracks ("Order Completed", whatever alias came in), "Page Viewed" and "Screen
    Viewed" for pages and screens, "Identified", "Grouped" and "Aliased" for the rest.
    """

    type: EventType
    name: str
    ts: datetime  # event time, UTC, corrected for the client's clock skew
    received_at: datetime  # when the door took it
    message_id: str
    user_id: str | None = None
    anonymous_id: str | None = None
    previous_id: str | None = None  # alias
    group_id: str | None = None
    properties: dict[str, Any] = {}
    traits: dict[str, Any] = {}  # of identify and group calls, and context.traits otherwise
    context: dict[str, Any] = {}
    trust: Trust = Trust.PUBLIC
    source: Source = Source.BROWSER
    backfill: bool = False  # history: recorded, starts nothing
    session_id: UUID | None = None
    channel: str | None = None
    device: str | None = None
    position: int = 0  # gap-free log position
    origin_id: UUID = NO_ONE  # whose event it is; set by profiles.resolve
    body: bytes = b""  # properties, traits and context as JSON, as the log and the lake keep them


class Drop(StrEnum):
    """Why an event was not accepted. The list is closed: the debugger explains each of them."""

    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    TOO_MANY_PROPERTIES = "too_many_properties"
    UNKNOWN_TYPE = "unknown_type"
    NO_EVENT_NAME = "no_event_name"
    NO_ID = "no_user_anon_id"
    BAD_TEXT = "bad_text"
    BAD_TIME = "bad_time"
    BOT = "bot"
    PREFETCH = "prefetch"
    NO_CONSENT = "no_consent"
    DUPLICATE = "duplicate"
    ERASED = "erased"
    POISON = "poison"


LoggedEvent = Event
"""An event as the log has it: the same, with `position` and `origin_id` filled in."""
