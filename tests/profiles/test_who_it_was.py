"""A visitor becomes a customer; two customers never become one by mistake. No database needed."""

from datetime import timedelta
from uuid import UUID

import pytest

from patron.events.types import Event, EventType, Source, Trust
from patron.profiles.batch.state import MAX_NAMES, unpack_totals
from patron.profiles.claims import Reader, rules_of
from patron.profiles.resolve import MAX_NAMES_OF_ONE
from patron.profiles.types import Refusal
from patron.shops.types import ShopSettings
from profiles.stories import (
    NOON,
    Book,
    alias,
    copies,
    identified,
    in_batches,
    packed,
    reasons_counted,
    seen,
)

PUBLIC, VERIFIED, SERVER = Trust.PUBLIC, Trust.VERIFIED, Trust.SERVER


def reasons(book: Book) -> list[Refusal]:
    return [refused.reason for refused in book.refused]


def test_a_visitor_who_logs_in_keeps_what_she_did_before() -> None:
    before, after = seen(browser="a"), seen("u", "a", minutes=1)
    later = seen(browser="a", minutes=2)
    book = Book().walk(before).walk(after).walk(later)
    assert book.people() == {
        frozenset({"anonymous_id:a", "user_id:u"} | {e.message_id for e in (before, after, later)})
    }
    assert book.merged == []  # nobody else was u: the visitor herself got the name


def test_a_known_customer_in_a_new_browser_takes_its_visits_along() -> None:
    book = Book().walk(seen("u")).walk(seen(browser="b"), seen("u", "b"))
    assert book.together("user_id:u", "anonymous_id:b")
    (merge,) = book.merged
    assert merge.reason == "stitch"
    assert book.ties["user_id", "u"].origin_id == merge.winner


def test_one_browser_for_two_customers_stays_with_the_first() -> None:
    book = Book().walk(seen("u", "kiosk")).walk(seen("v", "kiosk"))
    assert book.together("user_id:u", "anonymous_id:kiosk")
    assert not book.together("user_id:u", "user_id:v")
    assert reasons(book) == [Refusal.LIMIT]


def test_two_known_customers_are_not_joined_by_an_event_that_names_both() -> None:
    book = Book().walk(seen("u"), identified(email="e@x.example", trust=SERVER))
    book.walk(identified("u", "fresh", email="e@x.example", trust=SERVER))
    assert not book.together("user_id:u", "email:e@x.example")
    assert book.together("user_id:u", "anonymous_id:fresh")
    assert reasons(book) == [Refusal.TWO_KNOWN]


def test_a_guest_who_makes_an_account_stays_the_same_person() -> None:
    book = Book().walk(identified(email="E@X.example", trust=SERVER))
    book.walk(identified("u", email="e@x.example", trust=SERVER))
    assert book.together("user_id:u", "email:e@x.example")


@pytest.mark.parametrize("order", [0, 1])
def test_a_servers_alias_joins_two_known_customers(order: int) -> None:
    known = [seen("old"), seen("new")]
    events = [*known, alias("old", "new")] if order else [alias("old", "new"), *known]
    book = Book()
    for event in events:
        book.walk(event)
    assert book.together("user_id:old", "user_id:new")


def test_a_pages_alias_joins_a_visitor_but_never_two_customers() -> None:
    book = Book().walk(seen(browser="a"), alias("a", "u", PUBLIC))
    assert book.together("anonymous_id:a", "user_id:u")
    book.walk(seen("victim")).walk(alias("victim", "u", PUBLIC))
    assert not book.together("user_id:victim", "user_id:u")
    book.walk(seen("w", "b")).walk(alias("b", "u", PUBLIC))
    assert not book.together("user_id:w", "user_id:u")


