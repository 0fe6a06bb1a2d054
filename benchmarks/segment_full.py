"""Everybody is asked at once: twenty segments, one beside DuckDB, and the count of an unsaved rule.

    python benchmarks/segment_full.py [EVENTS] [PEOPLE]

Fifty million made-up events of a million people unless said otherwise; they take 1.3 GB of disk and
as much again as Parquet for DuckDB. Each measurement is a process of its own; files are in the page
cache, as for DuckDB, which answers from Parquet in the order of time with two threads.
"""

import asyncio
import resource
import statistics
import sys
import tempfile
import time
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import duckdb
import numpy as np

from database import base_database
from figure import show
from patron.events.sorted.layout import Folder
from patron.kit.db import Database, execute
from patron.segments.full.answering import Full, Since
from patron.segments.live.kernels import Asking
from patron.segments.live.listening import NOTHING
from patron.segments.live.program import Chunk, made_ready
from patron.segments.population import store as population
from patron.segments.rules.dates import moment
from patron.segments.rules.language import parse
from patron.segments.trying import preview
from patron.shops.types import Shop
from segment_rules import BEHAVIOURAL, twenty
from sorted_events import END, origin, write

EVENTS, PEOPLE = 50_000_000, 1_000_000
ROUNDS = 5
ZONE = ZoneInfo("America/New_York")
DAY = 86_400_000_000
SQL = f"""
    SELECT who FROM events WHERE name = 'Order Completed' AND ts >= {END - 90 * DAY}
    GROUP BY who HAVING count(*) >= 2
    INTERSECT SELECT who FROM events
    WHERE name = 'Product Viewed' AND category = 'Department 17' AND ts >= {END - 7 * DAY}
    EXCEPT SELECT who FROM events WHERE name = 'Email Opened' AND ts >= {END - 30 * DAY}
"""

KNOWN = (
    """UPDATE origin SET traits = jsonb_build_object(
           'city', jsonb_build_object('v', 'City ' || get_byte(uuid_send(id), 15),
                                      'ts', last_seen, 'trust', 2),
           'birthday', jsonb_build_object(
               'v', (date '1950-01-01' + (get_byte(uuid_send(id), 14) * 80
                     + get_byte(uuid_send(id), 13)))::text, 'ts', last_seen, 'trust', 2))
       WHERE mod(get_byte(uuid_send(id), 12), 2) = 0""",
    """INSERT INTO identifier (kind, value, origin_id, trust, verified, first_seen, last_seen)
       SELECT 'email', id || '@customers.example', id, 2, true, last_seen, last_seen FROM origin
       WHERE mod(get_byte(uuid_send(id), 12), 2) = 0""",
    """INSERT INTO consent (id, address_key, channel, purpose, state, at, recorded_at, source,
           trust)
       SELECT gen_random_uuid(), value, 'email', 'marketing',
              CASE WHEN get_byte(uuid_send(origin_id), 11) < 40 THEN 'withdrawn'
                   ELSE 'granted' END, last_seen, last_seen, 'bench', 2
       FROM identifier WHERE get_byte(uuid_send(origin_id), 11) < 150""",
    """INSERT INTO order_fact (order_id, origin_id, placed_at, position, backfill, currency,
           revenue)
       SELECT id || '-' || n, id, last_seen
              - make_interval(days => n * 40 + get_byte(uuid_send(id), 15)),
              0, true, 'USD', 500 + n * get_byte(uuid_send(id), 14) * 97
       FROM origin, generate_series(1, 3) AS n
       WHERE get_byte(uuid_send(id), 10) < 192 AND mod(get_byte(uuid_send(id), 13), 3) < n""",
)
"""Of half the people traits and an address are known, of most of these a word about letters; half
of all ordered once to three times."""


