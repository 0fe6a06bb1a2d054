"""A shop's developer writes a journey, switches it, and asks why somebody got no message."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from litestar import Litestar, Request, Response
from litestar.di import Provide
from litestar.testing import TestClient
from litestar.types import ASGIApp, Receive, Scope, Send

from conftest import House
from patron.analytics import routes as analytics
from patron.journeys import routes
from patron.journeys.builtin import abandoned_cart
from patron.kit.db import Database
from patron.kit.problems import Problem
from patron.shops.types import METRICS, Access, KeyKind, Shop
from stage import Stage, play

OWNER = frozenset({"shop:admin"})


@contextmanager
def api(
    house: House, scopes: frozenset[str] | None = OWNER, shop: Shop | None = None
) -> Iterator[TestClient[Litestar]]:
    """The routes of journeys and analytics, called with a key of `scopes` (None: no key)."""
    shop = shop or house.acme
    db = Database(house.url, max_size=3, name="api")
    access = None if scopes is None else Access(shop, UUID(int=9), KeyKind.SERVER, scopes)

    @asynccontextmanager
    async def opened(_: Litestar) -> AsyncIterator[None]:
        async with db:
            yield

    def layer(app: ASGIApp) -> ASGIApp:
        async def call(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("state", {})["access"] = access
            await app(scope, receive, send)

        return call

    def answer(_: Request[Any, Any, Any], error: Problem) -> Response[Any]:
        return Response(error.document, status_code=error.document.status)

    provided = {"db": lambda: db, "clock": lambda: house.clock, "shop": lambda: shop}
    app = Litestar(
        [*routes.routes, *analytics.routes],
        dependencies={name: Provide(how, sync_to_thread=False) for name, how in provided.items()},
        middleware=[layer],
        exception_handlers={Problem: answer},
        lifespan=[opened],
    )
    with TestClient(app) as client:
        yield client


def test_a_journey_that_could_never_send_is_refused_with_what_would_work(house: House) -> None:
    wrong = abandoned_cart(METRICS)
    wrong["steps"][-1]["send"]["template"] = "welcome_mail"
    with api(house) as client:
        answer = client.put("/api/journeys/mine", json={"name": "Mine", "definition": wrong})
        assert answer.status_code == 400
        assert answer.json()["path"] == "definition.steps[2].send.template"
        assert "'welcome_mail'" in answer.json()["detail"]
        assert answer.json()["remedy"] == "use one of abandoned_cart, open_account"
        assert client.get("/api/journeys/mine").status_code == 404


def test_a_journey_is_written_switched_and_listed(house: House) -> None:
    definition = abandoned_cart(METRICS)
    body = {"name": "Carts", "definition": definition}
    with api(house) as client:
        made = client.put("/api/journeys/carts", json=body).json()
        assert (made["status"], made["version"], made["runs"]) == ("draft", 1, {})
        assert made["definition"] == definition
        assert client.put("/api/journeys/carts", json=body).json() == made
        assert client.post("/api/journeys/carts/on").json()["status"] == "on"
        longer = {"name": "Carts", "definition": definition | {"holdout": 0.2}}
        changed = client.put("/api/journeys/carts", json=longer).json()
        assert (changed["status"], changed["version"]) == ("on", 2)
        assert client.get("/api/journeys/carts").json() == changed
        assert [one["key"] for one in client.get("/api/journeys").json()["items"]] == ["carts"]
        assert client.post("/api/journeys/carts/off").json()["status"] == "off"
        assert client.get("/api/conditions/schema").json()["title"] == "Condition"


def test_a_mistake_is_answered_with_its_path(house: House) -> None:
    definition = abandoned_cart(METRICS)
    definition["steps"][1]["condition"]["rule"]["since"] = "yesterday"
    with api(house) as client:
        answer = client.put("/api/journeys/carts", json={"name": "x", "definition": definition})
        problem = answer.json()
        assert answer.status_code == 400
        assert problem["path"] == "definition.steps[1].condition.rule.since"
        assert "found 'yesterday'" in problem["detail"] and "use one of start" in problem["remedy"]
        assert client.get("/api/journeys/carts").status_code == 404
        for key in ("Carts", "a b", "x" * 61):
            assert client.put(f"/api/journeys/{key}", json={}).status_code == 400


def test_why_and_why_not(house: House) -> None:
    async def story(stage: Stage) -> None:
        await stage.walk(stage.adds("anna"), stage.adds("berta"), stage.adds("carla"))
        stage.pass_time(minutes=10)
        await stage.walk(stage.orders("anna"))
        stage.pass_time(minutes=50)
        await stage.fire()
        await stage.walk(stage.adds("dora"))

    play(house, story)
    with api(house) as client:
        first = client.get("/api/journeys/abandoned_cart/runs?limit=3").json()
        rest = client.get(
            "/api/journeys/abandoned_cart/runs", params={"cursor": first["next_cursor"]}
        ).json()
        runs = [*first["items"], *rest["items"]]
        assert len({run["id"] for run in runs}) == 4 and rest["next_cursor"] is None
        told = {run["id"]: client.get(f"/api/runs/{run['id']}").json() for run in runs}
        answers = sorted(one["answer"] for one in told.values())
        assert answers[0] == "Left: she ordered."
        assert answers[1].startswith("Waits until 2026-03-02 14:00:00 UTC")
        assert all(answer.startswith("Written down by “abandoned cart”") for answer in answers[2:])
        [left] = client.get("/api/journeys/abandoned_cart/runs?state=exited").json()["items"]
        assert told[left["id"]]["messages"] == []
        of_her = client.get(
            "/api/journeys/abandoned_cart/runs", params={"profile": left["profile_id"]}
        ).json()
        assert [run["id"] for run in of_her["items"]] == [left["id"]]
        mailed = next(one for one in told.values() if one["messages"])
        steps = [line["step"] for line in mailed["story"] if line.get("step")]
        assert steps == ["idle", "unordered", "mail", "mail"]


def test_what_is_not_there_is_not_found(house: House) -> None:
    with api(house) as client:
        for path in ("/api/journeys/x", "/api/journeys/x/runs", f"/api/runs/{uuid4()}"):
            assert client.get(path).status_code == 404
        assert client.get("/api/journeys/x/results").status_code == 404
        assert client.post("/api/journeys/x/on").status_code == 404
        play(house, lambda stage: stage.runs())
        runs = "/api/journeys/abandoned_cart/runs"
        assert client.get(runs, params={"cursor": "%%"}).status_code == 400
        assert client.get(runs, params={"cursor": "WzEsMl0"}).status_code == 400
        assert client.get(runs, params={"limit": 0}).status_code == 400
        wrong = client.get("/api/journeys/abandoned_cart/results?since=2026-03-02T00:00:00")
        assert wrong.status_code == 400 and wrong.json()["path"] == "since"
        for odd in (
            "since=2026-03-02T00:00:00Z&until=2026-03-01T00:00:00Z",
            "since=2027-01-01T00:00:00Z",
        ):
            wrong = client.get(f"/api/journeys/abandoned_cart/results?{odd}")
            assert wrong.status_code == 400 and "earlier" in wrong.json()["remedy"]


READS = ("/api/journeys", "/api/journeys/abandoned_cart", "/api/journeys/abandoned_cart/runs")
WRITES = ("/api/journeys/abandoned_cart/on", "/api/journeys/abandoned_cart/off")


@pytest.mark.parametrize(
    ("scopes", "status"), [(None, 401), (frozenset({"journeys:read"}), 403), (OWNER, 200)]
)
def test_who_may_do_what(house: House, scopes: frozenset[str] | None, status: int) -> None:
    """A stranger, a colleague with fewer rights, the owner."""
    play(house, lambda stage: stage.runs())
    with api(house, scopes) as client:
        for path in READS:
            assert client.get(path).status_code == (401 if scopes is None else 200)
        for path in WRITES:
            assert client.post(path).status_code == status
        assert client.get("/api/journeys/abandoned_cart/results").status_code == status
        body = {"name": "x", "definition": abandoned_cart(METRICS)}
        assert client.put("/api/journeys/x", json=body).status_code == status


def test_another_shop_sees_nothing_of_it(house: House) -> None:
    async def story(stage: Stage) -> UUID:
        await stage.walk(stage.adds("anna"))
        return (await stage.runs())[0].id

    run_id = play(house, story)
    with api(house, shop=house.bolt) as client:
        assert client.get(f"/api/runs/{run_id}").status_code == 404
        assert client.get("/api/journeys").json()["items"] == []
