"""What counts as one visit."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from conftest import House
from events.walking import NOON, put_calls, track, walk_all
from patron.events.types import Event, Source, Trust
from patron.events.visit.sessions import SILENCE_MS, Visitor, pack, unpack, visit, visitor_key
from patron.kit.db import Tx

MINUTE = 60_000
START = 1_770_000_000_000
KEY = visitor_key("a:b1")


def ids(minutes: list[float], *, split: bool = False, campaigns: str = "") -> list[int]:
    """Numbers of the sessions that events at these minutes fall into, in order of appearance."""
    visitor = Visitor(KEY)
    seen: dict[bytes, int] = {}
    result = []
    for at, minute in enumerate(minutes):
        campaign = campaigns[at].strip() if campaigns else ""
        one = visit(visitor, START + int(minute * MINUTE), campaign, None, split=split)
        result.append(seen.setdefault(one.id, len(seen)))
    return result


def test_thirty_minutes_of_silence_end_a_visit() -> None:
    assert ids([0, 10, 40, 70.1, 200]) == [0, 0, 0, 1, 2]


def test_a_late_event_finds_the_visit_it_belongs_to() -> None:
    assert ids([0, 10, 100, 15, 110]) == [0, 0, 1, 0, 1]


def test_events_of_a_phone_that_was_offline_are_one_visit() -> None:
    assert ids([10_000, 0, 5, 20, 10_001]) == [0, 1, 1, 1, 0]


def test_a_new_campaign_begins_a_visit_only_if_the_shop_wants_it() -> None:
    assert ids([0, 1, 2, 3, 4], campaigns="a  bb") == [0, 0, 0, 0, 0]
    assert ids([0, 1, 2, 3, 4], campaigns="a  bb", split=True) == [0, 0, 0, 1, 1]


def test_a_visit_keeps_its_channel_unless_it_was_direct() -> None:
    visitor = Visitor(KEY)

    def told(minute: int, channel: str | None) -> str | None:
        return visit(visitor, START + minute * MINUTE, "", channel, split=False).channel

    assert [told(0, None), told(1, "direct"), told(2, "email"), told(3, "paid_search")] == [
        None,
        "direct",
        "email",
        "email",
    ]
    assert told(90, "paid_search") == "paid_search"


def test_a_session_id_is_a_uuid7_of_its_start() -> None:
    one = visit(Visitor(KEY), START, "", None, split=False).identity()
    assert one.version == 7
    assert one.int >> 80 == START


MOMENTS = st.lists(
    st.tuples(
        st.integers(0, 400),
        st.sampled_from(["", "", "a", "b"]),
        st.sampled_from([None, "direct", "email"]),
    ),
    max_size=30,
)


@given(MOMENTS, st.lists(st.booleans(), min_size=30, max_size=30), st.booleans())
def test_storing_between_any_two_events_changes_nothing(
    moments: list[tuple[int, str, str | None]], cuts: list[bool], split: bool
) -> None:
    whole, cut = Visitor(KEY), Visitor(KEY)
    for (minute, campaign, channel), store in zip(moments, cuts, strict=False):
        at = START + minute * MINUTE
        one = visit(whole, at, campaign, channel, split=split)
        other = visit(cut, at, campaign, channel, split=split)
        assert (one.id, one.channel) == (other.id, other.channel)
        assert one.first <= at <= one.last or at - one.last <= SILENCE_MS
        if store:
            cut = unpack(KEY, pack(cut))
    assert pack(whole) == pack(cut)
    assert len(whole.sessions) <= 2


def walked(house: House, calls: list[dict[str, Any]], **stamp: Any) -> list[Event]:
    async def story(tx: Tx) -> list[Event]:
        await put_calls(tx, calls, **stamp)
        return await walk_all(tx, house.acme)

    return house.unit(story)


def at(hour: int, minute: int) -> str:
    return f"2026-03-02T{hour:02}:{minute:02}:00Z"


def test_the_walk_puts_session_and_channel_on_events(house: House) -> None:
    landing = {"page": {"url": "https://acme.example/?utm_source=x&utm_medium=email"}}
    inside = {"page": {"url": "https://acme.example/p", "referrer": "https://acme.example/"}}
    events = walked(
        house,
        [
            track("A", timestamp=at(11, 0), context=landing),
            track("B", timestamp=at(11, 20), context=inside),
            track("C", timestamp=at(11, 30), userId="u1"),
            track("D", timestamp=at(11, 59), anonymousId="other"),
        ],
    )
    first, second, third, other = events
    assert first.session_id == second.session_id == third.session_id != other.session_id
    assert [event.channel for event in events] == ["email", "email", "email", None]


def test_the_next_batch_goes_on_with_the_session(house: House) -> None:
    one = walked(house, [track("A", timestamp=at(11, 50))])
    two = walked(house, [track("B", timestamp=at(11, 55))])
    assert one[0].session_id == two[0].session_id is not None


def test_history_and_imports_are_no_visit(house: House) -> None:
    trusted: dict[str, Any] = {"trust": Trust.SERVER}
    imported = walked(house, [track("A")], source=Source.IMPORT, **trusted)
    backfill = walked(house, [track("B")], f=True, **trusted)
    server = walked(house, [track("C")], source=Source.SERVER, at=NOON, **trusted)
    guest = {"type": "track", "event": "D", "properties": {"email": "a@x.example"}}
    nobody = walked(house, [guest], source=Source.SERVER, **trusted)
    assert nobody[0].session_id is None, "guests without an id are not one visitor"
    assert imported[0].session_id is None
    assert backfill[0].session_id is None
    assert server[0].session_id is not None
