"""What somebody answered about herself, kept as traits of hers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from patron.events.types import Trust
from patron.kit.db import Tx, execute, value
from patron.profiles.batch.state import read_traits, write_traits
from patron.profiles.changes import store as changes
from patron.profiles.traits import written


async def keep(tx: Tx, origin_id: UUID, answers: Mapping[str, Any], now: datetime) -> bool:
    """Write answers down as traits; null takes one away. Whether anything changed.

    Nobody knows better what she likes than she does, so her answer is believed as the shop is.
    """
    found = await value(
        tx, "SELECT traits::text FROM origin WHERE id = %s FOR NO KEY UPDATE", (origin_id,)
    )
    if found is None:
        return False
    traits = read_traits(found)
    if not written(traits, answers, now, Trust.SERVER):
        return False
    await execute(
        tx,
        "UPDATE origin SET traits = %s::jsonb WHERE id = %s",
        (write_traits(traits).decode(), origin_id),
    )
    await changes.note(tx, [origin_id], now)
    return True
