"""What delivery works with, and how much of it at once."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

import msgspec

from patron.delivery.types import Channel
from patron.events.inbox import Inbox
from patron.kit.clock import Clock
from patron.messages.model import Materials
from patron.shops.types import Shop


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """`claims` are taken a round, `in_flight` of them may be handed over at once. `send_lease` must
    outlast the longest conversation with a provider. `walk_wait` and `settle` are real seconds: how
    long a claim waits for the walk, and what an event stamped before the claim may take to be
    committed.
    """

    claims: int = 200
    in_flight: int = 8
    claim_lease: timedelta = timedelta(seconds=60)
    send_lease: timedelta = timedelta(seconds=240)
    walk_wait: float = 3.0
    settle: float = 0.25
    attempts: int = 6


class Deps(msgspec.Struct, frozen=True, kw_only=True):
    """What delivery needs from the process it runs in; `channels` by name ("email").

    `newest` reads a shop anew: whether it is in rehearsal is asked after a claim, so that going
    live, and going back, holds for every message that is claimed later.
    """

    clock: Clock
    inbox: Inbox
    materials: Materials
    channels: Mapping[str, Channel]
    limits: Limits = Limits()
    newest: Callable[[Shop], Awaitable[Shop]] | None = None
