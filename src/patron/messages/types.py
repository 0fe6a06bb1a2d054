"""A message on its way: its states, its story, and what may follow what."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec


class State(StrEnum):
    """Where a row of the outbox stands."""

    QUEUED = "queued"
    CLAIMED = "claimed"  # a worker has it, under a lease
    HANDING_OVER = "handing_over"  # committed before the provider is told
    SENT = "sent"
    FAILED = "failed"
    SKIPPED = "skipped"
    DELAYED = "delayed"
    AMBIGUOUS = "ambiguous"  # the provider may have it, or not: only a human decides
    CANCELLED = "cancelled"
    HELD_OUT = "held_out"  # would have been sent, but the person is in the holdout
    RECORDED = "recorded"  # written down instead of handed over: replayed history


FOLLOWS: Mapping[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.CLAIMED, State.CANCELLED}),
    State.DELAYED: frozenset({State.CLAIMED, State.CANCELLED}),
    State.CLAIMED: frozenset(
        {
            State.HANDING_OVER,
            State.QUEUED,
            State.SKIPPED,
            State.DELAYED,
            State.HELD_OUT,
            State.CANCELLED,
        }
    ),
    State.HANDING_OVER: frozenset(
        {State.SENT, State.RECORDED, State.FAILED, State.DELAYED, State.AMBIGUOUS}
    ),
    # A late answer of the provider, or a human, ends the doubt.
    State.AMBIGUOUS: frozenset({State.SENT, State.FAILED, State.DELAYED, State.QUEUED}),
}
"""What may come after a state; a state without an entry is final."""

TOLD = (State.SENT, State.RECORDED, State.HANDING_OVER, State.AMBIGUOUS)
"""States that count as said to the customer: for caps, duplicates and results."""


RESOLVED = "resolved"
"""The reason in the line of a story by which a human ended an ambiguity."""


CONFIRM = "confirm_subscription"
INVITE = "open_account"
BUILT_IN: Mapping[str, frozenset[str]] = {
    "abandoned_cart": frozenset({"cart"}),
    INVITE: frozenset(),
    CONFIRM: frozenset({"confirmation"}),
}
"""The templates that come with Patron, and what each cannot be written without."""

SAYABLE = tuple(name for name in BUILT_IN if name != CONFIRM)
"""Those that a journey may send."""


def before(state: State) -> list[State]:
    """The states from which a row may come to `state`."""
    return [earlier for earlier, later in FOLLOWS.items() if state in later]


class Arm(StrEnum):
    TREATMENT = "treatment"
    HOLDOUT = "holdout"


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One decision about a message. `words` are for the owner and name no address.

    A decision that repeats itself stays one line: `at` is the last time, `since` the first.
    """

    at: datetime
    state: State
    words: str
    reason: str | None = None
    times: int = 1
    since: datetime | None = None


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What a journey wants said. Unique are (source, run_id, step_visit, origin_id).

    `source` names who speaks ("journey:abandoned_cart"); two messages of one source never reach
    one address within 24 hours. `condition` is a rule in segment language which the gate evaluates;
    it may say "start", which is `context["start"]` (ISO 8601). `context["cart_id"]` makes it a cart
    mail: it is not sent when that cart is closed or empty.
    """

    source: str
    run_id: UUID
    step_visit: str
    origin_id: UUID
    template: str
    due_at: datetime
    expires_at: datetime
    channel: str = "email"
    purpose: str = "marketing"
    arm: Arm = Arm.TREATMENT
    condition: dict[str, Any] | None = None
    context: dict[str, Any] = {}


class Message(msgspec.Struct, frozen=True):
    """A row of the outbox. Field order is the order of the store's columns."""

    id: UUID
    state: State
    source: str
    run_id: UUID
    step_visit: str
    origin_id: UUID
    channel: str
    purpose: str
    template: str
    arm: Arm
    condition: dict[str, Any] | None
    context: dict[str, Any]
    queued_at: datetime
    due_at: datetime
    expires_at: datetime
    attempts: int
    token: UUID | None
    lease_until: datetime | None
    claimed_at: datetime | None
    address: str | None
    address_key: str | None
    handed_over_at: datetime | None
    done_at: datetime | None
    reason: str | None
    detail: dict[str, Any]
    provider_id: str | None
    story: list[Line]

    @property
    def journey(self) -> str:
        """The key of the journey that speaks, or the source itself."""
        return self.source.removeprefix("journey:")

    @property
    def insisted_on(self) -> bool:
        """Whether a human said to send it although it may have left already."""
        return any(line.state is State.QUEUED and line.reason == RESOLVED for line in self.story)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a claimed message goes on. `tell` names the event that is to be appended about it."""

    state: State
    words: str
    reason: str | None = None
    due_at: datetime | None = None  # of a delayed one
    detail: dict[str, Any] = {}
    provider_id: str | None = None
    tell: str | None = None


class Recipient(msgspec.Struct, frozen=True):
    """Where a message goes; `address_key` is the normalised form that caps and duplicates use."""

    address: str
    address_key: str


class Said(msgspec.Struct, frozen=True):
    """A message that counts for caps: who spoke, and when it was handed over."""

    id: UUID
    source: str
    purpose: str
    at: datetime


class Leaving(msgspec.Struct, frozen=True):
    """A claimed message whose provider is about to be told; `line` says so in its story."""

    message: Message
    recipient: Recipient
    line: Line
    lease_until: datetime
    detail: dict[str, Any]


class Ended(msgspec.Struct, frozen=True):
    """How a claimed message went on at a moment. `reached` is the normalised address of whom a
    held-out one would have reached, so that the caps of its arm count it."""

    message: Message
    outcome: Outcome
    at: datetime
    reached: str | None = None


class Asked(msgspec.Struct, frozen=True):
    """Whose caps are asked about, from when on; `held_out_of` is the source of a message that is to
    be held out itself."""

    recipient: Recipient
    origins: Sequence[UUID]
    since: datetime
    held_out_of: str | None = None


class Template(msgspec.Struct, frozen=True):
    """The four parts of a mail; each is a minijinja template, `body` of MJML."""

    name: str
    subject: str
    preheader: str
    body: str
    text: str


class Rendered(msgspec.Struct, frozen=True):
    subject: str
    preheader: str
    html: str
    text: str
