"""Ready-made and suggested segments over HTTP, and the same at the command line."""

import json
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

from conftest import House
from imports.files import PROGRAM, environment
from patron.app.care import segmented
from patron.app.care.finding import Finding
from patron.app.segments import deleting
from patron.segments import filling
from patron.segments.ready import routes as ready
from patron.segments.ready.catalogue import catalogue
from patron.segments.saved import routes as saved
from patron.segments.suggesting import finding
from patron.segments.suggesting import routes as suggesting
from profiles.asking import asking
from stage import Stage, play

ROUTES = [*ready.routes, *suggesting.routes, *saved.routes]
READ = frozenset({"profiles:read"})


def _buyers(house: House) -> None:
    """Sixty who order boots on sale again and again, sixty who ordered a coat once."""

    async def story(stage: Stage) -> None:
        batch = []
        for number in range(120):
            often = number % 2
            for turn in range(6 if often else 1):
                told = {"discount": 5, "total": 20} if often else {"discount": 0, "total": 300}
                goods = [{"product_id": "p", "category": "Boots" if often else "Coats"}]
                ago = timedelta(days=3 + turn * 20 + number % 7)
                batch.append(stage.orders(f"u:{number}", ago, products=goods, **told))
        await stage.walk(*batch)
        await finding.find(stage.db, stage.shop, stage.house.clock)

    play(house, story)


def _fill(house: House) -> None:
    async def story(stage: Stage) -> None:
        await filling.fill(stage.db, stage.shop, None, stage.house.clock)

    play(house, story)


def test_over_http(house: House) -> None:
    _buyers(house)
    _fill(house)
    with asking(house, ROUTES) as api:
        listed = {one["key"]: one for one in api.get("/api/segments/ready-made").json()}
        assert listed["repeat-buyers"]["count"] == listed["fans-of-boots"]["count"] == 60
        assert listed["vip"]["counted_all"] and listed["vip"]["saved"] is None
        quick = api.get("/api/segments/ready-made", params={"count": "false"}).json()
        assert {one["count"] for one in quick} == {None}

        early = api.get("/api/segments/movement")
        assert early.status_code == 409 and "ready-made/rfm-champions" in early.text
        for key in listed:
            made = api.post(f"/api/segments/ready-made/{key}")
            assert made.status_code == 201, made.text
            assert (made.json()["key"], made.json()["ready_made"]) == (key, key)
        assert api.post("/api/segments/ready-made/vip").status_code == 409
        assert api.post("/api/segments/ready-made/nothing").status_code == 404

        offered = api.get("/api/segments/suggestions").json()
        assert offered["looked_at"] == 120 and len(offered["suggestions"]) == 2
        best = offered["suggestions"][0]
        assert best["hits"] >= 0.6 and best["reach"] >= 0.6 and best["traits"]
        one = api.post(f"/api/segments/suggestions/{best['key']}")
        assert one.status_code == 201 and one.json()["rule"] == best["rule"]
        assert api.post("/api/segments/suggestions/nothing").status_code == 404

        taken = {"name": "Movement", "rule": {"event": "A"}}
        assert api.post("/api/segments", json=taken).status_code == 400
    house.clock.advance(timedelta(minutes=1))
    _fill(house)
    with asking(house, ROUTES, READ) as api:
        counts = {one["key"]: one["count"] for one in api.get("/api/segments").json()["items"]}
        assert {key: counts[key] for key in listed} == {
            key: one["count"] for key, one in listed.items()
        }
        assert counts[best["key"]] == best["people"] == 60
        moved = api.get("/api/segments/movement").json()
        assert sum(group["now"] for group in moved["groups"]) == 120
        assert {one["from"] for one in moved["moves"]} == {None}
        no_zone = api.get("/api/segments/movement", params={"since": "2026-03-01T00:00:00"})
        assert no_zone.status_code == 400
        assert api.post("/api/segments/ready-made/vip").status_code == 403
        assert api.post(f"/api/segments/suggestions/{best['key']}").status_code == 403


def test_at_the_command_line(house: House, tmp_path: Path) -> None:
    _buyers(house)

    def patron(*words: str, as_json: bool = True) -> Any:
        done = subprocess.run(
            [*PROGRAM, "segment", *words, "--shop", "acme", *(["--json"] if as_json else [])],
            env=environment(house, tmp_path) | {"COLUMNS": "200"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if as_json else done.stdout

    installed = patron("install", "repeat-buyers")
    assert (installed["status"], installed["count"]) == ("on", 60)
    told = patron("ready-made", as_json=False)
    assert "repeat-buyers" in told and "Look and never buy" in told and "saved" in told
    said = patron("suggestions", as_json=False)
    assert "2 groups of people who are alike, out of 120." in said
    key = next(one["key"] for one in patron("suggestions")["suggestions"] if one["rule"])
    assert f"patron segment accept {key}: " in said
    assert patron("accept", key)["status"] == "on"


def test_a_shop_that_was_there_before_gets_the_core(house: House, tmp_path: Path) -> None:
    def said() -> list[Finding]:
        return house.unit(lambda tx: segmented.of_shop(tx, house.acme))

    core = [one.key for one in catalogue(house.acme) if one.core]
    (warned,) = said()
    assert (warned.state, warned.remedy) == (
        "warning", "`patron segment install --core` saves them",
    )  # fmt: skip
    with asking(house, [*ROUTES, *deleting.routes]) as api:
        assert api.post(f"/api/segments/ready-made/{core[0]}").status_code == 201
        assert said() == []
        made = api.post("/api/segments/ready-made").json()
        assert [one["key"] for one in made] == core[1:]
        assert api.post("/api/segments/ready-made").json() == []
        for key in core[:2]:
            assert api.delete(f"/api/segments/{key}").status_code == 200
    with asking(house, ROUTES, READ) as api:
        assert api.post("/api/segments/ready-made").status_code == 403

    def install(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*PROGRAM, "segment", "install", *words, "--shop", "acme", "--json"],
            env=environment(house, tmp_path), stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=120,
        )  # fmt: skip

    done = install("--core")
    assert done.returncode == 0, done.stderr
    assert [(one["key"], one["status"]) for one in json.loads(done.stdout)] == [
        (key, "on") for key in core[:2]
    ]
    assert install().returncode == 2
    assert install("vip", "--core").returncode == 2
