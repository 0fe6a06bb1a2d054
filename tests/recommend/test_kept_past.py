"""What is kept between two countings: the same past as if everything were read at once."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import msgspec
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patron.kit.lake import Lake
from patron.recommend.history import deeds, kept, lines, portions, reading
from patron.recommend.history.lines import Names
from patron.recommend.history.reading import Past, Told
from patron.recommend.types import Interactions

NOW = datetime(2026, 6, 1, tzinfo=UTC)
START = NOW - timedelta(days=20)
NAMES = Names("Product Viewed", "Product Added", "Order Completed")
WHO = [UUID(int=(one << 120) + 7 - n) for n, one in enumerate((9, 3, 3, 200, 5))]
ALIAS = {"SKU-A": "a", "b-red": "b"}

Said = tuple[int, int, int, list[int]]
"""Who, what kind of event, the minute, and numbers that make products and an order's id."""
PRODUCTS = ["a", "b", "c", "SKU-A", "b-red", "nobody sells this", ""]


class Shop:
    """A lake that is written to directly, and what the database would tell."""

    def __init__(self, folder: Path) -> None:
        self.lake = Lake(str(folder / "lake" / "events"))
        self.kept = kept.kept_of(self.lake.uri)
        self.position, self.epoch = 0, "first"
        self.items = ["a", "b", "c"]
        self.aliases = ALIAS
        self.roots: dict[bytes, bytes] = {}

    def say(self, said: Sequence[Said]) -> None:
        rows = [self._row(self.position + n + 1, *one) for n, one in enumerate(said)]
        if rows:
            upto = self.position + len(rows)
            self.lake.append(pa.Table.from_pylist(rows), self.epoch, self.position, upto)
            self.position = upto

    def _row(
        self, position: int, who: int, kind: int, minute: int, more: list[int]
    ) -> dict[str, Any]:
        products = [PRODUCTS[number % len(PRODUCTS)] for number in more] or ["a"]
        name = ["Product Viewed", "Product Added", "Order Completed", "Page Viewed"][kind]
        properties: dict[str, Any] = {"product_id": products[0]} if more else {"sku": "SKU-A"}
        if name == "Order Completed":
            properties = {"products": [{"product_id": one} for one in products]}
            if more:
                properties["order_id"] = f"o{more[0] % 3}"
            if len(more) == 1:
                del properties["products"]
        at = START + timedelta(minutes=minute)
        return {
            "position": position,
            "message_id": f"m{position}",
            "name": name,
            "ts": at,
            "origin_id": str(WHO[who]),
            "body": json.dumps({"properties": properties}),
            "month": f"{at:%Y-%m}",
        }

    def told(self, gone: set[bytes] | None = None) -> Told:
        return Told(self.items, self.roots, gone or set(), NAMES, epoch=self.epoch)

    async def find(self, said: Sequence[str]) -> dict[str, str]:
        return {name: self.aliases[name] for name in said if name in self.aliases}

    def past(self, told: Told | None = None, *, now: datetime = NOW) -> Past:
        """As it is read with what is kept, having seen that nothing else comes of it at once."""
        told = told or self.told()
        with self.kept.held(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(portions, "AT_ONCE", 3)
            found = asyncio.run(reading.past(self.lake, self.kept, told, self.find, now))
        with TemporaryDirectory() as folder:
            empty = kept.Kept(Path(folder))
            at_once = asyncio.run(reading.past(self.lake, empty, told, self.find, now))
        assert (found.items, found.position) == (at_once.items, at_once.position)
        assert same(found.interactions, at_once.interactions)
        return found

    def erase(self, who: int) -> None:
        gone = WHO[who]
        self.past(self.told({gone.bytes}))
        self.lake.erase([str(gone)])
        kept.forget(self.lake.uri, [gone])

    def bytes(self) -> bytes:
        return b"".join(path.read_bytes() for path in sorted(self.kept.path.glob("*")))


def same(one: Interactions, other: Interactions) -> bool:
    return all(
        getattr(one, name).tolist() == getattr(other, name).tolist()
        for name in ("person", "item", "at", "kind", "basket", "session")
    ) and (one.people, one.items) == (other.people, other.items)


SAID = st.lists(
    st.tuples(
        st.integers(0, 4), st.integers(0, 3), st.integers(0, 90),
        st.lists(st.integers(0, 8), max_size=3),
    ),
    max_size=8,
)  # fmt: skip
STEP = st.one_of(
    SAID,
    st.sampled_from(
        ["merge", "part", "delete", "rename", "erase", "killed", "damaged", "restored", "compact"]
    ),
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEP, min_size=2, max_size=6), SAID, st.integers(0, 4))
def test_bit_by_bit_is_as_at_once(
    steps: list[str | list[Said]], last: list[Said], who: int
) -> None:
    with TemporaryDirectory() as folder:
        shop = Shop(Path(folder))
        for step in [*steps, last]:
            happen(shop, step, who)
            shop.past()
        assert shop.past().news == 0