def kinds() -> dict[str, list[dict[str, Any]]]:
    """Rules by what they ask for."""
    city = {"trait": "city", "op": "in", "value": ["City 7", "City 8", "city 9"]}
    birthday = {"trait": "birthday", "op": "anniversary_in_the_next", "value": 30}
    spent = {"orders": "value", "op": "at_least", "value": 100}
    silent = {"orders": "days_since_last", "op": "at_least", "value": 90}
    champions = {"rfm": "group", "is": "champions"}
    best = {"percentile": "value", "op": "at_least", "value": 90}
    return {
        "events": twenty(),
        "traits": [city, birthday, {"trait": "email", "op": "exists"}],
        "orders": [spent, silent, champions, best],
        "reach": [{"reachable": "email"}, {"consent": "email", "is": "withdrawn"}],
        "mixed": [
            {"and": [{"event": "Product Viewed", "within": {"days": 7}}, spent, city]},
            {"and": [BEHAVIOURAL, {"reachable": "email"}]},
        ],
    }


def apart(what: Any, *given: Any) -> Any:
    """What `what` finds in a process of its own."""
    ours, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_tell, args=(theirs, what, *given))
    process.start()
    theirs.close()
    found = ours.recv()
    process.join()
    assert process.exitcode == 0
    return found


def _tell(pipe: Connection, what: Any, *given: Any) -> None:
    pipe.send(what(*given))


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def made(folder: Path, events: int, people: int, epoch: str) -> tuple[int, int]:
    """(rows, last log position) of the made-up copy."""
    manifest = write(folder, events, people, epoch)
    return manifest.rows, manifest.position


def ours(path: Path, rules: list[dict[str, Any]], rounds: int) -> tuple[list[float], float, int]:
    """(seconds of each round, peak memory in MB, people in the first segment)."""
    took, count = [], 0
    for _ in range(rounds):
        began = time.perf_counter()
        folder = Folder(path)
        manifest = folder.manifest()
        assert manifest is not None
        programs = [made_ready(parse(rule), ZONE) for rule in rules]
        full = Full(folder, manifest, programs, Since([], NOTHING, {}))
        asking = Asking(moment(END), ZONE, changes=False)
        counts = np.zeros(len(programs), np.int64)
        for columns, numbers in full.chunks(asking.at):
            for n, program in enumerate(programs):
                held, _ = program.answer(Chunk(columns, []), asking, full.numbers)
                counts[n] += int((held & (numbers >= 0)).sum())
        took.append(time.perf_counter() - began)
        count = int(counts[0])
    return took, peak(), count


def to_parquet(path: Path, file: Path) -> None:
    """The same events as a table in the order of time."""
    import pyarrow as pa

    folder = Folder(path)
    manifest = folder.manifest()
    assert manifest is not None
    told = pa.array([None, *(one[0] for one in folder.told(manifest, "category")[1:])])
    with duckdb.connect() as db:
        db.execute(
            "SET threads = 2; SET memory_limit = '6GB'; SET preserve_insertion_order = false"
        )
        db.execute(f"SET temp_directory = '{file.parent}'")
        db.execute("CREATE TABLE events (who UINTEGER, ts BIGINT, name VARCHAR, category VARCHAR)")
        for run in manifest.runs:
            every = slice(0, run.rows)
            category = np.zeros(run.rows, np.int64)
            folder.read(run, "category", every, category)
            columns = {
                "who": np.asarray(folder.mapped(run, "who")),
                "ts": np.asarray(folder.mapped(run, "at")),
                "name": pa.array([run.name]).take(pa.array(np.zeros(run.rows, np.int8))),
                "category": told.take(pa.array(category)),
            }
            db.register("part", pa.table(columns))
            db.execute("INSERT INTO events SELECT * FROM part")
        db.execute(
            f"COPY (SELECT * FROM events ORDER BY ts) TO '{file}'"
            " (FORMAT parquet, COMPRESSION zstd)"
        )


