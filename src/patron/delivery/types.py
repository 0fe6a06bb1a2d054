"""What the gate looks at, what it may decide, and what a channel is given and answers."""

from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, Protocol
from uuid import UUID

import msgspec

from patron.messages.types import Recipient, Rendered
from patron.profiles.consent import basis
from patron.profiles.types import Reach
from patron.segments.rules.language import Answer
from patron.shops.types import Basis, Mode, Shop


class Reason(StrEnum):
    """Why a message is not sent, or not yet. The list is closed; `words` explains each."""

    NO_OWNER = "no_owner"
    NO_CONSENT = "no_consent"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    NOT_CONFIRMED = "not_confirmed"
    NOT_SIMILAR = "not_similar"
    SUPPRESSED = "suppressed"
    NO_ADDRESS = "no_address"
    TOO_LATE = "too_late"
    CART_CLOSED = "cart_closed"
    CART_EMPTY = "cart_empty"
    CONDITION = "condition_not_met"
    SAME_JOURNEY = "same_journey_recently"
    TOO_OFTEN = "too_often"
    HER_PACE = "her_pace"
    PAUSED = "paused"
    ORDERS_SILENT = "order_feed_silent"
    WALK_BEHIND = "events_behind"
    RENDER_FAILED = "render_failed"
    NO_CHANNEL = "no_channel"
    REFUSED = "refused"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    NOT_NOW = "server_said_later"
    NO_ANSWER = "no_answer"
    RESTORED = "restored"
    GAVE_UP = "gave_up"
    ERROR = "error"


CartState = Literal["open", "empty", "order", "merged", "expired"]
"""`open`, `empty`, or why it was closed."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the gate needs to know about one message at one moment (UTC).

    `last_marketing` and `last_of_source`: when this address or this person was last told something,
    by anybody or by the same journey. `cart` is None for a message that is about no cart.
    `begun`: event time of what started the run that speaks. `restored_at`: when the shop was last
    put back from a backup; what left between the backup and that moment is in no table.
    `categories`: the uppermost ones, in small letters, of what the message is about. `pace` and
    `paused_until`: what she wished herself.
    """

    now: datetime
    mode: Mode
    owner: str
    purpose: str
    reach: Reach
    expires_at: datetime
    cart: CartState | None = None
    condition: Answer | None = None
    hours_between: int = 16
    last_marketing: datetime | None = None
    last_of_source: datetime | None = None
    orders_silent_since: datetime | None = None
    walk_lag: timedelta = timedelta(0)
    begun: datetime | None = None
    restored_at: datetime | None = None
    categories: frozenset[str] = frozenset()
    pace: timedelta | None = None
    paused_until: datetime | None = None

    @property
    def marketing(self) -> bool:
        """Whether it goes on any other ground than what her order needs."""
        return basis(self.reach, self.purpose) is not Basis.CONTRACT


class Go(msgspec.Struct, frozen=True):
    """Send it: `to` gets the mail, `recipient` is the customer it is counted for."""

    to: str
    recipient: Recipient
    rehearsal: bool


class Skip(msgspec.Struct, frozen=True):
    reason: Reason
    because: str = ""


class Delay(msgspec.Struct, frozen=True):
    until: datetime
    reason: Reason


Decision = Go | Skip | Delay


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A rendered message on its way to one address. `rehearsal_for` is who would have got it."""

    message_id: UUID
    to: str
    rendered: Rendered
    written_at: datetime
    journey: str
    template: str
    unsubscribe_url: str | None = None
    rehearsal_for: str | None = None


class Receipt(msgspec.Struct, frozen=True):
    """The provider has it. `recorded`: it was only written down."""

    provider_id: str
    recorded: bool = False


class Channel(Protocol):
    """A way out of the house.

    Raises Permanent or Temporary when the message has certainly not left, Unknown when it may have.
    """

    def slot(self) -> AbstractAsyncContextManager[None]:
        """The right to send one letter: waits while the channel has as many as it can take."""
        ...

    async def send(self, shop: Shop, letter: Letter) -> Receipt: ...


class Permanent(Exception):
    """The provider will never take it; `bounce`: because the address does not exist."""

    def __init__(self, reason: str, *, bounce: bool = False) -> None:
        super().__init__(reason)
        self.bounce = bounce


class Temporary(Exception):
    """Not now; `retry_after` is the provider's wish, if it has one."""

    def __init__(self, reason: str, retry_after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Unknown(Exception):
    """The answer never came: the provider may have the message, or not."""
