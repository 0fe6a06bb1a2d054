"""The shopkeeper writes a placement, sees its effect at once, and reads off what it sold."""

import hmac
from datetime import timedelta
from pathlib import Path
from typing import Any

from conftest import House
from patron.recommend.attribution.results import lines
from patron.recommend.attribution.words import Namer, based
from recommend.floor import Floor, play, product

GOODS = [
    product("lamp", 4_000, brand="Acme", margin=0.5),
    product("bulb", 500, brand="Brio", margin=0.1),
    product("cup", 1_200, brand="Acme"),
    product("tea", 900),
]
MINE: dict[str, Any] = {
    "name": "Mine",
    "count": 3,
    "chain": ["best_sellers"],
    "filters": ['brand != "Brio"'],
    "boosts": ["3 if margin > 40% else 1"],
}


def test_a_placement_is_written_tried_changed_and_deleted(house: House, tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        await floor.stock(*GOODS)
        async with floor.api() as api:
            tried = await api.post(
                "/api/placements/try", json={"definition": MINE, "cart": ["tea"]}
            )
            assert tried.status_code == 200, tried.text
            effect = tried.json()
            assert [one["item"]["id"] for one in effect["items"]] == ["lamp", "cup"]
            assert "boosted" in effect["items"][0]["item"]["codes"]
            out = {one["rule"]: one["count"] for one in effect["dropped"]}
            assert out == {"in_cart": 1, "filter[0]": 1}
            words = {one["rule"]: one["words"] for one in effect["dropped"]}
            assert words["filter[0]"].endswith('brand != "Brio"') and words["in_cart"]
            pins = [{"product": id, "place": n + 1} for n, id in enumerate(("bulb", "cup", "x"))]
            parted = [{"one": 'brand = "Acme"', "other": "price = 9"}]
            draft = {"definition": {**MINE, "pins": pins, "apart": parted}}
            effect = (await api.post("/api/placements/try", json=draft)).json()
            assert effect["kept_out_pins"] == ["bulb"] and effect["unknown_pins"] == ["x"]
            (apart,) = [one["words"] for one in effect["dropped"] if one["rule"] == "apart[0]"]
            assert 'brand = "Acme"' in apart and "price = 9" in apart
            assert (await floor.say({"placements": ["mine"]})).json()["unknown"] == ["mine"]
            put = await api.put("/api/placements/mine", json={"definition": MINE})
            assert put.json()["version"] == 1 and put.json()["own"]
            assert await floor.offered("mine") == ["lamp", "cup", "tea"]
            again = await api.put("/api/placements/mine", json={"definition": MINE})
            assert again.json()["version"] == 1
            off = {**MINE, "on": False}
            assert (await api.put("/api/placements/mine", json={"definition": off})).is_success
            await floor.engine()
            assert (await floor.say({"placements": ["mine"]})).json()["placements"] == []
            listed = (await api.get("/api/placements")).json()["items"]
            assert listed[-1]["key"] == "mine" and len(listed) == 19
            assert (await api.delete("/api/placements/mine")).status_code == 204
            assert (await api.get("/api/placements/mine")).status_code == 404
            assert (await api.delete("/api/placements/mine")).status_code == 404
            # One of the ready-made, replaced and given back.
            mine = {**MINE, "name": "My news"}
            await api.put("/api/placements/new", json={"definition": mine})
            assert await floor.offered("new") == ["lamp", "cup", "tea"]
            assert (await api.delete("/api/placements/new")).status_code == 204
            shown = (await api.get("/api/placements/new")).json()
            assert (shown["name"], shown["own"]) == ("New", False)

    play(house, tmp_path, story)


def test_an_empty_answer_says_why(house: House, tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        async with floor.api() as api:

            async def tried(key: str) -> tuple[str, str]:
                found = (await api.post("/api/placements/try", json={"key": key})).json()
                return found["why"], found["words"]

            async def put(key: str, **more: Any) -> None:
                said = await api.put(f"/api/placements/{key}", json={"definition": MINE | more})
                assert said.is_success, said.text
                await floor.engine()

            assert (await floor.answer("best_sellers"))["why"] == "no_products"
            assert await tried("categories") == (
                "no_products", "The catalog has nothing that may be shown.",
            )  # fmt: skip
            await floor.stock(*GOODS)
            full = await floor.answer("best_sellers")
            assert (full["why"], full["dropped"]) == ("", {})
            await put("mine", filters=["price > 99", "price > 9"])
            found = await floor.answer("mine", exclude=["tea"])
            assert (found["items"], found["why"]) == ([], "kept_out")
            assert found["dropped"] == {"excluded": 1, "filter[0]": 3}
            assert (await tried("mine"))[0] == "kept_out"
            await put("mine", chain=["again"])
            found = await floor.answer("mine")
            assert (found["why"], found["dropped"]) == ("nothing_known", {})
            await put("mine", on=False)
            answer = (await floor.say({"placements": ["mine", "new"]})).json()
            assert answer["off"] == ["mine"] and len(answer["placements"]) == 1
            why, words = await tried("mine")
            assert why == "off" and "off" in words

    play(house, tmp_path, story)


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"filters": ["prize < 10"]}, "definition.filters[0]", "price"),
    ({"chain": ["simular"]}, "definition.chain[0]", "similar"),
    ({"colour": "red"}, "definition.colour", ""),
    ({"count": 0}, "definition.count", ""),
    ({"chain": ["categories"]}, "definition.chain[0]", "no list of products"),
    ({"fallback": ["new", "categories"]}, "definition.fallback[1]", "no list of products"),
    (
        {"pins": [{"product": "lamp", "place": 1}, {"product": "lamp", "place": 2}]},
        "definition.pins[1].product",
        "pinned already",
    ),
    ({"name": None}, "definition.name", "text"),
    ({"key": "other"}, "definition.key", "leave the key out"),
]


