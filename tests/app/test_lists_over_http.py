"""A list over HTTP: made, filled, looked through, taken away, and kept while a rule needs it."""

from pathlib import Path
from typing import Any

from app.audited import Api, told
from conftest import House
from patron.journeys import store as journeys
from patron.kit.db import tuples
from stage import Stage, play

PEOPLE = ["u:ada", "u:bea", "u:cid"]


def test_a_list_over_http(house: House, tmp_path: Path) -> None:
    async def seen(stage: Stage) -> None:
        for who in PEOPLE:
            await stage.walk(stage.event("Page Viewed", who))

    async def story(api: Api) -> None:
        made = await api.call("POST", "/api/lists", json={"name": "Presse & Freunde"})
        assert (made.status_code, made.json()["key"]) == (201, "presse-freunde")
        again = await api.call("POST", "/api/lists", json={"name": "x", "key": "presse-freunde"})
        assert again.status_code == 409
        wrong = await api.call("POST", "/api/lists", json={"name": "x", "key": "Big"})
        assert wrong.status_code == 400
        nowhere = await api.call("GET", "/api/lists/press/members")
        assert nowhere.status_code == 404
        assert nowhere.json()["remedy"] == "there are: presse-freunde"

        at = "/api/lists/presse-freunde"
        some = {"people": ["user_id:ada", "user_id:bea", "user_id:ada", "user_id:zoe", "email:"]}
        put = (await api.call("POST", f"{at}/members", json=some)).json()
        assert put == {"added": 2, "already": 0, "unknown": ["user_id:zoe", "email:"]}
        put = (await api.call("POST", f"{at}/members", json={"people": ["user_id:bea"]})).json()
        assert put == {"added": 0, "already": 1, "unknown": []}
        async with api.web.db.unit(house.acme.schema) as tx:
            changed = await tuples(tx, "SELECT count(*) FROM profile_change")
        assert changed == [(2,)]

        first = (await api.call("GET", f"{at}/members?limit=1")).json()
        cursor = first["next_cursor"]
        rest = (await api.call("GET", f"{at}/members?limit=2&cursor={cursor}")).json()
        assert rest["next_cursor"] is None
        assert [m["user_id"] for m in first["items"] + rest["items"]] == ["ada", "bea"]
        assert (await api.call("GET", f"{at}/members?cursor=WzFd")).status_code == 400
        file = await api.call("GET", f"{at}/export?bom=true")
        assert file.content.startswith(b"\xef\xbb\xbfprofile_id,user_id,")
        assert file.headers["content-type"].startswith("text/csv")
        assert [line.split(",")[1] for line in file.text.splitlines()] == ["user_id", "ada", "bea"]
        [hers] = (await api.call("GET", "/api/profiles/user_id:ada/lists")).json()
        assert (hers["key"], hers["source"]) == ("presse-freunde", "api")
        exported = (await api.call("GET", "/api/profiles/user_id:ada/export")).json()
        assert [one["key"] for one in exported["lists"]] == ["presse-freunde"]

        await the_rules(api)
        gone = await api.call("DELETE", f"{at}/members/user_id:ada")
        assert gone.json() == {"removed": 1, "not_on_it": 0, "unknown": []}
        assert (await api.call("DELETE", f"{at}/members/user_id:zoe")).status_code == 404
        assert (await api.call("DELETE", "/api/profiles/user_id:bea")).status_code == 200
        assert (await api.call("GET", at)).json()["members"] == 0
        renamed = await api.call("PATCH", at, json={"name": "Press"})
        assert (renamed.json()["name"], renamed.json()["key"]) == ("Press", "presse-freunde")
        assert (await api.call("DELETE", at)).status_code == 200
        assert (await api.call("GET", "/api/lists")).json()["items"] == []

    async def the_rules(api: Api) -> None:
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
        made = await api.call("PUT", "/api/journeys/mine", json=body)
        assert made.status_code == 200, made.text
        kept = await api.call("DELETE", "/api/lists/presse-freunde")
        assert kept.status_code == 409 and "journey 'mine'" in kept.json()["detail"]
        body["definition"] = {**journey, "steps": [{"id": "w", "wait": {"hours": 1}}]}
        assert (await api.call("PUT", "/api/journeys/mine", json=body)).status_code == 200
        async with api.web.db.unit(house.acme.schema) as tx:
            assert (await journeys.journey(tx, "mine")) is not None

    play(house, seen)
    told(house, tmp_path, story)
