"""The shopkeeper asks, tries, writes and reads off at the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from conftest import House
from patron.app.cli.main import build
from patron.app.cli.recommend.reading import waiting
from patron.recommend.pace import Untrained
from patron.recommend.training.report import Counted
from recommend.floor import Floor, a_past, play, product

LESS = {"name": "Cheap", "count": 3, "chain": ["best_sellers"], "filters": ["price < 10"]}


@pytest.mark.parametrize(
    ("deeds", "asked_for", "said"),
    [
        (72, False, "comes with 300 orders or 5,000 deeds, else in the night, by"),
        (5_000, False, "That is enough to train: after one of the next countings, at the latest"),
        (5_000, True, "Training was asked for and begins soon."),
    ],
)
def test_when_the_first_training_comes(
    house: House, deeds: int, asked_for: bool, said: str
) -> None:
    now = house.clock.now()
    found = Untrained(Counted(now, 9, deeds, deeds, 1.0, 1.0), 300, 5_000, asked_for, now)
    assert said in waiting(found, house.acme)


@pytest.fixture
def asked(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs `patron recommend …` on the house's database; what it answers to `--json`."""
    monkeypatch.setenv("PATRON_DATABASE_URL", house.url)
    monkeypatch.setenv("PATRON_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("PATRON_TRAINING_SECONDS", "1")

    def run(*words: str, code: int = 0, plain: bool = False) -> Any:
        said = ["recommend", *words, "--shop", "acme", *([] if plain else ["--json"])]
        done = CliRunner().invoke(build("recommend"), said)
        assert done.exit_code == code, done.output
        return done.output if plain or code else json.loads(done.stdout)

    return run


def test_at_the_command_line(house: House, tmp_path: Path, asked: Any) -> None:
    async def story(floor: Floor) -> None:
        await floor.stock(product("lamp", 4_000), product("bulb", 500), product("cup", 1_200))
        await a_past(floor, 12)
        await floor.train(refresh=True)

    play(house, tmp_path, story)
    assert "bought_together" in {one["key"] for one in asked("placements")}
    near = asked("show", "bought_together", "--product", "lamp")
    assert near["items"][0]["id"] == "bulb"
    hers = asked("show", "recommended_for_you", "--profile", "user_id:person-1")
    assert {one["id"] for one in hers["items"]} == {"lamp", "bulb", "cup"}
    assert "Nobody" not in asked("show", "new", "--profile", "email:nobody@x.example", code=1)
    for option, wrong in (("--product", "lmap"), ("--cart", "lmap"), ("--profile", "")):
        assert "does not exist" in asked("show", "best_sellers", option, wrong, code=1)
    assert "does not exist" in asked("show", "nothing", code=1)
    file = tmp_path / "cheap.json"
    file.write_text(json.dumps(LESS))
    tried = asked("try", str(file), "--cart", "lamp", "--cart", "lmap")
    assert tried["unknown"] == ["lmap"]
    assert "in the cart: lmap" in asked("try", str(file), "--cart", "lmap", plain=True)
    assert [one["item"]["id"] for one in tried["items"]] == ["bulb"]
    rules = {one["rule"]: one["count"] for one in tried["dropped"]}
    assert rules["filter[0]"] == 1 and rules["in_cart"] == 1
    _empty(asked, file)
    file.write_text(json.dumps({**LESS, "filters": ["prize < 10"]}))
    wrong = asked("put", "cheap", str(file), code=1)
    assert "prize" in wrong and "price" in wrong
    file.write_text(json.dumps(LESS))
    assert asked("put", "cheap", str(file))["own"] is True
    file.write_text(json.dumps({**LESS, "on": False}))
    asked("put", "off", str(file))
    for words in (("show", "off"), ("batch", "off", "--output", str(tmp_path / "off.jsonl"))):
        assert "placement off is off" in asked(*words, code=1)
    assert not (tmp_path / "off.jsonl").exists()
    assert asked("results", "cheap")["revenue"] == 0
    assert asked("results", "cheap", "--window", "7")["proof"] is None
    assert asked("delete", "cheap") == {"deleted": "cheap"}
    assert "has written no placement" in asked("delete", "cheap", code=1)
    assert '"on": false' in asked("delete", "best_sellers", code=1)
    lines = tmp_path / "lines.jsonl"
    done = asked("batch", "recommended_for_you", "--output", str(lines))
    assert done == {"customers": 12, "file": str(lines)}
    every = [json.loads(line) for line in lines.read_text().splitlines()]
    assert len(every) == 12 and all(one["answer"]["items"] for one in every)
    assert "does not exist" in asked("batch", "nothing", "--output", str(lines), code=1)
    assert len(lines.read_text().splitlines()) == 12 and not list(tmp_path.glob(".lines*"))
    assert asked("report")["counted"]["deeds"] > 0
    before = asked("report", plain=True)
    assert "Nothing was trained yet" in before and "of 72 deeds" in before
    report = asked("train")
    assert report["orders"] == 12
    assert report["counted"]["trained"] and report["counted"]["deeds"] == 72
    assert asked("report") == report
    told = asked("report", plain=True)
    assert "new of 72 deeds" in told
    assert "on 12 orders" in told and "popular" in told and "; \n" not in told
    assert {"bias", "novel", "shown"} <= {
        line.split()[0] for line in told.splitlines() if line.strip()
    }


def _empty(asked: Any, file: Path) -> None:
    """An empty answer says why, and a result without any sale has its days."""
    file.write_text(json.dumps({**LESS, "filters": ["price < 0"]}))
    told = asked("try", str(file), plain=True)
    assert "Nothing to offer. All that its strategies offer is kept out." in told
    assert asked("put", "dear", str(file))["own"] is True
    told = asked("show", "dear", plain=True)
    assert "Nothing to offer. All" in told and "3: A filter does not let it pass" in told
    asked("delete", "dear")
    told = asked("results", "best_sellers", plain=True)
    assert "0 times to 0 people" in told and told.count("0.00") > 30
    period = ("--since", "2026-03-01", "--until", "2026-03-03")
    days = [one["day"] for one in asked("results", "best_sellers", *period)["days"]]
    assert days == ["2026-02-28", "2026-03-01", "2026-03-02"]
    assert "earlier of the two" in asked("results", "new", *period[:3], "2026-03-01", code=1)
    assert "Lamp" in asked("show", "best_sellers", plain=True)
    told = asked("report", plain=True)
    assert "Usual parameters" in told and "300 orders or 5,000 deeds, else in the night" in told
