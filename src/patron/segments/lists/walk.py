"""The lists' step of the walk: an imported row puts the person it turned out to be on its list."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from patron.events.types import Event, Source, Trust
from patron.kit.db import Tx
from patron.segments.lists import store
from patron.segments.lists.types import ADDED


async def join(tx: Tx, events: Sequence[Event]) -> None:
    """Memberships that imports of the owner tell; whoever else says so says it to the log alone."""
    words: dict[tuple[UUID, UUID], tuple[UUID, UUID, datetime, str]] = {}
    for event in events:
        if event.name != ADDED or event.source is not Source.IMPORT or event.trust < Trust.SERVER:
            continue
        try:
            list_id = UUID(str(event.properties.get("list_id")))
        except ValueError:
            continue
        source = str(event.properties.get("source", "import"))
        words.setdefault((list_id, event.origin_id), (list_id, event.origin_id, event.ts, source))
    if words:
        await store.join(tx, list(words.values()))
