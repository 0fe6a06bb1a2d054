"""A shop's developer sends products and looks at them."""

from datetime import timedelta
from typing import Any

from carts.doors import ADMIN, api
from catalog.test_catalog import viewed
from conftest import House
from patron.catalog import store, walk
from patron.catalog.routes import routes
from patron.events.types import Event


def test_products_are_sent_changed_and_looked_at(house: House) -> None:
    with api(house, routes) as client:
        rows: list[dict[str, Any]] = [
            {"id": f"tea-{n}", "title": f"Sencha No. {n}", "price": "12.50", "sku": f"S{n}"}
            for n in range(5)
        ]
        rows += [{"id": "bad", "price": "cheap"}, {"title": "no id"}, {"id": "nul\0"}]
        sent = client.post("/api/products", json={"products": rows})
        assert sent.status_code == 200
        assert (sent.json()["inserted"], sent.json()["prices"]) == (5, 5)
        refused = {(r["row"], r["errors"][0]["field"]) for r in sent.json()["refused"]}
        assert refused == {(5, "price"), (6, "id"), (7, "")}
        house.clock.advance(timedelta(hours=1))
        again = client.post("/api/products", json={"products": [{"id": "tea-1", "price": 11}]})
        assert again.json()["updated"] == 1
        shown = client.get("/api/products/S1").json()
        assert shown["product"]["price"] == {"amount": 1100, "currency": "USD"}
        assert [p["price"]["amount"] for p in shown["prices"]] == [1100, 1250]
        assert {key["kind"] for key in shown["keys"]} == {"product", "sku"}
        seen, cursor = [], ""
        while True:
            page = client.get(f"/api/products?search=SENCHA&limit=2{cursor}").json()
            seen += [item["id"] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert seen == [f"tea-{n}" for n in range(5)]
        assert client.get("/api/products?search=100%25").json()["items"] == []
        page = {
            "id": "cup",
            "url": "https://www.shop.example/p/cup?utm_source=x",
            "gtin": "40063813",
        }
        client.post("/api/products", json={"products": [page]})
        for name in ("https://shop.example/p/cup/", "40063813", "cup"):
            found = client.get("/api/products", params={"called": name}).json()["items"]
            assert [one["id"] for one in found] == ["cup"]
        for name in ("https://shop.example/p/", "40063814", "\0"):
            assert client.get("/api/products", params={"called": name}).json()["items"] == []
        assert client.get("/api/products/nothing").status_code == 404
        assert client.get("/api/products?limit=0").status_code == 400
        assert client.get("/api/products?cursor=zzz").status_code == 400
        many = {"products": [{"id": str(n)} for n in range(1_001)]}
        assert client.post("/api/products", json=many).status_code == 400


def test_ids_nobody_knows_over_the_api(house: House) -> None:
    walk.forget(house.acme)
    events: list[Event] = [viewed(n, sku=f"X{n}") for n in range(3)]
    house.unit(lambda tx: walk.observe(tx, house.acme, events))
    with api(house, routes) as client:
        first = client.get("/api/products/unresolved?limit=2").json()
        assert [one["value"] for one in first["items"]] == ["X2", "X1"]
        rest = client.get(f"/api/products/unresolved?limit=2&cursor={first['next_cursor']}").json()
        assert [one["value"] for one in rest["items"]] == ["X0"] and rest["next_cursor"] is None


def test_who_may_and_who_may_not(house: House) -> None:
    sent = {"products": [{"id": "tea", "title": "Sencha"}]}
    for scopes, reading, writing in (
        (None, 401, 401),
        (frozenset({"profiles:read"}), 403, 403),
        (frozenset({"catalog:read"}), 200, 403),
        (ADMIN, 200, 200),
    ):
        with api(house, routes, scopes) as client:
            assert client.get("/api/products").status_code == reading
            assert client.post("/api/products", json=sent).status_code == writing
    assert house.unit(lambda tx: store.find(tx, ["tea"])).keys() == {"tea"}
    with api(house, routes, ADMIN, house.bolt) as client:
        assert client.get("/api/products").json()["items"] == []
        assert client.get("/api/products/tea").status_code == 404
