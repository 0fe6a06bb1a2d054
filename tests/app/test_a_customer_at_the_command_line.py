"""At the command line the owner finds a customer, opens her page and writes on it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from conftest import House
from patron.app.audit.commands import me
from patron.app.cli.main import build
from patron.kit.db import Tx
from patron.profiles import walk
from patron.profiles.labels.routes import routes as label_routes
from patron.profiles.search.routes import routes as search_routes
from patron.segments.predictions.routes import routes as predictions
from profiles.asking import asking
from profiles.stories import identified
from stage import Stage, play

Command = Callable[..., Any]
TRAITS = {"first_name": "Ada [b]", "address": {"city": "Cluj", "lines": ["Mill Lane", 4]}}


@pytest.fixture
def patron(house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Runs a command in acme's shop; what it answers to --json, or its text for people."""

    async def story(stage: Stage) -> None:
        ada = identified("ada", email="ada@x.example", traits=TRAITS)
        eve = identified("eve", email="eve@x.example", minutes=1)
        async with stage.unit() as tx:
            await resolve(tx, ada, eve)
        await stage.walk(
            stage.orders("u:ada", order_id="R-1", revenue=30, coupon="SPRING"),
            stage.adds("u:ada", brand="Hollin"),
        )

    async def resolve(tx: Tx, *batch: Any) -> None:
        await walk.resolve(tx, house.acme, list(batch), house.clock.now(), house.signer)

    play(house, story)
    monkeypatch.setenv("PATRON_DATABASE_URL", house.url)
    monkeypatch.setenv("PATRON_DATA_DIR", str(tmp_path))

    def run(*words: str, text: bool = False, code: int = 0) -> Any:
        how = [] if text or code else ["--json"]
        done = CliRunner().invoke(build(words[0]), [*words, "--shop", house.acme.slug, *how])
        assert done.exit_code == code, done.output
        return json.loads(done.stdout) if how else " ".join(done.output.split())

    return run


def test_she_is_found_as_over_http(patron: Command, house: House) -> None:
    found = patron("profile", "search", "ada@")
    with asking(house, search_routes) as client:
        assert found == client.get("/api/profiles", params={"q": "ada@"}).json()
    assert [one["orders"] for one in found["items"]] == [1]
    first = patron("profile", "search", "--known", "--limit", "1")
    rest = patron("profile", "search", "--known", "--cursor", first["next_cursor"])
    assert len(first["items"]) == 1 and len(rest["items"]) == 1
    assert "Ada [b]" in patron("profile", "search", "R-1", text=True)
    more = patron("profile", "search", "--known", "--limit", "1", text=True)
    assert f"--cursor {first['next_cursor']}" in more  # in one line, to be copied
    assert "Nobody" in patron("profile", "search", "nobody", text=True)
    assert "limit 0" in patron("profile", "search", "--limit", "0", code=1)


def test_her_page_has_what_was_written_on_it(patron: Command, house: House) -> None:
    tagged = patron("profile", "tag", "user_id:ada", "Bargain shopper")
    assert [(one["tag"], one["by"]) for one in tagged] == [("Bargain shopper", me().name)]
    patron("profile", "tag", "user_id:eve", "bargain shopper")
    assert patron("profile", "tags") == [{"tag": "Bargain shopper", "people": 2}]
    note = patron("profile", "note", "user_id:ada", "Asked for [oak].")
    shown = patron("profile", "show", "user_id:ada")
    page = shown["profile"]
    assert [one["text"] for one in page["notes"]] == ["Asked for [oak]."]
    assert page["orders"]["value"] == 3_000 and shown["email"]["consent"] == "none"
    assert {one["name"] for one in shown["timeline"]} == {"Order Completed", "Product Added"}
    told = patron("profile", "show", "user_id:ada", text=True)
    for words in ("Asked for [oak].", "Bargain shopper", "$30.00", "SPRING", "Hollin", "R-1"):
        assert words in told
    assert "city: Cluj, lines: Mill Lane, 4" in told
    assert patron("profile", "untag", "user_id:ada", "BARGAIN shopper") == []
    assert patron("profile", "unnote", "user_id:ada", note["id"]) == {"removed": note["id"]}
    with asking(house, label_routes) as client:
        assert client.get("/api/profiles/user_id:ada/notes").json()["items"] == []
    assert "does not exist" in patron("profile", "untag", "user_id:ada", "gone", code=1)
    assert "60 printable" in patron("profile", "tag", "user_id:ada", "a/b", code=1)


def test_a_trait_is_tried_kept_and_taken_away(patron: Command, tmp_path: Path) -> None:
    file = tmp_path / "spent.json"
    file.write_text('{"event": "Order Completed", "compute": "sum", "property": "revenue"}')
    assert patron("trait", "try", str(file), "user_id:ada")["value"] == 30
    assert "30, out of 1 events" in patron("trait", "try", str(file), "user_id:ada", text=True)
    kept = patron("trait", "set", "spent", str(file), "--name", "Spent")
    assert patron("trait", "list") == [kept]
    page = patron("profile", "show", "user_id:ada")["profile"]
    assert [(one["key"], one["value"]) for one in page["computed"]] == [("spent", 30)]
    assert patron("trait", "remove", "spent") == {"removed": "spent"}
    assert "No computed trait" in patron("trait", "list", text=True)
    file.write_text('{"event": "Order Completed", "compute": "median"}')
    assert "$.compute" in patron("trait", "set", "spent", str(file), code=1)
    file.write_text("{")
    assert "is no JSON" in patron("trait", "set", "spent", str(file), code=1)
    assert "cannot be read" in patron("trait", "set", "spent", str(tmp_path / "gone"), code=1)


def test_what_is_predicted_of_her_is_brought_shown_and_taken_away(
    patron: Command, house: House, tmp_path: Path
) -> None:
    file = tmp_path / "scores.csv"
    file.write_text("person,value\nuser_id:ada,0.4\nnobody,1\n")
    done = patron("prediction", "import", "churn", str(file), "--label", "Leaves")
    assert (done["version"], done["people"], done["left_out"]) == (1, 1, 1)
    said = patron("prediction", "import", "churn", str(file), text=True)
    assert "1 people by 2 rows, 1 left out" in said and "row 3, nobody: nobody is known so" in said
    with asking(house, predictions) as client:
        assert patron("prediction", "list") == client.get("/api/predictions").json()["items"]
        hers = client.get("/api/profiles/user_id:ada/predictions").json()
        assert patron("prediction", "of", "user_id:ada") == hers
        assert [(one["name"], one["value"]) for one in hers] == [("churn", 0.4)]
        body = {"scores": [{"person": "user_id:ada", "value": "soon"}], "kind": "number"}
        told = client.put("/api/predictions/churn", json=body).json()
        assert told["problems"][0]["problem"] == "the value is no number"
        assert client.put("/api/predictions/alive", json=body).status_code == 409
    assert patron("prediction", "remove", "churn") == {"removed": "churn"}
    assert patron("prediction", "list") == []
