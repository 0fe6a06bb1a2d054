"""The house keeps its own rules: budgets, furniture, one table – one store, one clock."""

from collections.abc import Iterator
from pathlib import Path

import lints
import pytest

import patron

ROOT = Path(patron.__file__).parent
FILES = sorted(p for p in ROOT.rglob("*.py"))
ROOMS = sorted(p for p in ROOT.iterdir() if (p / "__init__.py").exists())
TESTS = sorted(Path(__file__).parents[1].rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_file_keeps_to_the_rules(path: Path) -> None:
    source = path.read_text("utf-8")
    broken = lints.too_long(source) + lints.imports_inside(source) + lints.banned_name(path)
    if name(path) != "kit/clock.py":
        broken += lints.reads_the_clock(source)
    if path.name == "__init__.py" and path.parent != ROOT:
        broken += lints.says_more_than_its_rule(source)
    assert broken == []


@pytest.mark.parametrize("path", TESTS, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_a_test_file_stays_within_its_budget(path: Path) -> None:
    assert lints.too_long(path.read_text("utf-8")) == []


def lines_of(floor: Path) -> int:
    """Lines of a room or floor; a floor of its own (a sub-package) counts apart."""
    total = 0
    for entry in floor.iterdir():
        if entry.suffix == ".py":
            total += entry.read_text("utf-8").count("\n")
    return total


def floors() -> Iterator[Path]:
    for init in ROOT.rglob("__init__.py"):
        yield init.parent


@pytest.mark.parametrize("floor", sorted(floors()), ids=name)
def test_a_room_is_not_too_large(floor: Path) -> None:
    assert lines_of(floor) <= lints.ROOM_LINES


def test_a_table_belongs_to_one_room_and_only_its_store_names_it() -> None:
    owner: dict[str, str] = {}
    for sql in ROOT.rglob("migrations/**/*.sql"):
        room = sql.relative_to(ROOT).parts[0]
        for table in lints.made_tables(sql.read_text("utf-8")):
            assert owner.setdefault(table, room) == room, f"{table} is made by two rooms"
    assert owner
    broken = []
    for path in FILES:
        room = path.relative_to(ROOT).parts[0]
        is_store = path.stem == "store" or path.stem.endswith("_store")
        for table in lints.named_tables(path.read_text("utf-8"), set(owner)):
            if owner[table] != room or not is_store:
                broken.append(f"{name(path)} names {table} of {owner[table]}")
    assert broken == []


def test_every_room_stands_in_the_corridor() -> None:
    contract = (ROOT.parents[1] / ".importlinter").read_text("utf-8")
    for room in ROOMS:
        assert room.name in contract, f"{room.name} is missing in .importlinter"
        assert f"({room.name})" not in contract, f"{room.name} is built: take the parentheses away"