def test_a_page_cannot_add_an_address_to_a_customer_who_has_one() -> None:
    book = Book().walk(identified("u", email="hers@x.example", trust=SERVER))
    book.walk(identified("u", "a", email="mine@x.example", phone="+14155550123"))
    assert not book.together("user_id:u", "email:hers@x.example") or (
        ("email", "mine@x.example") not in book.ties
    )
    assert reasons(book) == [Refusal.UNVERIFIED]
    assert book.together("user_id:u", "phone:+14155550123")  # she had no number yet
    book.walk(identified("u", email="second@x.example", trust=SERVER))
    assert book.together("user_id:u", "email:hers@x.example", "email:second@x.example")


def test_another_address_in_the_same_browser_is_another_person() -> None:
    book = Book().walk(identified(browser="a", email="one@x.example"))
    for trust in (PUBLIC, SERVER):
        book.walk(identified(browser="a", email="two@x.example", trust=trust))
        assert not book.together("email:one@x.example", "email:two@x.example")
    assert Refusal.UNVERIFIED in reasons(book)


def test_a_server_may_not_be_led_by_a_shared_device_either() -> None:
    book = Book().walk(identified(browser="till", email="one@x.example", trust=SERVER))
    book.walk(identified(browser="till", email="two@x.example", trust=SERVER))
    assert reasons(book) == [Refusal.SHARED_DEVICE]
    assert book.together("anonymous_id:till", "email:one@x.example")


def test_an_invented_user_id_does_not_keep_the_shops_own_out() -> None:
    book = Book().walk(identified(email="hers@x.example", trust=SERVER))
    book.walk(identified("invented", "attacker", email="hers@x.example"))
    book.walk(identified("real", email="hers@x.example", trust=SERVER))
    assert book.together("user_id:real", "email:hers@x.example")
    assert not book.together("user_id:real", "user_id:invented")
    assert reasons(book) == [Refusal.DISPLACED]


@pytest.mark.parametrize("seen_before", [False, True])
@pytest.mark.parametrize("invented", ["invented", None])
def test_an_address_a_page_claimed_first_is_hers_by_the_shops_word(
    seen_before: bool, invented: str | None
) -> None:
    hers = "email:hers@x.example"
    before = [seen("real", trust=SERVER)] if seen_before else []
    claim = identified(invented, "attacker", email="hers@x.example")
    word = identified("real", email="hers@x.example", trust=SERVER, minutes=1)
    later = seen(browser="attacker", minutes=2)
    for book in in_one_batch_and_one_by_one(before, [claim, word, later]):
        assert book.together("user_id:real", hers)
        assert book.ties["email", "hers@x.example"].trust == SERVER
        if invented or seen_before:
            assert not book.together("user_id:real", "anonymous_id:attacker")
            assert reasons(book) == [Refusal.DISPLACED]
            assert book.merged == []


def test_who_loses_her_only_address_to_the_shops_word_is_known_no_more() -> None:
    for batches in ([1] * 4, [4]):
        book = in_batches(
            [
                seen("real", trust=SERVER),
                identified(browser="shared", email="hers@x.example"),
                identified("real", email="hers@x.example", trust=SERVER),
            ],
            batches,
        )
        origin = book.origins[book.ties["anonymous_id", "shared"].origin_id]
        assert not origin.known
        book.walk(seen("real", "shared"))
        assert book.together("user_id:real", "anonymous_id:shared")


def test_a_sixth_browser_in_a_week_stays_a_stranger() -> None:
    book = Book()
    for day in range(6):
        book.walk(seen("u", f"a{day}", minutes=day * 24 * 60))
    assert ("anonymous_id", "a5") not in book.ties
    assert reasons(book) == [Refusal.LIMIT]
    book.walk(seen("u", "a6", minutes=7 * 24 * 60))  # a week after the first of the five
    assert book.together("user_id:u", "anonymous_id:a6")


def test_a_shop_sets_its_own_limits_and_blocked_values() -> None:
    own = ShopSettings(
        identity_limits={"email": 1}, blocked_identifiers=["abc123", "anonymous_id:kiosk-*"]
    )
    book = Book(own).walk(identified("u", email="one@x.example", trust=SERVER))
    book.walk(identified("u", email="two@x.example", trust=SERVER))
    assert ("email", "two@x.example") not in book.ties
    book.walk(seen("v", "kiosk-7"), seen("ABC123", "b"))
    assert ("anonymous_id", "kiosk-7") not in book.ties
    assert ("user_id", "ABC123") not in book.ties


