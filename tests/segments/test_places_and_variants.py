"""Where somebody is and what she was shown: told by events, kept as last words, asked by rules."""

from datetime import timedelta
from typing import Any

import pytest

from conftest import NOON, House
from known import NOW, Known
from patron.app import people
from patron.app.care.forgetting import from_the_rooms
from patron.events.types import Event, Source
from patron.journeys import entry_store
from patron.journeys import tasks as journeys
from patron.kit.db import value
from patron.profiles import store as profiles
from patron.segments import filling, trying
from patron.segments.forms.location import kilometres
from patron.segments.last import store as last
from patron.segments.last.countries import EU, country_code
from patron.segments.last.reading import place_of, words
from patron.segments.last.types import NOWHERE, Place, Shown
from patron.segments.members import store as members
from patron.segments.rules.language import parse
from patron.segments.saved import store as saved
from patron.segments.telling import starts_something
from stage import Stage, play
from tale import save

BERLIN = {"country": "Germany", "city": "Berlin", "latitude": 52.52, "longitude": 13.405}
NEAR_BERLIN = {
    "location": "distance",
    "from": {"latitude": 52.39, "longitude": 13.06},
    "op": "at_most",
    "value": 30,
}


def test_a_country_is_known_by_letters_and_names() -> None:
    for text in ("DE", "de", "DEU", "Germany", " germany "):
        assert country_code(text) == "DE"
    assert country_code("U.S.A.") == "US" and country_code("EL") == "GR"
    assert country_code("Atlantis") is None
    assert len(EU - {"AX", "GF", "GP", "MF", "MQ", "RE", "YT"}) == 27 and "GB" not in EU


def test_degrees_that_are_nowhere_on_earth_are_none() -> None:
    assert place_of({"lat": "95", "lng": 10}) == NOWHERE
    assert place_of({"lat": "45", "lng": 10}) == Place(latitude=45, longitude=10)
    assert place_of({"zip": 1080, "state": "  "}) == Place(postal_code="1080")


@pytest.mark.parametrize(
    ("one", "other", "far"),
    [
        ((0, 0), (0, 0), 0),
        ((0, 0), (0, 180), 20_015.115),
        ((90, 0), (-90, 0), 20_015.115),
        ((36.12, -86.67), (33.94, -118.4), 2886.45),  # a well-known worked example of the formula
    ],
)
def test_the_way_along_the_earth(
    one: tuple[float, float], other: tuple[float, float], far: float
) -> None:
    assert kilometres(one, other) == pytest.approx(far, abs=0.01)


def test_what_she_says_of_herself_counts_more_than_an_order_and_that_more_than_a_visit() -> None:
    order = Place("GB", city="London", postal_code="N1")
    visit = Place("DE", city="Berlin", latitude=52.5, longitude=13.4)
    in_britain = parse({"location": "country", "op": "equals", "value": "United Kingdom"})
    postal = parse({"location": "postal_code", "op": "equals", "value": "n1"})
    union = parse({"location": "eu"})
    near = parse({**NEAR_BERLIN, "value": 100})
    stranger = Known(placed=[order, visit])
    assert in_britain.holds(stranger, NOW) and not union.holds(stranger, NOW)
    assert not near.holds(stranger, NOW), "a visit elsewhere does not complete it"
    she = Known(traits={"address": {"country": "de"}}, placed=[order, visit])
    assert union.holds(she, NOW) and near.holds(she, NOW)
    assert not postal.holds(she, NOW), "an order to another country does not complete it"
    nobody = Known()
    assert not union.holds(nobody, NOW)
    assert not parse({"location": "eu", "is": False}).holds(nobody, NOW)
    assert near.evaluate(she, NOW).why[0].endswith("km from 52.39, 13.06")
    assert union.evaluate(she, NOW).why == ["is in Germany, which is in the EU"]


def events_of(stage: Stage) -> list[Event]:
    visit = stage.event("Visited", "u:ada", timedelta(hours=2))
    visit.context = {"location": BERLIN}
    late = stage.event("Visited", "u:ada", timedelta(hours=9))
    late.context = {"location": {"country": "FR", "city": "Paris"}}
    order = stage.orders("u:eva", shipping_address={"country_code": "GB", "zip": "N1"})
    shown = stage.event("Experiment Viewed", "u:ada", experimentId="e1", variationName="Blue")
    exposed = stage.event("$exposure", "u:eva", flag_key="E1", variant="red")
    forged = stage.event("Experiment Viewed", "u:eva", experiment_id="journey:x", variation_id="a")
    told = stage.event("Journey Entered", "u:eva", journey="x", arm="holdout")
    return [visit, late, order, shown, exposed, forged, told]


