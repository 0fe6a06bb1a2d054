"""Histories of a few people who share browsers and addresses, drawn at random."""

from hypothesis import strategies as st

from patron.events.types import Event, EventType, Trust
from profiles.stories import alias, seen

USERS, ADDRESSES, BROWSERS = ["u1", "u2", "u3"], ["e1", "e2", "e3"], ["a1", "a2", "a3", "a4"]


@st.composite
def events(draw: st.DrawFn) -> Event:
    trust = draw(st.sampled_from(list(Trust)))
    minutes = draw(st.integers(0, 60 * 24 * 3))
    if draw(st.integers(0, 9)) == 0:
        previous = draw(st.sampled_from(USERS + BROWSERS))
        return alias(previous, draw(st.sampled_from(USERS)), trust, minutes)
    user = draw(st.none() | st.sampled_from(USERS))
    email = draw(st.none() | st.sampled_from(ADDRESSES))
    browser = draw(
        st.sampled_from(BROWSERS)
        if user is None and email is None
        else st.none() | st.sampled_from(BROWSERS)
    )
    traits: dict[str, object] = draw(
        st.dictionaries(
            st.sampled_from(["size", "first_source", "firstName", "first_name"]),
            st.none() | st.integers(0, 3) | st.sampled_from(["s", "m"]),
            max_size=2,
        )
    )
    if email is not None:
        traits["email"] = f"{email}@x.example"
    return seen(
        user, browser, minutes=minutes, trust=trust, traits=traits,
        type=draw(st.sampled_from([EventType.IDENTIFY, EventType.TRACK])),
    )  # fmt: skip