def test_nobody_grows_without_end() -> None:
    book = Book()
    for number in range(60):
        cards = [{"id": "1", "type": f"card{number}-{n}"} for n in range(20)]
        book.walk(seen("u", context={"externalIds": cards}, name=f"name{number}"))
    assert len(book.ties) == MAX_NAMES_OF_ONE
    book.walk(*(seen("u", name=f"more{n}") for n in range(600)), seen("u", name="x" * 9_000))
    ((_, tie),) = [item for item in book.ties.items() if item[0] == ("user_id", "u")]
    totals = unpack_totals(packed(book.origins[tie.origin_id])._packed)
    assert len(totals) == MAX_NAMES + 1
    assert sum(total.count for total in totals.values()) == 661


@pytest.mark.parametrize(
    "value", ["", "0", "000-000", "00000000-0000-0000-0000-000000000000", "-1", "null", "Anonymous",
              "void", "undefined", " none ", "x" * 301],
)  # fmt: skip
def test_values_that_stand_for_nobody_join_nobody(value: str) -> None:
    one, other = seen(value, "a"), seen(value, "b")
    book = Book().walk(one, other)
    assert {kind for kind, _ in book.ties} == {"anonymous_id"}
    assert len(book.people()) == 2


def test_an_event_without_any_usable_name_is_somebody_new_each_time() -> None:
    book = Book().walk(seen("0"), seen("0"))
    assert len(book.people()) == 2


def test_names_are_found_wherever_an_event_carries_them() -> None:
    event = seen(
        "u",
        context={
            "externalIds": [
                {"id": 77, "type": "till_card", "collection": "users", "encoding": "none"},
                {"id": "hash", "type": "md5", "collection": "users", "encoding": "md5"},
                {"id": "Second@X.example", "type": "email", "collection": "users"},
                "damaged",
            ],
            "device": {"type": "iOS", "id": "D-1", "advertisingId": "0000-0000"},
        },
        traits={"email": "First@X.example", "phone": "(415) 555-2671"},
        trust=SERVER,
    )
    book = Book().walk(event)
    assert set(book.ties) == {
        ("user_id", "u"), ("email", "first@x.example"), ("email", "second@x.example"),
        ("phone", "+14155552671"), ("till_card", "77"), ("ios.id", "D-1"),
    }  # fmt: skip


@pytest.mark.parametrize(
    "name", ["Order Completed", "Checkout Started", "Email Subscribed", "Signed Up"]
)
def test_a_guests_order_names_her_address_and_a_shared_list_does_not(name: str) -> None:
    book = Book()
    book.walk(seen(browser="a", name=name, properties={"email": "me@x.example"}))
    book.walk(seen(browser="a", name="Wishlist Shared", properties={"email": "aunt@x.example"}))
    assert book.together("anonymous_id:a", "email:me@x.example")
    assert ("email", "aunt@x.example") not in book.ties


def test_a_groups_traits_are_not_a_persons() -> None:
    group = seen("u", type=EventType.GROUP, traits={"email": "office@x.example", "name": "Office"})
    book = Book().walk(group)
    assert set(book.ties) == {("user_id", "u")}
    (facts,) = book.known()
    assert ("traits", "[]") in facts


def test_patrons_own_event_belongs_to_the_origin_it_names() -> None:
    first = seen("u", "a")
    book = Book().walk(first)
    state = book._load({("user_id", "u")})
    assert first.origin_id in state.origins
    opened = seen(
        name="Email Opened",
        source=Source.PATRON,
        trust=SERVER,
        context={"patron": {"origin_id": str(first.origin_id)}},
    )
    # From a page the same words are only words.
    told = seen(browser="b", context={"patron": {"origin_id": str(first.origin_id)}})
    book.walk(seen("u"), opened, told)
    assert opened.origin_id == first.origin_id
    assert told.origin_id != first.origin_id


