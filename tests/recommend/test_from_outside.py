"""A whole installation: what a visitor did and the shop changed counts within a second."""

import time
from typing import Any

import pytest

import outside
from running import Running, eventually, running

pytestmark = pytest.mark.slow

GOODS = [
    {"id": id, "title": id.capitalize(), "price": "12.50", "category": "Home > Light"}
    for id in ("lamp", "bulb", "shade", "candle")
]


def offered(house: Running, placement: str, **more: Any) -> list[str]:
    body = {"placements": [placement], "writeKey": house.write_key, **more}
    answer = outside.post(f"{house.url}/v1/recommend", json=body)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["placements"][0]["items"]]


def seen_by(house: Running, visitor: str, *products: str) -> None:
    batch = [
        {"type": "track", "event": "Product Viewed", "anonymousId": visitor,
         "messageId": f"{visitor}-{id}", "properties": {"product_id": id}}
        for id in products
    ]  # fmt: skip
    answer = outside.post(
        f"{house.url}/v1/batch", json={"batch": batch}, auth=(house.write_key, "")
    )
    assert answer.status_code == 200, answer.text


def until_known(house: Running, visitor: str) -> float:
    """Seconds from a visit until it is answered."""
    began = time.monotonic()
    seen_by(house, visitor, "lamp")
    eventually(
        lambda: offered(house, "recently_viewed", anonymousId=visitor) == ["lamp"], "the visit"
    )
    return time.monotonic() - began


def test_from_the_first_product_to_the_first_training() -> None:
    with running(lake_flush_seconds=1, training_seconds=1) as house:
        house.open_shop()
        house.start()
        told = house.call("POST", "/api/products", json={"products": GOODS})
        assert told.status_code == 200, told.text
        eventually(lambda: len(offered(house, "best_sellers")) == 4, "the catalog")
        assert offered(house, "recently_viewed", anonymousId="eve") == []
        for number in range(6):
            seen_by(house, f"visitor-{number}", "lamp", "bulb")
        took = [until_known(house, visitor) for visitor in ("eve", "fay", "gwen")]
        sold_out = [{"id": "shade", "available": False}]
        house.call("POST", "/api/products", json={"products": sold_out})
        eventually(lambda: "shade" not in offered(house, "best_sellers"), "what is sold out")
        assert "sources" not in house.call("GET", "/api/recommend/report").json()
        assert house.call("POST", "/api/recommend/train").status_code == 202

        def report_of() -> Any:
            found = house.call("GET", "/api/recommend/report").json()
            return found if "sources" in found else None

        report = eventually(report_of, "the training")
        assert report["products"] == 4
        assert {"session", "similar"} <= {one["name"] for one in report["sources"]}

        def comes_next() -> bool:
            return offered(house, "recommended_for_you", anonymousId="eve")[0] == "bulb"

        eventually(comes_next, "the models")
        assert min(took) < 2.0  # a second, on a machine that has nothing else to do
