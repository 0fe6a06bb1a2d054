"""What is known about a person does not depend on the order in which it was told."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patron.profiles.traits import MAX_TRAITS, Traits, joined, plain, written
from profiles.stories import NOON

EARLY, LATE = NOON, NOON + timedelta(minutes=5)
PUBLIC, SERVER = 0, 2


def told(*words: tuple[dict[str, object], int, int]) -> dict[str, object]:
    traits: Traits = {}
    for new, minutes, trust in words:
        written(traits, new, NOON + timedelta(minutes=minutes), trust)
    return plain(traits)


def test_the_latest_word_by_event_time_stands() -> None:
    assert told(({"size": "M"}, 5, PUBLIC), ({"size": "S"}, 0, PUBLIC)) == {"size": "M"}


def test_the_first_contact_stays_the_first_contact() -> None:
    assert told(
        ({"first_source": "mail", "initial_page": "/a"}, 5, PUBLIC),
        ({"first_source": "search", "initial_page": "/b"}, 0, PUBLIC),
        ({"first_source": "direct"}, 9, PUBLIC),
    ) == {"first_source": "search", "initial_page": "/b"}


def test_a_first_name_is_no_first_contact() -> None:
    assert told(({"first_name": "Ada"}, 0, 0), ({"firstName": "Augusta"}, 5, 0)) == {
        "first_name": "Augusta"
    }
    assert told(({"createdAt": "2020", "lastName": "L"}, 0, 0), ({"created_at": "2021"}, 5, 0)) == {
        "created_at": "2021", "last_name": "L",
    }  # fmt: skip


def test_a_page_never_overwrites_what_the_server_said() -> None:
    words: list[tuple[dict[str, object], int, int]] = [
        ({"vip": True}, 0, SERVER),
        ({"vip": False, "size": 3}, 5, PUBLIC),
    ]
    assert told(*words) == told(*reversed(words)) == {"vip": True, "size": 3}


def test_types_are_kept_and_null_takes_a_trait_away() -> None:
    given_traits = {
        "n": 1, "f": 1.5, "b": False, "s": "1", "d": {"city": "Hollin"}, "l": [1, "a"], "gone": 1,
    }  # fmt: skip
    found = told((given_traits, 0, SERVER), ({"gone": None}, 1, SERVER))
    del given_traits["gone"]
    assert found == given_traits
    assert type(found["n"]) is int
    assert type(found["b"]) is bool


def test_identifiers_are_not_kept_twice() -> None:
    assert told(({"email": "ada@x.example", "phone": "1", "id": "7", "a": 1}, 0, SERVER)) == {
        "a": 1
    }


@pytest.mark.parametrize("value", ["x" * 5_000, ["x" * 100] * 50, {"a": "é" * 4_000}])
def test_what_is_too_large_is_left_out(value: object) -> None:
    assert told(({"big": value, "n" * 101: 1, "small": 1}, 0, SERVER)) == {"small": 1}


def test_there_is_an_end_to_traits() -> None:
    many: dict[str, object] = {f"t{n}": n for n in range(MAX_TRAITS + 50)}
    assert len(told((many, 0, SERVER))) == MAX_TRAITS
    assert told((many, 0, SERVER), ({"t0": "new"}, 1, SERVER))["t0"] == "new"


VALUES = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["a", "b"])
WORDS = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from(["size", "first_seen_on", "first_name"]), VALUES),
        st.integers(0, 3),
        st.integers(0, 2),
    ),
    max_size=8,
)


@given(WORDS, st.randoms(), st.integers(0, 8))
def test_neither_order_nor_origin_of_words_matters(
    words: list[tuple[dict[str, object], int, int]], random: object, cut: int
) -> None:
    shuffled = list(words)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = Traits(), Traits()
    for traits, part in ((one, shuffled[:cut]), (other, shuffled[cut:])):
        for new, minutes, trust in part:
            written(traits, new, NOON + timedelta(minutes=minutes), trust)
    assert plain(joined([one, other])) == told(*words)