def happen(shop: Shop, step: str | list[Said], who: int) -> None:
    other = (who + 1) % len(WHO)
    if isinstance(step, list):
        shop.say(step)
    elif step == "merge":
        shop.roots = {WHO[who].bytes: WHO[other].bytes}
    elif step == "part":
        shop.roots = {}
    elif step == "delete":
        shop.items = ["a", "c"]
    elif step == "rename":
        shop.items, shop.aliases = ["a", "b2", "c"], {**ALIAS, "b": "b2", "b-red": "b2"}
    elif step == "erase":
        shop.erase(who)
        assert WHO[who].bytes not in shop.bytes()
    elif step == "killed":
        killed(shop)
    elif step == "damaged":
        for file in shop.kept.path.glob("deeds-*"):
            file.write_bytes(file.read_bytes()[:-1] + b"!")
    elif step == "restored" and shop.lake.files():
        shop.position //= 2
        shop.epoch += "'"
        shop.lake.cut(shop.position, shop.epoch)
    elif step == "compact" and shop.lake.files():
        table = shop.lake.table()
        assert table is not None
        table.optimize.compact()


def killed(shop: Shop) -> None:
    """A reader that was killed before its last step leaves a file that nobody knows."""
    shop.say([(0, 0, 5, [1])])
    there = shop.kept.manifest()
    span = lines.Span(0 if there is None else there.position, shop.position, 0)
    with shop.kept.held():
        for some in lines.read(shop.lake, NAMES, span, ()):
            shop.kept.add(there or kept.Manifest(), some, 0)


def test_what_only_she_said_goes_with_her_and_nothing_is_read_anew(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.say([(0, 0, 1, [1]), (1, 0, 2, [5]), (1, 2, 3, [5, 0]), (2, 1, 3, [0])])
    assert shop.past().interactions.people == 3
    assert b"nobody sells this" in shop.bytes()
    assert WHO[1].bytes in shop.bytes()
    shop.erase(1)
    assert b"nobody sells this" not in shop.bytes()
    assert WHO[1].bytes not in shop.bytes()
    found = shop.past()
    assert (found.interactions.people, found.news) == (2, 0)


def test_damage_is_told_and_mended(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shop = Shop(tmp_path)
    shop.say([(0, 0, 1, [1]), (1, 0, 2, [0])])
    shop.past()
    happen(shop, "damaged", 0)
    caplog.clear()
    assert shop.past().news == 2
    told = [record for record in caplog.records if record.message == "past is read anew"]
    assert "is not what was written" in str(vars(told[0]))


def test_other_names_of_events_and_other_logs_are_read_anew(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.say([(0, 0, 1, [1]), (1, 3, 2, [0])])
    assert shop.past().news == 1
    otherwise = msgspec.structs.replace(
        shop.told(), names=Names("Product Viewed", "Page Viewed", "Order Completed")
    )
    assert shop.past(otherwise).news == 2
    for epoch in ("", "that the lake does not know yet"):
        unknown = shop.past(msgspec.structs.replace(shop.told(), epoch=epoch))
        assert (unknown.position, len(unknown.interactions)) == (0, 1)
    kept.remove(shop.lake.uri)
    assert [path.name for path in shop.kept.path.iterdir()] == [".lock"]
    assert shop.past().news == 1


def test_what_is_too_old_leaves_the_files(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.say([(0, 0, 0, [1]), (0, 2, 1, [1, 2]), (1, 0, 60 * 24 * 19, [0])])
    assert len(shop.past().interactions) == 4
    later = START + reading.SINCE + timedelta(days=5)
    assert len(shop.past(now=later).interactions) == 1
    assert WHO[0].bytes not in shop.bytes()


def test_the_latest_whole_days_count_where_there_is_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(tmp_path)
    shop.say([(0, 0, day * 1440 + minute, [1]) for day in range(4) for minute in range(3)])
    monkeypatch.setattr(reading, "MOST_ROWS", 7)
    assert len(shop.past().interactions) == 6
    monkeypatch.setattr(reading, "MOST_ROWS", 6)
    assert len(shop.past().interactions) == 6


def test_names_that_somebody_makes_up_do_not_crowd_out_those_of_products(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deeds, "NAMES_MOST", 3)
    shop = Shop(tmp_path)
    shop.say([(0, 0, 1, [0]), (0, 0, 2, [0]), (1, 0, 3, [1]), (1, 1, 4, [1]), (1, 0, 5, [5])])
    shop.say([(2, 0, 6, [3]), (2, 2, 6, [0, 1])])
    found = shop.past()
    assert {found.items[item] for item in found.interactions.item.tolist()} == {"a", "b"}
    there = shop.kept.manifest()
    assert there is not None and len(there.parts) == 1
    assert shop.kept.read(there.parts[0]).names == ["", "a", "b"]