def test_what_cannot_be_read_is_refused_with_its_place(house: House, tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        async with floor.api() as api:
            for change, path, word in WRONG:
                body = {"definition": {**MINE, **change}}
                refused = await api.put("/api/placements/mine", json=body)
                assert refused.status_code == 400, refused.text
                said = refused.json()
                assert said["path"] == path and word in f"{said['detail']} {said['remedy']}"
                if "key" not in change:
                    refused = await api.post("/api/placements/try", json=body)
                    assert refused.status_code == 400 and refused.json()["path"] == path
            less = {"definition": {"name": "No count", "chain": ["new"]}}
            missing = (await api.put("/api/placements/mine", json=less)).json()
            assert (missing["path"], missing["remedy"]) == ("definition.count", "add 'count'")
            for trial in ({"key": "nothing"}, {"key": "new", "product": "nothing"}):
                assert (await api.post("/api/placements/try", json=trial)).status_code == 404
            nothing = await api.post("/api/placements/try", json={})
            assert (nothing.status_code, nothing.json()["path"]) == (400, "definition")
            trial = {"key": "new", "profile": "email:no@x.example"}
            assert (await api.post("/api/placements/try", json=trial)).status_code == 404
            batch = {"placement": "new", "profiles": ["user_id:nobody"]}
            answer = (await api.post("/api/recommend/batch", json=batch)).json()["answers"][0]
            assert (answer["known"], answer["answer"]["placement"]) == (False, "new")
            editing = (await api.get("/api/recommend/schema")).json()
            assert {"schema", "fields"} == set(editing)
            before = (await api.get("/api/recommend/report")).json()
            assert (before["counted"], before["is_asked_for"]) == (None, False)
            assert before["first_by"] == "2026-03-03T06:00:00-05:00"  # the coming night, there
            assert (await api.post("/api/recommend/train")).status_code == 202
            assert (await api.get("/api/recommend/report")).json()["is_asked_for"]
        async with floor.api(frozenset({"recommend:read"})) as api:
            assert (
                await api.put("/api/placements/x", json={"definition": MINE})
            ).status_code == 403
            assert (await api.get("/api/placements/new/results")).status_code == 403

    play(house, tmp_path, story)


def test_what_a_placement_sold(house: House, tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        await floor.stock(*GOODS)
        stage = floor.stage
        await _a_week(floor)
        async with floor.api() as api:
            found = (await api.get("/api/placements/best_sellers/results")).json()
            told = [found[what] for what in ("shown", "viewers", "clicks", "clickers")]
            assert told == [3, 2, 3, 3]  # one of them saw it twice
            _by_day(found)
            assert (found["carts"], found["orders"], found["revenue"]) == (1, 1, 4_000)
            assert found["click_share"] == 1.0 and found["window_days"] == 5
            news = (await api.get("/api/placements/new/results")).json()
            assert (news["clicks"], news["orders"], news["revenue"]) == (1, 1, 1_200)
            evening = [one["day"] for one in news["days"] if one["orders"]]
            assert evening == ["2026-03-01"]  # in UTC it was midnight
            asked = {"since": "2025-09-01T00:00:00Z", "until": "2026-03-01T04:00:00Z"}
            found = (await api.get("/api/placements/best_sellers/results", params=asked)).json()
            assert len(found["days"]) == 182 and found["days"][-1]["day"] == "2026-02-28"
            asked = {"since": "1999-01-01T00:00:00Z"}
            found = (await api.get("/api/placements/best_sellers/results", params=asked)).json()
            assert (len(found["days"]), found["days"][0]["clicks"], found["shown"]) == (10, 1, 3)
            back = stage.event("Order Refunded", "phone", order_id="half", total=40)
            await stage.walk(back)
            found = (await api.get("/api/placements/best_sellers/results")).json()
            assert (found["orders"], found["revenue"]) == (1, 2_000)
            await stage.walk(stage.event("Order Cancelled", "phone", order_id="half"))
            found = (await api.get("/api/placements/best_sellers/results")).json()
            assert (found["orders"], found["revenue"]) == (0, 0)
            assert (await api.get("/api/placements/nothing/results")).status_code == 404
            odd = (
                "since=2026-03-01T00:00:00",
                "until=0001-01-01T00:00:00Z",
                "since=9999-01-01T00:00:00Z",
                "since=2026-03-01T00:00:00Z&until=2026-03-01T00:00:00Z",
            )
            for period in odd:
                wrong = await api.get(f"/api/placements/new/results?{period}")
                assert wrong.status_code == 400 and wrong.json()["path"] in period
                assert wrong.json()["remedy"]

    play(house, tmp_path, story)


async def _a_week(floor: Floor) -> None:
    """Two placements are shown, clicked and bought from; and some answers are made up."""
    stage = floor.stage
    answer = await floor.answer("best_sellers", anonymousId="phone")
    later = await floor.answer("best_sellers", anonymousId="tablet")
    other = await floor.answer("new", anonymousId="phone")
    shown, clicked = {"rec_id": answer["rec_id"]}, timedelta(days=2)
    name, mac = answer["rec_id"].rsplit(".", 1)
    made_up = [name, f"{name}.", f"{name}{mac}", f"{name}.{mac}é", f"best_sellers.{mac}"]
    made_up += ["best_sellers...", other["rec_id"].replace("new", "best_sellers")]
    fake = answer["rec_id"][:-1] + ("0" if answer["rec_id"][-1] != "0" else "1")

    def click(who: str, ago: timedelta, rec_id: str, id: str, **more: Any) -> Any:
        said = {"rec_id": rec_id, "product_id": id}
        return stage.event("Recommendation Clicked", who, ago, **said, **more)

    def buys(who: str, ago: timedelta, *sold: tuple[str, float], **more: Any) -> Any:
        told = [{"product_id": id, "price": price, "quantity": 1} for id, price in sold]
        total = sum(price for _, price in sold)
        return stage.orders(who, ago, products=told, revenue=total, total=total, **more)

    await stage.walk(
        stage.event("Recommendation Shown", "phone", timedelta(days=3), **shown),
        stage.event("Product List Viewed", "tablet", clicked, list_id=answer["rec_id"]),
        stage.event("Recommendation Shown", "tablet", clicked, rec_id=later["rec_id"]),
        click("phone", clicked, answer["rec_id"], "lamp"),
        click("tablet", clicked, answer["rec_id"], "cup"),
        click("tablet", timedelta(days=1), other["rec_id"], "cup"),
        click("laptop", clicked, fake, "tea"),
        *(stage.event("Recommendation Shown", "laptop", clicked, rec_id=one) for one in made_up),
        click("late", timedelta(days=9), answer["rec_id"], "tea"),
    )
    day = timedelta(days=1)
    await stage.walk(
        stage.event("Product Added", "phone", day, product_id="lamp"),
        # Half of what is paid is the lamp, which is who clicked; a cup was not.
        buys("phone", day, ("lamp", 40), ("cup", 40), order_id="half"),
        buys("tablet", day / 2, ("cup", 12), order_id="others"),
        buys("laptop", day, ("tea", 9), order_id="fake"),
        buys("late", day, ("tea", 9), order_id="too late"),
    )


def _by_day(found: dict[str, Any]) -> None:
    days = found["days"]
    assert len(days) == 31 and days[0]["day"] == "2026-01-31"
    summed = ("shown", "clicks", "carts", "orders", "revenue")
    for what in summed:
        assert sum(day[what] for day in days) == found[what]
    assert {one["day"]: [one[w] for w in summed] for one in days if _any(one)} == {
        "2026-02-21": [0, 1, 0, 0, 0],
        "2026-02-27": [1, 0, 0, 0, 0],
        "2026-02-28": [2, 2, 0, 0, 0],
        "2026-03-01": [0, 0, 1, 1, 4_000],
    }
    assert [one["viewers"] for one in days][-4:] == [1, 1, 0, 0]


def _any(day: dict[str, Any]) -> bool:
    return any(value for what, value in day.items() if what != "day")


def test_names_of_answers_differ_and_are_signed() -> None:
    namer = Namer(b"one secret")
    name, seed = namer.name("home-for_you", 1_772_452_800.5)
    again, other = namer.name("home-for_you", 1_772_452_800.5)
    assert name != again and seed != other
    plain, _, mac = name.rpartition(".")
    assert plain == f"home-for_you.{based(1_772_452_800)}.1"
    inner, outer = namer.pads
    key = bytes(byte ^ 0x36 for byte in inner)
    assert key == bytes(byte ^ 0x5C for byte in outer)
    assert mac == hmac.new(key, plain.encode(), "sha256").hexdigest()[:20]
    assert Namer(b"another").name("home-for_you", 1_772_452_800.5)[0] != name
    assert [based(n) for n in (0, 35, 36, 1_296)] == ["0", "z", "10", "100"]


def test_lines_of_odd_orders() -> None:
    odd = [
        {"product_id": 7, "price": "2.50", "quantity": "2"}, {"sku": "s", "price": True}, {"x": 1},
        "text", {"product_id": "inf", "price": float("inf")}, {"product_id": "n", "price": -1},
    ]  # fmt: skip
    assert [(id, None if cost is None else float(cost)) for id, cost in lines(odd)] == [
        ("7", 5.0), ("s", None), ("inf", None), ("n", None),
    ]  # fmt: skip
    assert lines(None) == lines({"a": 1}) == []
