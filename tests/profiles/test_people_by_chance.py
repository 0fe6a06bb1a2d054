"""Who it was, in histories drawn at random: neither batches nor order change it where none may."""

from collections import Counter
from unittest.mock import patch

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from patron.events.types import Event, EventType, Trust
from patron.profiles.batch.state import unpack_totals
from patron.profiles.resolve import MAX_NAMES_OF_ONE
from patron.shops.types import ShopSettings
from profiles.histories import events
from profiles.stories import Book, copies, in_batches, packed, reasons_counted

SERVER = Trust.SERVER
TIGHT = ShopSettings(identity_limits={"anonymous_id": 2, "email": 1, "phone": 1, "card": 1})


@settings(max_examples=300, deadline=None)
@given(
    st.lists(events(), min_size=4, max_size=30),
    st.lists(st.integers(1, 25), min_size=1),
    st.sampled_from([(None, MAX_NAMES_OF_ONE), (TIGHT, MAX_NAMES_OF_ONE), (None, 4)]),
)
def test_batching_never_changes_who_people_are(
    history: list[Event], sizes: list[int], limits: tuple[ShopSettings | None, int]
) -> None:
    own, most = limits
    with patch("patron.profiles.resolve.MAX_NAMES_OF_ONE", most):
        one_by_one, batched = in_batches(history, [1], own), in_batches(history, sizes, own)
    assert batched.people() == one_by_one.people()
    assert batched.known() == one_by_one.known()
    assert reasons_counted(batched) == reasons_counted(one_by_one)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_order_does_not_matter_where_nothing_is_refused(data: st.DataObject) -> None:
    history = data.draw(st.lists(events(), max_size=8))
    shuffled = data.draw(st.permutations(history))
    one, other = in_batches(history, [4]), in_batches(shuffled, [3])
    assume(not one.refused and not other.refused)
    assert one.people() == other.people()
    assert one.known() == other.known()


@settings(max_examples=200, deadline=None)
@given(st.lists(events(), max_size=40))
def test_only_a_servers_alias_ever_joins_known_people(history: list[Event]) -> None:
    book = Book()
    for event in copies(history):
        known = {origin.id: origin.root_id for origin in book.origins.values() if origin.known}
        book.walk(event)
        if event.type is EventType.ALIAS and event.trust is SERVER:
            continue
        after = {id: book.origins[id].root_id for id in known}
        pairs = Counter(after.values())
        before = Counter(known.values())
        assert sorted(pairs.values()) == sorted(before.values())


@settings(max_examples=200, deadline=None)
@given(st.lists(events(), max_size=40))
def test_totals_agree_with_a_naive_recount(history: list[Event]) -> None:
    book = in_batches(history, [7])
    naive: Counter[tuple[object, str]] = Counter()
    for event in book.events:
        naive[event.origin_id, event.name] += 1
    kept: Counter[tuple[object, str]] = Counter()
    for origin in book.origins.values():
        for name, total in unpack_totals(packed(origin)._packed).items():
            kept[origin.id, name] += total.count
            times = [e.ts for e in book.events if (e.origin_id, e.name) == (origin.id, name)]
            assert (total.first, total.last) == (min(times), max(times))
    assert kept == naive
