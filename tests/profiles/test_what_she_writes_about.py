"""Reviews and what people ask the service become topics that rules may ask for."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import NOON, House
from patron.kit.problems import Problem
from patron.profiles import store
from patron.profiles.erasure import store as erasure
from patron.profiles.topics.finding import REVIEWS, Finder, finder_of
from patron.profiles.topics.words import BY_LANGUAGE
from patron.profiles.traits import stands, written
from patron.profiles.types import TraitValue
from patron.segments.facts import Subject, load_many
from patron.segments.rules.language import needs, parse
from patron.shops.found import changed
from patron.shops.types import ShopSettings
from stage import Stage, play

OWN = {"eco": ["recycl*", "fair trade"], "tea": ["Earl Grey"]}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It is RECYCLED, and fair-trade!", ["eco"]),
        ("earl  grey\nfor ever", ["tea"]),
        ("unrecycled", []),
        ("Earl of Grey", []),
        ("fair, trade", ["eco"]),
        ("", []),
        ("x" * 20_000 + " recycled", []),
    ],
)
def test_words_and_their_beginnings_are_found_and_nothing_within_words(
    text: str, found: list[str]
) -> None:
    assert Finder(OWN).topics(text) == found


def test_a_language_has_topics_and_a_shop_may_have_its_own() -> None:
    assert finder_of({}, "en-GB").topics("The parcel came late") == ["delivery"]
    assert finder_of({}, "de").topics("Leider zu groß, ein Geschenk") == ["fit", "gift"]
    assert finder_of({}, "fi").topics("parcel") == []
    assert finder_of(OWN, "en").topics("The parcel came late") == []
    assert {name for one in BY_LANGUAGE.values() for name in one} == set(BY_LANGUAGE["en"])
    kept = changed(ShopSettings(), {"topics": OWN})
    assert kept.topics == OWN
    wrongs: list[dict[str, Any]] = [{"eco": []}, {"": ["x"]}, {"eco": "organic"}]
    for wrong in wrongs:
        with pytest.raises(Problem):
            changed(kept, {"topics": wrong})


VALUES = st.builds(
    TraitValue,
    st.lists(st.sampled_from("abc"), max_size=3).map(sorted),
    st.just(NOON),
    st.sampled_from([0, 2]),
)


@given(VALUES, VALUES, VALUES)
def test_topics_gather_in_any_order(a: TraitValue, b: TraitValue, c: TraitValue) -> None:
    def both(one: TraitValue, other: TraitValue) -> TraitValue:
        return stands(REVIEWS, one, other)

    assert both(both(a, b), c) == both(a, both(c, b))
    every = both(a, b)
    assert not written({REVIEWS: every}, {REVIEWS: every.v}, NOON, int(every.trust))


def test_what_she_writes_is_kept_and_asked_for_and_goes_with_her(house: House) -> None:
    async def story(stage: Stage) -> None:
        stage.shop = msgspec.structs.replace(
            stage.shop, settings=msgspec.structs.replace(stage.shop.settings, topics=OWN)
        )
        said: list[tuple[str, dict[str, Any]]] = [
            ("Product Reviewed", {"review_body": "Recycled, lovely", "rating": 5}),
            ("Product Reviewed", {"review_body": "Best Earl Grey", "rating": 4}),
            ("Support Ticket Created", {"subject": "Fair trade?", "description": 7}),
            ("Live Chat Message Received", {"message_body": "Earl Grey?"}),  # not hers
            ("Product Viewed", {"review_body": "recycled"}),
        ]
        for name, told in said:
            await stage.walk(stage.event(name, "u:ada", **told))
        async with stage.unit() as tx:
            root = await store.find(tx, "user_id:ada")
            assert root is not None
            person = await store.person(tx, root)
            assert person is not None
            assert person.traits == {"contact_topics": ["eco"], REVIEWS: ["eco", "tea"]}
            rule = parse({"trait": REVIEWS, "op": "has_any", "value": ["tea"]})
            (facts,) = await load_many(tx, [Subject(root)], needs(rule), stage.now, stage.shop)
            assert rule.holds(facts, stage.now)
            await erasure.erase(tx, root, None, stage.now)
            assert await store.person(tx, root) is None

    play(house, story)
