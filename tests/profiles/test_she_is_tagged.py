"""People at the shop write tags and notes on a customer, and take them off again."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest

from conftest import House
from patron.events.types import Trust
from patron.kit.db import Tx, value
from patron.profiles import store, walk
from patron.profiles.changes import store as changes
from patron.profiles.erasure import store as erasure
from patron.profiles.labels import store as labels
from patron.profiles.labels.routes import routes
from profiles.asking import asking
from profiles.stories import NOON, alias, identified, seen

BY = "till 3"


@pytest.fixture
def ada(house: House) -> House:
    """Ada is known; so is Eve."""

    async def story(tx: Tx) -> None:
        batch = [
            identified("ada", email="ada@x.example", trust=Trust.SERVER),
            identified("eve", email="eve@x.example", trust=Trust.SERVER),
            seen(browser="b"),
        ]
        await walk.resolve(tx, house.acme, batch, NOON, house.signer)

    house.unit(story)
    return house


def test_a_tag_is_hers_once_however_it_is_spelled(ada: House) -> None:
    with asking(ada, routes) as client:
        first = client.post("/api/profiles/user_id:ada/tags", json={"tag": "  Bargain  shopper "})
        assert first.json() == [{"tag": "Bargain shopper", "by": BY, "at": "2026-03-02T12:00:00Z"}]
        again = client.post("/api/profiles/user_id:ada/tags", json={"tag": "bargain SHOPPER"})
        assert again.json() == first.json()
        client.post("/api/profiles/user_id:ada/tags", json={"tag": "VIP"})
        client.post("/api/profiles/user_id:eve/tags", json={"tag": "vip"})
        assert [t["tag"] for t in client.get("/api/profiles/user_id:ada/tags").json()] == [
            "Bargain shopper",
            "VIP",
        ]
        listed = client.get("/api/tags", params={"limit": 1}).json()
        assert listed["items"] == [{"tag": "Bargain shopper", "people": 1}]
        rest = client.get("/api/tags", params={"cursor": listed["next_cursor"]}).json()
        assert rest["items"] == [{"tag": "VIP", "people": 2}]
        left = client.delete(f"/api/profiles/user_id:ada/tags/{quote('BARGAIN shopper')}")
        assert [tag["tag"] for tag in left.json()] == ["VIP"]
        for tag in ("gone", "a%00b", "%ED%A0%80"):
            assert client.delete(f"/api/profiles/user_id:ada/tags/{tag}").status_code == 404
        for cursor in ("WyJhXHUwMDAwYiJd", "WyJcdWQ4MDAiXQ"):
            odd = client.get("/api/tags", params={"cursor": cursor})
            assert (odd.status_code, odd.json()["path"]) == (400, "cursor")


@pytest.mark.parametrize("tag", ["", "   ", "x" * 61, "a/b", "a\u0000b", "ring\u0007"])
def test_what_is_no_tag_is_refused_with_its_remedy(ada: House, tag: str) -> None:
    with asking(ada, routes) as client:
        refused = client.post("/api/profiles/user_id:ada/tags", json={"tag": tag})
    assert refused.status_code == 400
    assert refused.json()["path"] == "tag" and "60 printable" in refused.json()["remedy"]


def test_notes_are_shown_newest_first_with_their_author(ada: House) -> None:
    with asking(ada, routes) as client:
        for text in ("Asked for the oak lamp.", " Came back with it: [b]too dark[/b] "):
            written = client.post("/api/profiles/user_id:ada/notes", json={"text": text})
            assert written.status_code == 201
            ada.clock.advance(timedelta(minutes=1))
        shown = client.get("/api/profiles/user_id:ada/notes").json()["items"]
        assert [(n["text"], n["by"], n["at"]) for n in shown] == [
            ("Came back with it: [b]too dark[/b]", BY, "2026-03-02T12:01:00Z"),
            ("Asked for the oak lamp.", BY, "2026-03-02T12:00:00Z"),
        ]
        eves = client.delete(f"/api/profiles/user_id:eve/notes/{shown[0]['id']}")
        assert eves.status_code == 404, "a note is taken off its own person only"
        assert client.delete(f"/api/profiles/user_id:ada/notes/{shown[0]['id']}").status_code == 204
        assert len(client.get("/api/profiles/user_id:ada/notes").json()["items"]) == 1
        for text in ("", " \n ", "x" * 5_001, "a\u0000b"):
            refused = client.post("/api/profiles/user_id:ada/notes", json={"text": text})
            assert (refused.status_code, refused.json()["path"]) == (400, "text")


def test_nobody_has_no_tags_and_readers_write_none(ada: House) -> None:
    with asking(ada, routes) as client:
        for path in ("tags", "notes"):
            assert client.get(f"/api/profiles/user_id:noone/{path}").status_code == 404
        assert client.post(
            "/api/profiles/user_id:noone/tags", json={"tag": "x"}
        ).status_code == 404  # fmt: skip
    reads = frozenset({"profiles:read"})
    with asking(ada, routes, reads) as client:
        assert client.get("/api/profiles/user_id:ada/tags").status_code == 200
        refused = client.post("/api/profiles/user_id:ada/tags", json={"tag": "x"})
        assert refused.status_code == 403
    with asking(ada, routes, shop=ada.bolt) as client:
        assert client.get("/api/profiles/user_id:ada/tags").status_code == 404


def test_a_merge_joins_tags_and_its_undo_parts_them(ada: House) -> None:
    with asking(ada, routes) as client:
        client.post("/api/profiles/user_id:ada/tags", json={"tag": "VIP"})
        ada.clock.advance(timedelta(minutes=1))
        client.post("/api/profiles/user_id:eve/tags", json={"tag": "vip"})
        client.post("/api/profiles/user_id:eve/tags", json={"tag": "trade"})
        client.post("/api/profiles/user_id:eve/notes", json={"text": "Hers."})

        async def join(tx: Tx) -> None:
            await walk.resolve(tx, ada.acme, [alias("eve", "ada")], NOON, ada.signer)

        ada.unit(join)
        one = client.get("/api/profiles/user_id:ada/tags").json()
        assert [(t["tag"], t["at"][14:16]) for t in one] == [("trade", "01"), ("VIP", "00")]
        assert len(client.get("/api/profiles/user_id:ada/notes").json()["items"]) == 1
        assert {t["tag"]: t["people"] for t in client.get("/api/tags").json()["items"]} == {
            "VIP": 1, "trade": 1,
        }  # fmt: skip

        async def part(tx: Tx) -> dict[UUID, list[str]]:
            root = await store.find(tx, "user_id:ada")
            assert root is not None
            hers = await store.origins(tx, root)
            merge = (await store.merges(tx, hers))[0]
            await store.undo(tx, merge.id, NOON)
            people = {}
            for who in ("user_id:ada", "user_id:eve", "anonymous_id:b"):
                found = await store.find(tx, who)
                assert found is not None
                people[found] = await store.origins(tx, found)
            assert list((await labels.notes(tx, people)).values()) == [[], ["Hers."], []]
            return await labels.tags(tx, people)

        assert list(ada.unit(part).values()) == [["VIP"], ["trade", "vip"], []]


def test_whoever_answers_questions_about_people_hears_of_it(ada: House) -> None:
    async def waiting(tx: Tx) -> int:
        return len(await changes.take(tx, await changes.waiting(tx, 100)))

    with asking(ada, routes) as client:
        client.post("/api/profiles/user_id:ada/tags", json={"tag": "VIP"})
        assert ada.unit(waiting) == 1
        client.post("/api/profiles/user_id:ada/tags", json={"tag": "vip"})
        assert ada.unit(waiting) == 0, "nothing changed"
        client.delete("/api/profiles/user_id:ada/tags/vip")
        assert ada.unit(waiting) == 1


def test_tags_and_notes_are_told_to_her_and_forgotten_with_her(ada: House) -> None:
    with asking(ada, routes) as client:
        client.post("/api/profiles/user_id:ada/tags", json={"tag": "VIP"})
        client.post("/api/profiles/user_id:ada/notes", json={"text": "A secret."})
        client.post("/api/profiles/user_id:eve/notes", json={"text": "Another's."})

    async def told(tx: Tx) -> dict[str, Any] | None:
        root = await store.find(tx, "user_id:ada")
        return None if root is None else await erasure.export(tx, root)

    export = ada.unit(told)
    assert export is not None
    assert [tag["tag"] for tag in export["tags"]] == ["VIP"]
    assert [note["text"] for note in export["notes"]] == ["A secret."]

    async def forget(tx: Tx) -> tuple[int, int]:
        root = await store.find(tx, "user_id:ada")
        assert root is not None
        await erasure.erase(tx, root, ada.signer, NOON)
        return (
            await value(tx, "SELECT count(*) FROM profile_tag"),
            await value(tx, "SELECT count(*) FROM profile_note"),
        )

    assert ada.unit(forget) == (0, 1)
