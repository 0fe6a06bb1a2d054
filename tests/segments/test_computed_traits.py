"""A shop defines traits that are computed out of what people did."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from conftest import House
from patron.kit.db import Tx
from patron.profiles import store as profiles
from patron.segments.computed import keeping
from patron.segments.computed.definition import KINDS, most_frequent, parse, unique
from patron.segments.computed.routes import SPENT, routes
from patron.segments.rules.reading import Misread
from profiles.asking import asking
from stage import Stage, play

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
VIEW, ORDER = "Product Viewed", "Order Completed"


async def lives(stage: Stage) -> None:
    """Five views and three orders of Ada's; the second order has two products."""
    viewed = [
        (50, "Tea", 9),
        (40, "tea ", "12.50"),
        (9, "Cups", 30),
        (5, "Tea", None),
        (3, "Cups", 30),
    ]
    batch = [
        stage.event(VIEW, "u:ada", days * DAY, category=category, price=price)
        for days, category, price in viewed
    ]
    for days, number, revenue, products in (
        (45, "o1", 10.1, ["a"]), (20, "o2", 20.2, ["b", "a"]), (2, "o3", 30, []),
    ):  # fmt: skip
        lines = [{"product_id": one} for one in products]
        batch.append(
            stage.orders("u:ada", days * DAY, order_id=number, revenue=revenue, products=lines)
        )
    await stage.walk(*batch, stage.event(VIEW, "u:eve", DAY, category="Rugs"))


@pytest.fixture
def ada(house: House) -> House:
    play(house, lives)
    return house


