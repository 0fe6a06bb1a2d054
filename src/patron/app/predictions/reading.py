"""Scores out of a file: a column that names people, and a column of values."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from patron.app.imports.reading.encoding import Mended, survey
from patron.app.imports.reading.faults import Faults
from patron.app.imports.reading.tables import open_table
from patron.app.imports.reading.values import cell, moment
from patron.kit.db import Database
from patron.kit.problems import bad_request
from patron.segments.predictions import keeping
from patron.segments.predictions.keeping import Brought, Score
from patron.segments.predictions.types import Kind
from patron.shops.types import Shop

MOST_ROWS = 5_000_000
_PERSON = (
    "person",
    "user_id",
    "userid",
    "email",
    "e-mail",
    "customer",
    "customer_id",
    "id",
    "phone",
)
_VALUE = ("value", "score", "prediction", "predicted", "probability", "date")


async def bring(
    db: Database,
    shop: Shop,
    key: str,
    path: Path,
    kind: Kind,
    label: str | None,
    now: datetime,
) -> Brought:
    """Publish the scores in `path` as the next version. Problem 400 for a file that is no table of
    people and values."""
    keeping.check_name(key)
    scores = read(path, kind, shop)
    async with db.unit(shop.schema) as tx:
        return await keeping.bring(tx, shop, key, label, kind, scores, now)


def read(path: Path, kind: Kind, shop: Shop) -> list[Score]:
    """The rows of a file; `email` and `phone` columns hold such, others what a person may be called
    by. Problem 400."""
    if not path.is_file():
        raise bad_request(f"file {path} does not exist", remedy="check the path")
    try:
        table = open_table(path, survey(path))
    except (OSError, EOFError) as error:
        raise bad_request(f"file {path} cannot be read: {error}", remedy="copy it again") from error
    names = [name.strip().lower() for name in table.columns]
    person = next((names.index(one) for one in _PERSON if one in names), None)
    value = next((names.index(one) for one in _VALUE if one in names), None)
    if person is None or value is None:
        raise bad_request(
            f"the columns {names[:10]} do not name people and values",
            remedy="call one `person` (or `email`, `user_id`) and one `value`",
        )
    prefix = {"email": "email:", "e-mail": "email:", "phone": "phone:"}.get(names[person], "")
    prefix = "user_id:" if names[person] in ("user_id", "userid") else prefix
    whom, what = cell(person), cell(value)
    faults, mended, zone = Faults(None), Mended(), ZoneInfo(shop.time_zone)
    scores: list[Score] = []
    for number, cells in table.rows(mended, faults):
        if len(scores) == MOST_ROWS:
            raise bad_request(
                f"file {path} has more than {MOST_ROWS:,} rows", remedy="leave rows out"
            )
        told = what(cells)
        if kind == Kind.DATE:
            read_as = moment(told, None)
            if read_as is not None:
                read_as = read_as if read_as.tzinfo else read_as.replace(tzinfo=zone)
                told = read_as.astimezone(UTC).isoformat()
        scores.append(Score(number, f"{prefix}{whom(cells) or ''}", told))
    return scores