def test_only_patron_says_who_is_held_out(house: House) -> None:
    async def story(stage: Stage) -> None:
        *_, forged, told = events_of(stage)
        assert words(forged, "Order Completed") == [] == words(told, "Order Completed")
        told.source = Source.PATRON
        assert words(told, "Order Completed") == [
            ("experiment:journey:x", Shown("journey:x", "holdout"))
        ]
        assert not starts_something(told)

    play(house, story)


async def _root(stage: Stage, name: str) -> Any:
    async with stage.unit() as tx:
        return await profiles.find(tx, f"user_id:{name}")


async def _in(stage: Stage, key: str) -> set[Any]:
    async with stage.unit() as tx:
        segment = await saved.by_key(tx, key)
        assert segment is not None
        return {one.id for one in await members.members(tx, segment.id, None, 100)}


RULES: dict[str, dict[str, Any]] = {
    "near": NEAR_BERLIN,
    "britain": {"location": "country", "op": "in", "value": ["GB", "Ireland"]},
    "blue": {"experiment": "e1", "variant": ["blue", "green"]},
    "any": {"experiment": "E1"},
    "mixed": {"experiment": "e1", "variant": "mixed"},
    "out": {"held_out": "x"},
}


def test_segments_follow_last_words_merges_and_forgetting(house: House) -> None:
    async def story(stage: Stage) -> None:
        for key, rule in RULES.items():
            await save(stage, key, rule)
        *batch, told = events_of(stage)
        told.source = Source.PATRON
        await stage.walk(*batch[:1])
        await filling.fill(stage.db, stage.shop, None, stage.house.clock)
        await stage.walk(*batch[1:], told)
        ada, eva = await _root(stage, "ada"), await _root(stage, "eva")
        found = {key: await _in(stage, key) for key in RULES}
        assert found == {
            "near": {ada}, "britain": {eva}, "blue": {ada}, "any": {ada, eva}, "mixed": set(),
            "out": {eva},
        }  # fmt: skip
        alias = stage.event("Aliased", "u:ada")
        alias.type, alias.previous_id = alias.type.ALIAS, "eva"
        await stage.walk(alias)
        root = await _root(stage, "ada")
        assert await _in(stage, "mixed") == {root} and await _in(stage, "blue") == set()
        async with stage.unit() as tx:
            everything = await people.export(tx, stage.shop, "user_id:ada")
            assert {one["about"] for one in everything["last_words"]} == {
                "place:visit", "place:order", "experiment:e1", "experiment:journey:x",
            }  # fmt: skip
            said = await trying.explain(tx, stage.shop, parse(RULES["mixed"]), root, stage.now)
            assert said.why == ["was shown mixed variants of the experiment “e1”"]
            await from_the_rooms(tx, await profiles.origins(tx, root))
            assert await value(tx, "SELECT count(*) FROM last_word") == 0

    play(house, story)


def test_of_an_origin_a_hundred_experiments_are_kept(house: House) -> None:
    async def story(stage: Stage) -> None:
        some = [
            stage.event("Experiment Viewed", "u:ada", timedelta(minutes=n), experiment_id=f"e{n}",
                        variation_id="a")
            for n in range(120)
        ]  # fmt: skip
        await stage.walk(*some[::2])
        await stage.walk(*some[1::2])
        async with stage.unit() as tx:
            root = await profiles.find(tx, "user_id:ada")
            assert root is not None
            (words_,) = (await last.shown(tx, {root: [root]}))[root]
            assert {one.shown.experiment for one in words_} == {f"e{n}" for n in range(100)}
            gone = await last.expire(tx, NOON - timedelta(minutes=90), 1_000)
            assert len(gone) == 9

    play(house, story)


class Kept:
    """An inbox that only remembers."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []

    async def append(self, shop: Any, bodies: list[dict[str, Any]], **told: Any) -> None:
        assert told["source"] is Source.PATRON
        self.bodies += bodies


def test_a_run_that_has_something_to_say_tells_its_arm_once(house: House) -> None:
    async def story(stage: Stage) -> None:
        await stage.walk(stage.adds("u:ada", browser="b1"))
        stage.pass_time(hours=2)
        assert await stage.fire() == 1
        inbox = Kept()
        assert await journeys.tell(stage.db, stage.shop, inbox) == 1  # type: ignore[arg-type]
        assert await journeys.tell(stage.db, stage.shop, inbox) == 0  # type: ignore[arg-type]
        (body,) = inbox.bodies
        (run,) = await stage.runs()
        assert body["event"] == "Journey Entered"
        assert body["properties"] == {"journey": "abandoned_cart", "arm": run.arm}
        async with stage.unit() as tx:
            assert await entry_store.untold(tx, 10) == []

    play(house, story)
