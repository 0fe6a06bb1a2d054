"""Counting anew, from the lake, in a process that ends when it is done."""

from datetime import datetime, timedelta
from pathlib import Path

from patron.recommend import shelf
from patron.recommend.together import fit
from patron.recommend.types import Fitted

ORDERS_OF = timedelta(days=730)

# One row a line of an order: its number, and the product. Orders are told apart by their id, so an
# order that was sent twice under two message ids counts once.
_LINES = """
    WITH lines AS (
        SELECT DISTINCT
            coalesce(body ->> '$.properties.order_id', message_id) AS order_id,
            unnest(json_extract_string(body, '$.properties.products[*].product_id')) AS product_id
        FROM read_parquet($files)
        WHERE name = 'Order Completed' AND ts >= $since
    )
    SELECT dense_rank() OVER (ORDER BY order_id) - 1, product_id FROM lines
    WHERE product_id IS NOT NULL
"""


def refresh(files: list[str], models: Path, now: datetime, *, memory: str = "1GB") -> Fitted:
    """Count "bought together" from the lake's `files` and swap the result in.

    Orders of the last two years count. With no order at all there is nothing to swap.
    """
    import duckdb
    import numpy as np
    import pyarrow.compute as pc

    if not files:
        return Fitted(0, 0, 0)
    with duckdb.connect(config={"memory_limit": memory, "threads": 1}) as db:
        lines = db.sql(_LINES, params={"files": files, "since": now - ORDERS_OF}).to_arrow_table()
    if lines.num_rows == 0:
        return Fitted(0, 0, 0)
    coded = pc.dictionary_encode(lines.column(1).combine_chunks())
    products: list[str] = coded.dictionary.to_pylist()
    baskets = lines.column(0).to_numpy().astype(np.int32)
    items = coded.indices.to_numpy(zero_copy_only=False).astype(np.int32)
    table = fit.count(baskets, items, len(products))
    shelf.write(models, products, table, now)
    return Fitted(int(baskets.max()) + 1, len(products), len(table.item))
