"""Events of the log or of the lake, and the records that they leave."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np

from patron.segments.keeping import Left
from patron.segments.live.listening import Happened, Listener
from patron.segments.rules.dates import micros

Event = tuple[int, UUID, datetime, str, str | None, str | None, dict[str, Any]]
"""Log position, origin, event time, name, channel, device, properties."""


def left_by(listener: Listener, events: Sequence[Event]) -> Left:
    """The records that events of the log or of the lake leave."""
    origins: dict[UUID, int] = {}
    position, origin, ts, names, channel, device, told = (
        zip(*events, strict=True) if events else ((),) * 7
    )
    table = Happened(
        names,
        np.array([origins.setdefault(one, len(origins)) for one in origin], np.int64),
        np.array([micros(one) for one in ts], np.int64),
        np.array(position, np.int64),
        told,
        {"channel": channel, "device": device},
        listener.asking,
    )
    return Left(list(origins), listener.records(table))
