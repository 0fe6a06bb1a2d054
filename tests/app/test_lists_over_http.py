"""A list over HTTP: made, filled, looked through, taken away, and kept while a rule needs it."""

from pathlib import Path
from typing import Any

from app.audited import Api, told
from conftest import House
from patron.kit.db import tuples
from stage import Stage, play

PEOPLE = ["u:ada", "u:bea", "u:cid"]


AT = "/api/lists/presse-freunde"


def test_a_list_over_http(house: House, tmp_path: Path) -> None:
    async def seen(stage: Stage) -> None:
        for who in PEOPLE:
            stage.pass_time(seconds=1)
            await stage.walk(stage.event("Page Viewed", who))

    async def story(api: Api) -> None:
        await made(api)
        await filled(api)
        await looked_through(api)
        await needed_by_rules(api)
        await emptied(api)

    play(house, seen)
    told(house, tmp_path, story)


async def made(api: Api) -> None:
    one = await api.call("POST", "/api/lists", json={"name": "Presse & Freunde"})
    assert (one.status_code, one.json()["key"]) == (201, "presse-freunde")
    again = await api.call("POST", "/api/lists", json={"name": "x", "key": "presse-freunde"})
    assert again.status_code == 409
    wrong = await api.call("POST", "/api/lists", json={"name": "x", "key": "Big"})
    assert wrong.status_code == 400
    nowhere = await api.call("GET", "/api/lists/press/members")
    assert nowhere.status_code == 404
    assert nowhere.json()["remedy"] == "there are: presse-freunde"


async def filled(api: Api) -> None:
    some = {"people": ["user_id:ada", "user_id:bea", "user_id:ada", "user_id:zoe", "email:"]}
    put = (await api.call("POST", f"{AT}/members", json=some)).json()
    assert put == {"added": 2, "already": 0, "unknown": ["user_id:zoe", "email:"]}
    put = (await api.call("POST", f"{AT}/members", json={"people": ["user_id:bea"]})).json()
    assert put == {"added": 0, "already": 1, "unknown": []}
    async with api.web.db.unit(api.house.acme.schema) as tx:
        assert await tuples(tx, "SELECT count(*) FROM profile_change") == [(2,)]


async def looked_through(api: Api) -> None:
    first = (await api.call("GET", f"{AT}/members?limit=1")).json()
    cursor = first["next_cursor"]
    rest = (await api.call("GET", f"{AT}/members?limit=2&cursor={cursor}")).json()
    assert rest["next_cursor"] is None
    assert [m["user_id"] for m in first["items"] + rest["items"]] == ["ada", "bea"]
    assert (await api.call("GET", f"{AT}/members?cursor=WzFd")).status_code == 400
    file = await api.call("GET", f"{AT}/export?bom=true")
    assert file.content.startswith(b"\xef\xbb\xbfprofile_id,user_id,")
    assert file.headers["content-type"].startswith("text/csv")
    assert [line.split(",")[1] for line in file.text.splitlines()] == ["user_id", "ada", "bea"]
    [hers] = (await api.call("GET", "/api/profiles/user_id:ada/lists")).json()["items"]
    assert (hers["key"], hers["source"]) == ("presse-freunde", "api")
    exported = (await api.call("GET", "/api/profiles/user_id:ada/export")).json()
    assert [one["key"] for one in exported["lists"]] == ["presse-freunde"]


async def needed_by_rules(api: Api) -> None:
    """A rule may name this list and no other; a journey that does keeps it."""
    rule: dict[str, Any] = {"not": {"list": "presse-freunde"}}
    counted = await api.call("POST", "/api/conditions/preview", json={"rule": rule})
    assert counted.json()["count"] == 1
    asked = {"rule": {"not": {"list": "press"}}, "person": "user_id:ada"}
    refused = await api.call("POST", "/api/conditions/explain", json=asked)
    assert (refused.status_code, refused.json()["path"]) == (400, "rule.not.list")
    assert refused.json()["remedy"] == "use one of presse-freunde"
    journey = {
        "trigger": {"event": "Page Viewed"},
        "steps": [{"id": "who", "condition": {"rule": rule, "else": "exit"}}],
    }
    body = {"name": "Mine", "definition": journey}
    put = await api.call("PUT", "/api/journeys/mine", json=body)
    assert put.status_code == 200, put.text
    kept = await api.call("DELETE", AT)
    assert kept.status_code == 409 and "journey 'mine'" in kept.json()["detail"]
    body["definition"] = {**journey, "steps": [{"id": "w", "wait": {"hours": 1}}]}
    assert (await api.call("PUT", "/api/journeys/mine", json=body)).status_code == 200


async def emptied(api: Api) -> None:
    gone = await api.call("DELETE", f"{AT}/members/user_id:ada")
    assert gone.json() == {"removed": 1, "not_on_it": 0, "unknown": []}
    assert (await api.call("DELETE", f"{AT}/members/user_id:zoe")).status_code == 404
    assert (await api.call("DELETE", "/api/profiles/user_id:bea")).status_code == 200
    assert (await api.call("GET", AT)).json()["members"] == 0
    renamed = await api.call("PATCH", AT, json={"name": "Press"})
    assert (renamed.json()["name"], renamed.json()["key"]) == ("Press", "presse-freunde")
    assert (await api.call("DELETE", AT)).status_code == 200
    assert (await api.call("GET", "/api/lists")).json()["items"] == []
