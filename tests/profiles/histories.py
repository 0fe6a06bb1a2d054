"""Histories of a few people who share browsers and addresses, drawn at random."""

from hypothesis import strategies as st

from patron.events.types import Event, EventType, Trust
from profiles.stories import alias, seen

PHONES, CARDS = ["+14155552671", "+14155552672"], ["c1", "c2", "c3"]
USERS, ADDRESSES, BROWSERS = ["u1", "u2", "u3"], ["e1", "e2"], ["a1", "a2", "a3", "a4"]
TRUST = st.sampled_from([Trust.PUBLIC, Trust.SERVER, Trust.VERIFIED])
TRAITS = st.dictionaries(
    st.sampled_from(["size", "first_source", "firstName", "first_name"]),
    st.none() | st.integers(0, 3) | st.sampled_from(["s", "m"]),
    max_size=2,
)


@st.composite
def plain(draw: st.DrawFn) -> Event:
    """A page view with one or two names; the same names come again and again."""
    user = draw(st.none() | st.sampled_from(USERS))
    browsers = st.sampled_from(BROWSERS)
    return seen(
        user, draw(browsers if user is None else st.none() | browsers),
        minutes=draw(st.integers(0, 60)), trust=draw(TRUST),
    )  # fmt: skip


@st.composite
def told(draw: st.DrawFn) -> Event:
    """An identify call, or a track with traits in its context."""
    user = draw(st.none() | st.sampled_from(USERS))
    email = draw(st.none() | st.sampled_from(ADDRESSES))
    browsers = st.sampled_from(BROWSERS)
    browser = draw(browsers if user is None and email is None else st.none() | browsers)
    traits: dict[str, object] = dict(draw(TRAITS))
    if email is not None:
        traits["email"] = f"{email}@x.example"
    if phone := draw(st.none() | st.none() | st.sampled_from(PHONES)):
        traits["phone"] = phone
    card = draw(st.none() | st.none() | st.sampled_from(CARDS))
    context = {} if card is None else {"externalIds": [{"type": "card", "id": card}]}
    return seen(
        user, browser, minutes=draw(st.integers(0, 60 * 24 * 9)), trust=draw(TRUST), traits=traits,
        type=draw(st.sampled_from([EventType.IDENTIFY, EventType.TRACK])), context=context,
    )  # fmt: skip


@st.composite
def aliases(draw: st.DrawFn) -> Event:
    previous = draw(st.sampled_from(USERS + BROWSERS))
    return alias(previous, draw(st.sampled_from(USERS)), draw(TRUST), draw(st.integers(0, 60)))


def events() -> st.SearchStrategy[Event]:
    """Any event; events that carry nothing but names are the most."""
    return st.one_of(plain(), told(), aliases(), plain(), told())