def duck(file: Path, rounds: int) -> tuple[list[float], int]:
    """(seconds of each round, people) of the behavioural segment in SQL."""
    took, count = [], 0
    for _ in range(rounds):
        with duckdb.connect() as db:
            db.execute("SET threads = 2")
            db.execute(f"CREATE VIEW events AS SELECT * FROM read_parquet('{file}')")
            began = time.perf_counter()
            count = len(db.execute(SQL).fetchall())
            took.append(time.perf_counter() - began)
    return took, count


async def put_people(url: str, shop: Shop, people: int, epoch: str, position: int) -> None:
    """The people of the made-up events, in the database that the copy belongs to."""
    async with Database(url, max_size=1, name="bench") as db, db.unit(shop.schema) as tx:
        copy = "COPY origin (id, root_id, first_seen, last_seen, totals) FROM STDIN"
        async with tx.cursor() as cursor, cursor.copy(copy) as out:
            for number in range(people):
                id = UUID(bytes=origin(number))
                await out.write_row((id, id, moment(END), moment(END), b""))
        sql = "UPDATE walk SET epoch = %s, position = %s, lake_position = %s"
        await execute(tx, sql, (UUID(epoch), position, position))
        for sql in KNOWN:
            await execute(tx, sql)
        cuts = await population.count(tx, moment(END - 700 * DAY), shop.currency)
        await population.publish(tx, moment(END), moment(END - 700 * DAY), shop.currency, cuts)
    async with Database(url, max_size=1, name="bench") as db, db.session() as connection:
        for table in ("origin", "identifier", "order_fact", "consent"):
            await execute(connection, f'VACUUM (ANALYZE) "{shop.schema}".{table}')


def previewed(url: str, shop: Shop, path: Path) -> tuple[dict[str, list[float]], float]:
    """(seconds of each count by kind of rule, peak memory): each as somebody who writes it asks
    it."""

    async def count() -> dict[str, list[float]]:
        took: dict[str, list[float]] = {}
        async with Database(url, max_size=2, name="preview") as db:
            for kind, rules in kinds().items():
                for rule in rules:
                    began = time.perf_counter()
                    found = await preview(db, shop, parse(rule), moment(END), copy=Folder(path))
                    took.setdefault(kind, []).append(time.perf_counter() - began)
                    assert found.complete, rule
        return took

    return asyncio.run(count()), peak()


def main() -> None:
    given = [int(float(one)) for one in sys.argv[1:]]
    events, people = (*given, *(EVENTS, PEOPLE)[len(given) :])
    epoch = str(uuid4())
    with tempfile.TemporaryDirectory(prefix="patron-bench-") as name:
        path, file = Path(name) / "sorted", Path(name) / "events.parquet"
        rows, position = apart(made, path, events, people, epoch)
        what = f"{rows} events of {people} people"
        apart(to_parquet, path, file)
        theirs, wanted = apart(duck, file, ROUNDS)
        one, used, count = apart(ours, path, [BEHAVIOURAL], ROUNDS)
        assert count == wanted, (count, wanted)
        note = f"{what}, {count} in it, peak {used:.0f} MB; reference: DuckDB over Parquet"
        show("segment_full_one", statistics.median(one), "s",
             reference=statistics.median(theirs), note=note)  # fmt: skip
        file.unlink()
        all_, used, _ = apart(ours, path, twenty(), 1)
        show("segment_full_20", all_[0], "s", note=f"{what}, peak {used:.0f} MB")
        show("segment_full_20_peak", used, "MB", note=what)
        with base_database() as (url, shop):
            asyncio.run(put_people(url, shop, people, epoch, position))
            took, used = apart(previewed, url, shop, path)
        for kind, theirs in took.items():
            slowest = f"slowest of {len(theirs)} rules {max(theirs):.2f} s"
            note = f"{what}; {slowest}, peak of all {used:.0f} MB"
            name = "segment_preview_p50" if kind == "events" else f"segment_preview_p50_{kind}"
            show(name, statistics.median(theirs), "s", note=note)


if __name__ == "__main__":
    main()
