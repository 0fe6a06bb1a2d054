"""Importing from outside: the `patron` program, its files, and what stands in the log after it."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, LiteralString

from conftest import House
from patron.shops.types import Shop
from postgres_fixture import ask

PROGRAM = [sys.executable, "-c", "from patron.app.cli.main import main; main()"]


def environment(house: House, data: Path) -> dict[str, str]:
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith("PATRON_")},
        "PATRON_DATABASE_URL": house.url,
        "PATRON_DATA_DIR": str(data),
        "PATRON_SECRET": "a secret of the tests, 32 bytes!",
    }


def start(house: House, data: Path, *words: str, shop: str = "acme") -> subprocess.Popen[str]:
    """`patron import …` under way."""
    return subprocess.Popen(
        [*PROGRAM, "import", *words, "--shop", shop],
        env=environment(house, data),
        cwd=data,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(
    house: House, data: Path, *words: str, shop: str = "acme"
) -> subprocess.CompletedProcess[str]:
    """`patron import …` to its end."""
    process = start(house, data, *words, shop=shop)
    out, err = process.communicate(timeout=240)
    # Messages are wrapped at the width of the terminal; a test asks for their words.
    return subprocess.CompletedProcess(process.args, process.returncode, out, " ".join(err.split()))


def imported(house: House, data: Path, *words: str, shop: str = "acme") -> dict[str, Any]:
    """The outcome of `patron import … --yes --json`, which must succeed."""
    done = run(house, data, *words, "--yes", "--json", shop=shop)
    assert done.returncode == 0, done.stderr
    outcome: dict[str, Any] = json.loads(done.stdout)
    return outcome


def previewed(house: House, data: Path, *words: str) -> dict[str, Any]:
    """The preview as JSON; nothing is imported."""
    done = run(house, data, *words, "--json")
    assert done.returncode == 0, done.stderr
    preview: dict[str, Any] = json.loads(done.stdout)
    return preview


def logged(
    house: House, where: LiteralString = "true", shop: Shop | None = None
) -> list[dict[str, Any]]:
    """Events of the log in its order."""
    schema = (shop or house.acme).schema
    sql: Any = (
        f"SELECT coalesce(json_agg(json_build_object('name', name, 'ts', ts, 'user', user_id,"
        f" 'anonymous', anonymous_id, 'message', message_id, 'source', source, 'trust', trust,"
        f" 'backfill', (flags & 1) = 1, 'body', body) ORDER BY position), '[]'::json)"
        f" FROM {schema}.event WHERE {where}"
    )
    found: list[dict[str, Any]] = ask(house.url, sql)
    return found


def counts(house: House) -> dict[str, int]:
    """How many events of each name the log has."""
    schema = house.acme.schema
    sql: Any = (
        "SELECT coalesce(json_object_agg(name, n), '{}'::json) FROM"
        f" (SELECT name, count(*) AS n FROM {schema}.event GROUP BY name) AS c"
    )
    found: dict[str, int] = ask(house.url, sql)
    return found


def fingerprint(house: House, shop: Shop | None = None) -> str:
    """A digest of what the log holds, whatever order it came in."""
    schema = (shop or house.acme).schema
    sql: Any = (
        "SELECT md5(string_agg(message_id || ts || name || body::text, '' ORDER BY message_id))"
        f" FROM {schema}.event"
    )
    return str(ask(house.url, sql))


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path