def tried(client: Any, person: str = "user_id:ada", **definition: Any) -> Any:
    body = {"definition": definition, "person": person}
    answer = client.post("/api/computed-traits/try", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_each_way_to_compute_worked_by_hand(ada: House) -> None:
    tea = [{"property": "category", "op": "equals", "value": "TEA"}]
    days = {"days": 30}
    cases: list[tuple[Any, dict[str, Any]]] = [
        (5, {"event": VIEW, "compute": "count"}),
        (3, {"event": VIEW, "compute": "count", "within": days}),
        (3, {"event": VIEW, "compute": "count", "where": tea}),
        (8, {"event": [VIEW, ORDER], "compute": "count"}),
        (60.3, {"event": ORDER, "compute": "sum", "property": "revenue"}),
        (20.1, {"event": ORDER, "compute": "avg", "property": "revenue"}),
        (50.2, {"event": ORDER, "compute": "sum", "property": "revenue", "within": days}),
        (9, {"event": VIEW, "compute": "min", "property": "price"}),
        (30, {"event": VIEW, "compute": "max", "property": "price"}),
        ("Tea", {"event": VIEW, "compute": "most_frequent", "property": "category"}),
        ("Cups", {"event": VIEW, "compute": "most_frequent", "property": "category",
                  "within": days}),
        ("a", {"event": ORDER, "compute": "most_frequent", "property": "products.product_id"}),
        ("Tea", {"event": VIEW, "compute": "first", "property": "category"}),
        ("Cups", {"event": VIEW, "compute": "last", "property": "category"}),
        ("a", {"event": ORDER, "compute": "last", "property": "products.product_id"}),
        ("2026-01-16T12:00:00+00:00", {"event": ORDER, "compute": "first"}),
        ("2026-02-28T12:00:00+00:00", {"event": ORDER, "compute": "last"}),
        (["Tea", "Cups"], {"event": VIEW, "compute": "unique", "property": "category"}),
        ([9, "12.50", 30], {"event": VIEW, "compute": "unique", "property": "price"}),
        (["a", "b"], {"event": ORDER, "compute": "unique", "property": "products.product_id"}),
        (0, {"event": "Nothing", "compute": "count"}),
        (0, {"event": "Nothing", "compute": "sum", "property": "x"}),
        (None, {"event": "Nothing", "compute": "avg", "property": "x"}),
        (None, {"event": "Nothing", "compute": "last"}),
        (None, {"event": VIEW, "compute": "last", "property": "gone"}),
        ([], {"event": VIEW, "compute": "unique", "property": "gone"}),
    ]  # fmt: skip
    with asking(ada, routes) as client:
        for expected, definition in cases:
            assert tried(client, **definition)["value"] == expected, definition
        found = tried(client, event=VIEW, compute="count", within=days)
        assert (found["events"], found["last_at"]) == (3, "2026-02-27T12:00:00Z")
    assert {"count", "sum", "avg", "min", "max", "most_frequent", "first", "last", "unique"} == set(
        KINDS
    )


def test_a_definition_is_kept_and_holds_for_everybody_at_once(ada: House) -> None:
    with asking(ada, routes) as client:
        body = {"name": "Spent  in a year", "definition": SPENT}
        kept = client.put("/api/computed-traits/spent", json=body)
        assert (kept.status_code, kept.json()["name"]) == (200, "Spent in a year")
        client.put(
            "/api/computed-traits/favourite",
            json={"name": "Favourite", "definition": {
                "event": VIEW, "compute": "most_frequent", "property": "category"}},
        )  # fmt: skip
        listed = client.get("/api/computed-traits").json()["items"]
        assert [one["key"] for one in listed] == ["favourite", "spent"]
        assert client.get("/api/computed-traits/spent").json() == listed[1]
        hers = client.get("/api/profiles/user_id:ada/computed").json()
        assert [(one["key"], one["name"], one["value"], one["events"]) for one in hers] == [
            ("favourite", "Favourite", "Tea", 5), ("spent", "Spent in a year", 60.3, 3),
        ]  # fmt: skip
        eves = client.get("/api/profiles/user_id:eve/computed").json()
        assert [one["value"] for one in eves] == ["Rugs", 0]
        ada.clock.advance(timedelta(days=5))
        again = client.put("/api/computed-traits/spent", json={**body, "name": "Spent"}).json()
        assert again["created_at"] < again["changed_at"]
        assert client.delete("/api/computed-traits/spent").status_code == 204
        assert client.delete("/api/computed-traits/spent").status_code == 404
        assert client.get("/api/computed-traits/spent").status_code == 404
        assert client.get("/api/profiles/user_id:no/computed").status_code == 404

    async def many(tx: Tx) -> list[list[Any]]:
        roots: list[UUID] = []
        for who in ("user_id:eve", "user_id:ada"):
            root = await profiles.find(tx, who)
            assert root is not None
            roots.append(root)
        found = await keeping.of_many(tx, ada.acme, roots, NOW, ["favourite"])
        return [[one.value for one in found[root]] for root in roots]

    assert ada.unit(many) == [["Rugs"], ["Tea"]]
    with asking(ada, routes, shop=ada.bolt) as client:
        assert client.get("/api/computed-traits").json()["items"] == []


@pytest.mark.parametrize(
    ("definition", "path"),
    [
        ([], "$"),
        ({}, "$.event"),
        ({"event": "", "compute": "count"}, "$.event"),
        ({"event": VIEW}, "$.compute"),
        ({"event": VIEW, "compute": "median"}, "$.compute"),
        ({"event": VIEW, "compute": "sum"}, "$.property"),
        ({"event": VIEW, "compute": "unique"}, "$.property"),
        ({"event": VIEW, "compute": "count", "property": "price"}, "$.property"),
        ({"event": VIEW, "compute": "sum", "property": 7}, "$.property"),
        ({"event": VIEW, "compute": "count", "window": 7}, "$.window"),
        ({"event": VIEW, "compute": "count", "within": {"moons": 7}}, "$.within.moons"),
        ({"event": VIEW, "compute": "count", "since": "start"}, "$.since"),
        ({"event": VIEW, "compute": "count", "where": [{"property": "a", "op": "is"}]},
         "$.where[0].op"),
    ],
)  # fmt: skip
def test_what_cannot_be_computed_is_refused_where_it_is_wrong(definition: Any, path: str) -> None:
    with pytest.raises(Misread) as refused:
        parse(definition)
    assert refused.value.path == path


def test_a_refusal_has_its_path_over_http(house: House) -> None:
    wrong = {"event": VIEW, "compute": "median"}
    with asking(house, routes) as client:
        for answer in (
            client.put("/api/computed-traits/x", json={"name": "X", "definition": wrong}),
            client.post(
                "/api/computed-traits/try", json={"definition": wrong, "person": "email:a"}
            ),
        ):
            assert (answer.status_code, answer.json()["path"]) == (400, "definition.compute")
            assert "most_frequent" in answer.json()["remedy"]
        for key, name, path in (("X y", "X", "key"), ("x", " ", "name"), ("x", "a\0", "name")):
            body = {"name": name, "definition": SPENT}
            answer = client.put(f"/api/computed-traits/{key}", json=body)
            assert (answer.status_code, answer.json()["path"]) == (400, path)
        for method in (client.get, client.delete):
            assert method("/api/computed-traits/a%00b").status_code == 404
        odd = {"event": "a\0b", "compute": "count"}
        kept = client.put("/api/computed-traits/odd", json={"name": "Odd", "definition": odd})
        assert (kept.status_code, kept.json()["definition"]) == (200, odd)
        for number in range(49):
            kept = client.put(
                f"/api/computed-traits/t{number}", json={"name": "T", "definition": SPENT}
            )
            assert kept.status_code == 200
        full = client.put("/api/computed-traits/more", json={"name": "T", "definition": SPENT})
        assert full.status_code == 409
        anew = client.put("/api/computed-traits/t7", json={"name": "T", "definition": SPENT})
        assert anew.status_code == 200


def test_objects_are_no_values_and_lists_have_an_end() -> None:
    assert most_frequent([{"a": 1}, {"a": 1}, "x"]) == "x"
    assert most_frequent(["b", "a", "B", "a"]) == "a" and most_frequent([]) is None
    assert unique([1, "1", True, "1.0", {"a": 1}, "x", " X"]) == [1, True, "x"]
    assert unique(list(range(500))) == list(range(100))
