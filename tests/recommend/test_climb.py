"""The search for parameters goes uphill, ends, and finds what a made shop's customers show."""

from collections.abc import Iterator

import msgspec
import numpy as np

from patron.recommend.again import tuning as again
from patron.recommend.again.model import Params as Again
from patron.recommend.choosing import choose
from patron.recommend.climb import Climb
from patron.recommend.sequence import tuning as sequence
from patron.recommend.sequence.model import Params as ForYou
from patron.recommend.types import Interactions, Kind


class Place(msgspec.Struct, frozen=True):
    x: float = 0.0
    y: float = 0.0


LADDERS = {"x": tuple(float(k) for k in range(-9, 10)), "y": tuple(float(k) for k in range(9))}


def test_it_finds_the_top_of_a_hill_and_ends() -> None:
    climb = Climb(Place(), LADDERS, rounds=3)

    def height(place: Place) -> float:
        found = -((place.x + 4) ** 2) - (place.y - 3) ** 2
        climb.told(place, found)
        return found

    best = choose(climb, height, 60)
    assert best.params == Place(-4.0, 3.0) and best.exhausted
    places = [one.params for one in best.tried]
    assert places[0] == Place() and len(places) == len(set(places)) < 30


def test_a_plain_is_left_after_one_round() -> None:
    climb = Climb(Place(), LADDERS)
    proposed: Iterator[Place] = iter(climb)
    seen = []
    for place in proposed:
        climb.told(place, 1.0)
        seen.append(place)
    assert len(seen) == 1 + 2 + 1


def shop(people: int = 300) -> Interactions:
    """Everybody buys 0 … 9 one after the other from somewhere on, and the first thing each time."""
    draw = np.random.default_rng(2)
    rows = []
    for person in range(people):
        first = int(draw.integers(0, 10))
        for k in range(5):
            item = (first + k) % 10
            rows += [(person, item, k * 604_800), (person, 10 + first, k * 604_800)]
    columns = np.array(rows, np.int64).T
    person, item = columns[0].astype(np.int32), columns[1].astype(np.int32)
    order = np.arange(len(rows), dtype=np.int32) // 2
    bought = np.full(len(rows), Kind.BUY, np.int8)
    return Interactions(person, item, columns[2], bought, order, person, people, 20)


def test_parameters_for_you_foretell_the_last_thing_and_the_default_is_the_first_tried() -> None:
    history = shop()
    alone = history.where(history.item < 10)
    found = sequence.chosen(alone, 2.0)
    assert found.tried[0].params == ForYou()
    assert found.score > 0.9
    assert sequence.chosen(alone, 0.0).params == ForYou()
    held = sequence.hold_back(alone)
    assert len(held.before) == len(alone) - 300
    assert held.wanted[0] == alone.item[4]


def test_parameters_for_the_next_basket_foretell_the_last_one() -> None:
    history = shop()
    held = again.hold_back(history)
    assert len(held.wanted) == 300 and len(held.before) == len(history) - 600
    found = again.chosen(history, 2.0)
    assert found.tried[0].params == Again()
    assert found.score > 0.6


def test_shops_with_nothing_to_ask_about_keep_the_default() -> None:
    history = shop().where(np.zeros(3_000, bool))
    assert sequence.chosen(history, 1.0).params == ForYou()
    assert again.chosen(history, 1.0).params == Again()