@pytest.mark.parametrize(
    ("name", "there"),
    [
        *[(name, True) for name in ("Email Opened", "Email Link Clicked", "Unsubscribed")],
        *[(name, False) for name in ("machine_open", "Email Sent", "Segment Left", "Note Written")],
    ],
)
def test_what_only_happened_to_her_is_no_visit(name: str, there: bool) -> None:
    first = seen("u")
    book = Book().walk(first)
    ours = {"patron": {"origin_id": str(first.origin_id)}}
    called = "Email Opened" if name == "machine_open" else name
    late = seen(
        name=called, source=Source.PATRON, minutes=60, context=ours, properties={name: True}
    )
    (facts,) = book.walk(late, seen("u", minutes=-60)).known()
    assert ("first", NOON - timedelta(hours=1)) in facts
    assert ("last", late.ts if there else first.ts) in facts


def in_one_batch_and_one_by_one(before: list[Event], batch: list[Event]) -> list[Book]:
    """The same story twice; what happens within a batch is what a batch may get wrong."""
    together, apart = Book().walk(*copies(before)), Book().walk(*copies(before))
    together.walk(*copies(batch))
    for event in copies(batch):
        apart.walk(event)
    assert together.people() == apart.people()
    assert reasons_counted(together) == reasons_counted(apart)
    return [together, apart]


def test_a_chain_of_merges_within_a_batch_moves_everybody() -> None:
    known = [seen("u1"), seen("u2"), seen("u3")]
    # The first has the very names that the alias after it has.
    chain = [
        seen("u2", trust=SERVER),
        alias("u1", "u2"),
        alias("u2", "u3"),
        seen("u1"),
        seen("u2"),
        seen("u3"),
    ]
    for book in in_one_batch_and_one_by_one(known, chain):
        assert len(book.people()) == 1
        assert [len(merge.moved) for merge in book.merged] == [1, 2]


def test_of_two_strangers_the_older_keeps_her_id() -> None:
    phone = {"device": {"type": "ios", "id": "d"}}
    book = (
        Book().walk(seen(context=phone), seen(browser="a")).walk(seen(browser="a", context=phone))
    )
    (merge,) = book.merged
    assert (merge.winner, merge.loser) == (UUID(int=1), UUID(int=2))


def test_names_are_taken_by_rank_and_then_by_kind() -> None:
    card = {"externalIds": [{"type": "zebra", "id": "1"}, {"type": "card", "id": "9"}]}
    said = identified("u", "b", email="e@x.example", phone="+14155552671", context=card)
    claims = Reader(rules_of(ShopSettings())).claimed(said)
    kinds = ["user_id", "email", "anonymous_id", "card", "phone", "zebra"]
    assert [claim.kind for claim in claims] == kinds


def test_what_a_merge_brought_counts_for_the_rest_of_the_batch() -> None:
    known = [identified("u1", email="e1@x.example", trust=SERVER), seen("u2")]
    batch = [alias("u1", "u2"), identified("u2", email="e2@x.example")]
    for book in in_one_batch_and_one_by_one(known, batch):
        assert reasons(book) == [Refusal.UNVERIFIED]


def test_a_displaced_name_is_displaced_for_the_rest_of_the_batch() -> None:
    hers = identified(email="hers@x.example", trust=SERVER)
    claim = identified("invented", email="hers@x.example")
    batch = [seen("invented"), identified("real", email="hers@x.example", trust=SERVER),
             seen("invented"), seen("real")]  # fmt: skip
    for book in in_one_batch_and_one_by_one([hers, claim], batch):
        assert reasons(book) == [Refusal.DISPLACED]
        assert len(book.people()) == 2


def test_the_week_counts_around_the_event_and_not_from_today() -> None:
    book = Book()
    for number in range(5):
        book.walk(seen("u", f"new{number}", ts=NOON))
    book.walk(seen("u", "old", ts=NOON - timedelta(days=30), backfill=True))
    assert book.together("user_id:u", "anonymous_id:old")
