"""What stands in a running installation's database and lake, read past its doors."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import psycopg

from patron.kit.lake import lake_of
from patron.kit.postgres.server import PostgresServer
from postgres_fixture import log_text
from running import Running, eventually, running

T = TypeVar("T")


class Inside:
    """One shop of a running installation, as somebody with the disk and a psql sees it."""

    def __init__(self, house: Running, slug: str = "acme", url: str = "") -> None:
        self.house = house
        self.slug = slug
        self.schema = "shop_" + slug.replace("-", "_")
        self.data = house.folder / "data"
        self._url = url

    @property
    def postgres(self) -> Path:
        return self.data / "postgres"

    @property
    def url(self) -> str:
        """Of the installation's PostgreSQL, which runs; the address stays the same."""
        if not self._url:
            server = PostgresServer(self.postgres)
            self._url = server.start()
            assert not server.launched, "the installation's own server does not run"
        return self._url

    def connect(self, **more: Any) -> "psycopg.Connection[Any]":
        """A connection in the shop's schema, as a test may hold one open."""
        return psycopg.connect(
            self.url,
            options=f"-c search_path={self.schema}",
            application_name="a test",
            connect_timeout=60,
            **more,
        )

    def rows(self, sql: Any, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self.connect(autocommit=True) as connection:
            cursor = connection.execute(sql, params or None)
            return list(cursor.fetchall()) if cursor.description else []

    def value(self, sql: Any, params: Sequence[Any] = ()) -> Any:
        found = self.rows(sql, params)
        return found[0][0] if found else None

    def or_none(self, look: Callable[[], T]) -> T | None:
        """What `look` finds, None while the database is away."""
        try:
            return look()
        except psycopg.OperationalError:
            return None

    def kill_postgres(self) -> None:
        """kill -9 of the server and its children: a power cut."""
        PostgresServer(self.postgres).kill()

    def postgres_log(self) -> str:
        return log_text(self.postgres)

    # --- the log ---

    def position(self) -> int:
        return int(self.value("SELECT position FROM walk"))

    def unwalked(self) -> int:
        """Rows that were acknowledged and are not walked, of all lanes."""
        return int(
            self.value(
                "SELECT count(*) FROM inbox i LEFT JOIN lane l ON l.id = i.lane"
                " WHERE i.seq > coalesce(l.cursor_seq, 0)"
            )
        )

    def walked(self) -> None:
        """Returns when everything that was acknowledged is walked."""
        eventually(lambda: self.or_none(self.unwalked) == 0, "the walk of everything")

    def logged(self) -> "Counter[str]":
        """Message ids of the log, and how often each is there."""
        return Counter(found[0] for found in self.rows("SELECT message_id FROM event"))

    def events(self, where: str = "true", params: Sequence[Any] = ()) -> int:
        return int(self.value(f"SELECT count(*) FROM event WHERE {where}", params))

    def dead_letters(self) -> list[tuple[str, str]]:
        return [(r, d) for r, d in self.rows("SELECT reason, detail FROM dead_letter ORDER BY id")]

    # --- the lake ---

    def in_lake(self, column: str = "message_id") -> "Counter[Any]":
        files = lake_of(self.data, self.slug).files()
        with duckdb.connect() as db:
            found = db.execute(f"SELECT {column} FROM read_parquet($files)", {"files": files})
            return Counter(value for (value,) in found.fetchall())

    # --- the outbox ---

    def messages(self) -> list[dict[str, Any]]:
        names = ("id", "state", "reason", "address", "attempts", "claimed_at", "handed_over_at")
        found = self.rows(f"SELECT {', '.join(names)} FROM outbox ORDER BY id")
        return [dict(zip(names, row, strict=True)) for row in found]

    def states(self) -> "Counter[str]":
        return Counter(message["state"] for message in self.messages())

    def pass_leases(self, older_than_seconds: float = 15) -> None:
        """Let the leases of dead workers end now instead of minutes later."""
        self.rows(
            "UPDATE outbox SET lease_until = now() WHERE state IN ('claimed', 'handing_over')"
            " AND coalesce(handed_over_at, claimed_at) < now() - %s * interval '1 second'"
            " AND claimed_at < now() - %s * interval '1 second'",
            (older_than_seconds, older_than_seconds),
        )


def soon(look: Callable[[], bool], seconds: float) -> bool:
    """Whether `look` comes true within `seconds`; for what must not happen."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if look():
            return True
        time.sleep(0.02)
    return False


@contextmanager
def open_shop(
    name: str = "Acme", *, folder: Path | None = None, **settings: object
) -> Iterator[Running]:
    """A running installation with one live shop, in `folder` if one is given."""
    with running(folder, **settings) as house:
        house.open_shop(name)
        house.start()
        yield house


def quick_cart_journey(house: Running, seconds: int = 1, *, holdout: float = 0) -> None:
    """Have the cart journey wait seconds instead of an hour, and switch it on."""
    journey = house.call("GET", "/api/journeys/abandoned_cart").json()
    definition = journey["definition"]
    definition["steps"][0]["wait"] = {"seconds": seconds}
    definition["holdout"] = holdout
    changed = house.call(
        "PUT",
        "/api/journeys/abandoned_cart",
        json={"name": journey["name"], "definition": definition},
    )
    assert changed.status_code == 200, changed.text
    switched = house.call("POST", "/api/journeys/abandoned_cart/on")
    assert switched.status_code in (200, 201), switched.text


def item(name: str) -> dict[str, Any]:
    return {
        "product_id": name,
        "name": f"Hollin {name.title()}",
        "price": 4.5,
        "quantity": 1,
        "url": f"https://acme.example/p/{name}",
    }


def consent(address: str) -> dict[str, Any]:
    """Properties of an `Email Subscribed`."""
    return {"email": address, "list": "news", "text": "Yes, write to me", "where": "checkout"}
