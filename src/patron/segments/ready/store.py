"""The SQL of who moved from which group to which."""

from collections.abc import Mapping
from datetime import datetime

from patron.kit.db import Tx


async def moves(
    tx: Tx, groups: Mapping[int, str], since: datetime
) -> list[tuple[str | None, str | None, int]]:
    """(group then, group now, people) of everybody who was or is in one of the segments, whose ids
    `groups` names. People who turned out to be one are one, at both moments."""
    cursor = await tx.execute(
        "WITH stay AS (SELECT coalesce(o.root_id, m.origin_id) AS person, m.segment_id,"
        " m.entered_at, m.left_at FROM membership m"
        " LEFT JOIN v_origin o ON o.origin_id = m.origin_id WHERE m.segment_id = ANY(%(ids)s)),"
        " before AS (SELECT DISTINCT ON (person) person, segment_id FROM stay"
        " WHERE entered_at <= %(since)s AND (left_at IS NULL OR left_at > %(since)s)"
        " ORDER BY person, entered_at DESC),"
        " today AS (SELECT DISTINCT ON (person) person, segment_id FROM stay"
        " WHERE left_at IS NULL ORDER BY person, entered_at DESC)"
        " SELECT b.segment_id, t.segment_id, count(*) FROM before b"
        " FULL JOIN today t ON t.person = b.person GROUP BY 1, 2",
        {"ids": list(groups), "since": since},
    )
    return [
        (None if then is None else groups[then], None if now is None else groups[now], int(count))
        for then, now, count in await cursor.fetchall()
    ]
