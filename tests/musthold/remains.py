"""An independent look for a person's names in every byte that an installation keeps.

Nothing of the product's own search is used: names are spelled here anew, tables are dumped by
pg_dump, and the lake is read by Polars.
"""

import base64
import json
import subprocess
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import polars
import psycopg

from patron.kit.postgres.programs import binary


def spelled(names: list[str], ids: list[str]) -> dict[bytes, str]:
    """Every form in which one of these could stand somewhere, by the name it stands for."""
    found: dict[bytes, str] = {}
    for name in names:
        raw = name.encode()
        forms = [
            raw, name.encode("utf-16-le"), name.encode("utf-16-be"), raw.hex().encode(),
            quote(name, safe="").encode(), json.dumps(name)[1:-1].encode(),
            name.replace("@", "\\u0040").encode(),
        ]  # fmt: skip
        for shift in range(3):
            text = base64.b64encode(b"x" * shift + raw + b"x" * 3)
            forms.append(text[4 if shift else 0 : (shift + len(raw)) // 3 * 4])
        found |= {form.lower(): name for form in forms}
    for one in ids:
        id = UUID(one)
        forms = [one.encode(), id.hex.encode(), id.bytes, base64.b64encode(id.bytes)[:20]]
        found |= {form.lower(): one for form in forms}
    return found


def in_files(folder: Path, needles: dict[bytes, str]) -> set[tuple[str, str]]:
    """(file, name) for every file below `folder` with a name in its bytes or its Parquet values."""
    hits = set()
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.is_symlink():
            continue
        bytes_ = path.read_bytes().lower()
        if path.suffix == ".parquet":
            bytes_ += repr(polars.read_parquet(path).rows()).encode().lower()
        place = str(path.relative_to(folder))
        hits |= {(place, name) for form, name in needles.items() if form in bytes_}
    return hits


def in_the_dump(url: str, needles: dict[bytes, str]) -> set[str]:
    """Names in what pg_dump writes, statistics included."""
    command = [str(binary("pg_dump")), "--statistics", f"--dbname={url}"]
    dump = subprocess.run(command, capture_output=True, check=True).stdout.lower()
    return {name for form, name in needles.items() if form in dump}


def origins_of(url: str, user_id: str) -> list[str]:
    """The ids under which everything of a person stands."""
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT o.id::text FROM shop_acme.origin o JOIN shop_acme.origin i"
            " ON i.root_id = o.root_id JOIN shop_acme.identifier n ON n.origin_id = i.id"
            " WHERE n.value = %s", (user_id,),
        ).fetchall()  # fmt: skip
    return [one for (one,) in found]
