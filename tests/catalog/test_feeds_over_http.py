"""A shop's developer adds feeds over the API, and at the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from carts.doors import api
from catalog.feed_server import item, rss
from conftest import House
from patron.app.cli.main import build
from patron.app.feeds.routes import routes

BOTH = frozenset({"catalog:read", "catalog:write"})


def test_feeds_are_added_looked_at_paused_and_removed(house: House) -> None:
    with api(house, routes, BOTH) as client:
        body: dict[str, Any] = {"url": "https://acme.example/feed.xml?key=1"}
        made = client.post("/api/feeds", json=body)
        assert made.status_code == 201
        said = made.json()
        assert (said["key"], said["status"], said["every_minutes"]) == ("acme-example", "new", 360)
        guides = {"url": "http://acme.example/rss", "kind": "guide", "every_minutes": 60}
        assert client.post("/api/feeds", json=guides).json()["key"] == "acme-example-guide"
        again = client.post("/api/feeds", json=body)
        assert again.status_code == 409 and again.json()["remedy"]
        listed = client.get("/api/feeds").json()["items"]
        assert [one["kind"] for one in listed] == ["product", "guide"]
        key = "/api/feeds/acme-example"
        assert client.get(key).json()["report"] is None
        assert client.post(f"{key}/pause").json()["status"] == "paused"
        assert client.post(f"{key}/fetch").status_code == 409
        assert client.post(f"{key}/resume").json()["status"] == "new"
        assert client.post(f"{key}/fetch?accept=true").status_code == 202
        assert client.delete(key).status_code == 204
        for method, path in (("GET", key), ("DELETE", key), ("GET", "/api/feeds/%00")):
            assert client.request(method, path).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"url": "/etc/passwd"},
        {"url": "file:///etc/passwd"},
        {"url": "https://10.0.0.1/feed.xml"},
        {"url": "http://169.254.169.254/latest"},
        {"url": "http://[::1]/feed.xml"},
        {"url": "https://user:secret@acme.example/feed.xml"},
        {"url": "https://acme.example/a feed.xml"},
        {"url": "https://acme.example:99999/feed.xml"},
        {"url": "https://acme.example/feed.xml", "key": "No Key"},
        {"url": "https://acme.example/feed.xml", "kind": "Guide!"},
        {"url": "https://acme.example/feed.xml", "every_minutes": 1},
    ],
    ids=lambda body: str(list(body.values())[-1]),
)
def test_a_feed_that_cannot_be_is_refused_with_a_remedy(house: House, body: dict[str, Any]) -> None:
    with api(house, routes, BOTH) as client:
        answer = client.post("/api/feeds", json=body)
        assert answer.status_code == 400
        assert client.get("/api/feeds").json()["items"] == []


def test_who_may_and_who_may_not(house: House) -> None:
    body = {"url": "https://acme.example/feed.xml"}
    with api(house, routes, frozenset({"catalog:read"})) as client:
        assert client.get("/api/feeds").status_code == 200
        assert client.post("/api/feeds", json=body).status_code == 403
    with api(house, routes, frozenset({"profiles:read"})) as client:
        assert client.get("/api/feeds").status_code == 403
    with api(house, routes, None) as client:
        assert client.get("/api/feeds").status_code == 401


def test_a_file_is_added_at_the_command_line(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATRON_DATABASE_URL", house.url)
    monkeypatch.setenv("PATRON_DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "feed.xml"
    file.write_text(rss(item("a"), item("b", price="call [us]")))

    def patron(*words: str, fails: bool = False) -> str:
        done = CliRunner().invoke(build("feed"), ["feed", *words, "--shop", house.acme.slug])
        assert (done.exit_code == 1) is fails, done.output
        return done.output

    said = json.loads(patron("add", "feed.xml", "--every", "1h", "--json"))
    assert said["feed"]["address"] == str(file) and said["feed"]["every_minutes"] == 60
    assert (said["report"]["new"], said["feed"]["status"]) == (2, "ok")
    told = patron("report")
    assert "2 new" in told and "call [us]" in told and "price" in told
    assert json.loads(patron("list", "--json"))[0]["key"] == "feed"
    file.write_text(rss())
    assert "has no items" in patron("fetch", fails=True)
    patron("pause", "feed")
    assert "paused" in patron("fetch", fails=True)
    patron("resume", "feed")
    assert "2 items stay" in patron("remove", "feed")
    assert "no file" in patron("add", "nowhere.xml", fails=True)
    assert "no span" in patron("add", "feed.xml", "--every", "soon", fails=True)
