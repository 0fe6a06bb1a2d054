"""Consent belongs to an address, and the latest explicit word about it counts."""

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import House
from patron.events.types import Event, Source, Trust
from patron.kit.db import Tx, value
from patron.kit.problems import Problem
from patron.profiles import store, walk
from patron.profiles.consent import Said, choose, latest
from patron.profiles.consents.lifting import lift
from patron.profiles.types import (
    ConsentState,
    ConsentWord,
    Identifier,
    Reach,
    Suppression,
    SuppressionReason,
)
from profiles.stories import NOON, alias, identified, seen

SERVER = Trust.SERVER
GRANTED, WITHDRAWN, CLAIMED, *_ = ConsentState
ADA = "ada@x.example"


async def walked(tx: Tx, house: House, *batch: Event) -> None:
    await walk.resolve(tx, house.acme, list(batch), NOON, house.signer)


async def reach(tx: Tx, term: str, channel: str = "email") -> Reach:
    root = await store.find(tx, term)
    assert root is not None
    return await store.reach(tx, root, channel, "marketing")


def subscribed(user: str | None = None, minutes: float = 0, **more: object) -> Event:
    trust = more.pop("trust", SERVER)
    return seen(user, name="Email Subscribed", minutes=minutes, trust=trust, properties=dict(more))


def unsubscribed(user: str | None = None, minutes: float = 0, **more: object) -> Event:
    trust = more.pop("trust", SERVER)
    return seen(
        user, name="Email Unsubscribed", minutes=minutes, trust=trust, properties=dict(more)
    )


def test_a_yes_from_the_shops_server_lets_the_shop_write(house: House) -> None:
    async def story(tx: Tx) -> None:
        await walked(tx, house, subscribed(email="Ada@X.example", text="Yes!", where="footer"))
        assert await reach(tx, f"email:{ADA}") == Reach(
            "Ada@x.example", ADA, True, "granted", None, since=NOON
        )
        root = await store.find(tx, f"email:{ADA}")
        assert root is not None
        (word,) = await store.consents(tx, [root])
        assert (word.text_shown, word.place, word.at, word.source) == (
            "Yes!", "footer", NOON, "browser",
        )  # fmt: skip
        assert (word.channel, word.purpose, word.state) == ("email", "marketing", GRANTED)

    house.unit(story)


def test_a_yes_is_proven_by_its_page_and_cannot_be_dated_ahead(house: House) -> None:
    async def story(tx: Tx) -> None:
        ahead = subscribed(email=ADA, minutes=60)
        ahead.received_at = NOON
        ahead.context = {"page": {"url": "https://shop.example/newsletter"}}
        await walked(tx, house, ahead, unsubscribed(email=ADA, minutes=30))
        root = await store.find(tx, f"email:{ADA}")
        assert root is not None
        assert [(word.state, word.at, word.place) for word in await store.consents(tx, [root])] == [
            (WITHDRAWN, NOON + timedelta(minutes=30), None),
            (GRANTED, NOON, "https://shop.example/newsletter"),
        ]
        assert (await reach(tx, f"email:{ADA}")).consent == "withdrawn"

    house.unit(story)


def test_a_yes_that_only_a_page_claims_lets_nobody_write(house: House) -> None:
    async def story(tx: Tx) -> None:
        await walked(tx, house, subscribed(email=ADA, trust=Trust.PUBLIC))
        assert await reach(tx, f"email:{ADA}") == Reach(ADA, ADA, False, "none", None)
        await walked(tx, house, subscribed(email=ADA, minutes=1))
        await walked(tx, house, subscribed(email=ADA, trust=Trust.PUBLIC, minutes=2))
        assert (await reach(tx, f"email:{ADA}")).consent == "granted"

    house.unit(story)


def test_late_news_of_an_older_yes_changes_nothing(house: House) -> None:
    async def story(tx: Tx) -> None:
        await walked(tx, house, unsubscribed(email=ADA, minutes=5), subscribed(email=ADA))
        assert (await reach(tx, f"email:{ADA}")).consent == "withdrawn"
        await walked(tx, house, subscribed(email=ADA, minutes=5))  # a tie means no
        assert (await reach(tx, f"email:{ADA}")).consent == "withdrawn"
        await walked(tx, house, subscribed(email=ADA, minutes=6))
        assert (await reach(tx, f"email:{ADA}")).consent == "granted"

    house.unit(story)


def test_a_page_takes_consent_back_only_for_an_address_of_its_own_visitor(house: House) -> None:
    async def story(tx: Tx) -> None:
        await walked(tx, house, subscribed("ada", email=ADA))
        stranger = unsubscribed(email=ADA, trust=Trust.PUBLIC, minutes=1)
        stranger.anonymous_id = "elsewhere"
        await walked(tx, house, stranger)
        assert (await reach(tx, "user_id:ada")).consent == "granted"
        await walked(tx, house, unsubscribed("ada", email=ADA, trust=Trust.PUBLIC, minutes=2))
        assert (await reach(tx, "user_id:ada")).consent == "withdrawn"

    house.unit(story)


def test_a_signed_customer_speaks_for_no_address_of_another(house: House) -> None:
    eve = {"trust": Trust.VERIFIED, "email": ADA}

    async def story(tx: Tx) -> None:
        await walked(tx, house, subscribed("ada", email=ADA), unsubscribed("ada", minutes=1))
        await store.suppress(
            tx, "email", ADA, "unsubscribe", NOON + timedelta(minutes=1), "message 1"
        )
        await walked(tx, house, identified("eve", email="eve@x.example", trust=Trust.VERIFIED))
        await walked(tx, house, subscribed("eve", minutes=2, **eve))
        seen_so = await reach(tx, "user_id:ada")
        assert (seen_so.consent, seen_so.suppressed) == ("withdrawn", "unsubscribe")
        await walked(tx, house, subscribed("ada", email=ADA, minutes=3))
        await walked(tx, house, unsubscribed("eve", minutes=4, **eve))
        assert (await reach(tx, "user_id:ada")).consent == "granted"
        await walked(tx, house, subscribed("eve", trust=Trust.VERIFIED, minutes=5))
        assert (await reach(tx, "user_id:eve")).consent == "granted", "her own is hers to give"

    house.unit(story)


def test_a_no_without_an_address_is_meant_for_all_of_them(house: House) -> None:
    async def story(tx: Tx) -> None:
        await walked(tx, house, subscribed("ada", email=ADA))
        await walked(tx, house, subscribed("ada", email="ada@work.example", minutes=1))
        root = await store.find(tx, "user_id:ada")
        told = seen(
            name="Unsubscribed", minutes=2, source=Source.PATRON, trust=SERVER,
            context={"patron": {"origin_id": str(root)}},
        )  # fmt: skip
        await walked(tx, house, told)
        assert (await reach(tx, "user_id:ada")).consent == "withdrawn"
        assert await value(tx, "SELECT count(*) FROM consent WHERE state = 'withdrawn'") == 2
        # A yes that does not say for which of the two it is says nothing.
        await walked(tx, house, subscribed("ada", minutes=3))
        assert (await reach(tx, "user_id:ada")).consent == "withdrawn"

    house.unit(story)


def test_the_same_goes_for_her_phone(house: House) -> None:
    async def story(tx: Tx) -> None:
        yes = seen(
            "ada", name="SMS Subscribed", trust=SERVER, properties={"phone": "415 555 2671"},
            traits={"phone": "(415) 555-2671"},
        )  # fmt: skip
        await walked(tx, house, yes)
        found = await reach(tx, "phone:415-555-2671", "sms")
        assert found == Reach("+14155552671", "+14155552671", True, "granted", None, since=NOON)
        assert (await reach(tx, "user_id:ada")).address is None
        assert (await reach(tx, "user_id:ada", "pigeon")).address is None

    house.unit(story)


def test_a_merge_never_lifts_a_suppression(house: House) -> None:
    async def story(tx: Tx) -> None:
        await walked(
            tx, house, subscribed("ada", email=ADA), subscribed("a2", email="a2@x.example")
        )
        await store.suppress(tx, "email", ADA, "complaint", NOON + timedelta(hours=1), "provider")
        await walked(tx, house, alias("ada", "a2"))
        found = await reach(tx, "user_id:a2")
        # The other address is not suppressed itself, but she complained.
        assert (found.address_key, found.consent) == ("a2@x.example", "withdrawn")
        assert await store.suppressed(tx, "email", ADA) == "complaint"
        assert await store.suppressed(tx, "sms", ADA) is None

    house.unit(story)


def word(minutes: int, purpose: str = "marketing", channel: str = "email") -> ConsentWord:
    return ConsentWord(
        address_key=ADA, channel=channel, purpose=purpose, state=GRANTED,
        at=NOON + timedelta(minutes=minutes), source="api", trust=SERVER,
    )  # fmt: skip


def test_a_later_yes_lifts_an_unsubscription_and_nothing_else(house: House) -> None:
    async def story(tx: Tx) -> None:
        stop = NOON + timedelta(minutes=5)
        await store.suppress(tx, "email", ADA, SuppressionReason.UNSUBSCRIBE, stop, "link")
        await store.set_consent(tx, word(5), NOON)
        assert await store.suppressed(tx, "email", ADA) == "unsubscribe"
        await store.set_consent(tx, word(6), NOON)
        assert await store.suppressed(tx, "email", ADA) is None
        await store.suppress(tx, "email", ADA, "unsubscribe", stop, "link")  # told twice, late
        assert await store.suppressed(tx, "email", ADA) is None
        await store.suppress(tx, "email", ADA, "hard_bounce", stop, "smtp")
        await store.set_consent(tx, word(7), NOON)
        assert await store.suppressed(tx, "email", ADA) == "hard_bounce"
        with pytest.raises(Problem, match=r"ada@x\.example"):
            await lift(tx, "email", ADA, SuppressionReason.MANUAL, "by mistake", NOON)
        await store.suppress(tx, "email", "b@x.example", "manual", stop, "letter")
        await lift(tx, "email", "b@x.example", SuppressionReason.MANUAL, "by mistake", NOON)
        assert await store.suppressed(tx, "email", "b@x.example") is None
        with pytest.raises(ValueError, match="whim"):
            await store.suppress(tx, "email", ADA, "whim", stop, "?")

    house.unit(story)


def test_a_yes_to_receipts_or_on_another_channel_lifts_no_unsubscription(house: House) -> None:
    async def story(tx: Tx) -> None:
        stop = NOON + timedelta(minutes=5)
        await store.suppress(tx, "email", ADA, "unsubscribe", stop, "link")
        receipts = subscribed(email=ADA, purpose="receipts", minutes=6)
        await walked(tx, house, receipts)
        await store.set_consents(tx, [word(7, "receipts"), word(8, channel="sms")], NOON)
        assert await store.suppressed(tx, "email", ADA) == "unsubscribe"
        # Nor does it count as the later word where the unsubscription is heard of afterwards.
        await store.set_consent(tx, word(9), NOON)
        assert await store.suppressed(tx, "email", ADA) is None
        again = NOON + timedelta(minutes=10)
        await store.set_consent(tx, word(11, "receipts"), NOON)
        await store.suppress(tx, "email", ADA, "unsubscribe", again, "link")
        assert await store.suppressed(tx, "email", ADA) == "unsubscribe"

    house.unit(story)


WORDS = st.builds(
    Said,
    st.just(ADA),
    st.sampled_from(ConsentState),
    st.integers(0, 4).map(lambda minutes: NOON + timedelta(minutes=minutes)),
)


@given(st.lists(WORDS), st.randoms())
def test_no_order_of_words_changes_which_one_counts(words: list[Said], random: object) -> None:
    shuffled = list(words)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    counting = [w for w in words if w.state in (GRANTED, WITHDRAWN)]
    found = latest(words)
    assert found == latest(shuffled)
    if counting:
        assert found is not None
        newest = max(w.at for w in counting)
        no = any(w.at == newest and w.state is WITHDRAWN for w in counting)
        assert (found.at, found.state) == (newest, WITHDRAWN if no else GRANTED)
    else:
        assert found is None


def address(key: str, *, verified: bool = True, day: int = 0) -> Identifier:
    trust = SERVER if verified else Trust.PUBLIC
    at = NOON + timedelta(days=day)
    return Identifier("email", key, UUID(int=1), key, trust, verified, NOON, at)


def test_the_address_that_may_be_written_to_is_chosen() -> None:
    def yes(key: str, minutes: int) -> Said:
        return Said(key, GRANTED, NOON + timedelta(minutes=minutes))

    one, two, claimed = address("1"), address("2", day=3), address("3", verified=False, day=9)
    hers = [one, two, claimed]
    assert choose(hers, {}, []).address_key == "2"
    assert choose(hers, {"1": [yes("1", 1)]}, []).address_key == "1"
    gone = Suppression("email", "1", SuppressionReason.HARD_BOUNCE, NOON, "smtp")
    found = choose(hers, {"1": [yes("1", 1)], "2": [yes("2", 1)]}, [gone])
    assert (found.address_key, found.consent, found.suppressed) == ("2", "granted", None)
    assert choose([one], {"1": [yes("1", 1)]}, [gone]).suppressed == "hard_bounce"
    no = Said("2", WITHDRAWN, NOON + timedelta(minutes=2))
    assert choose(hers, {"1": [yes("1", 1)], "2": [no]}, []).consent == "withdrawn"
    assert choose(hers, {"1": [yes("1", 2)], "2": [no]}, []).consent == "withdrawn"
    assert choose(hers, {"1": [yes("1", 3)], "2": [no]}, []).consent == "granted"
    assert choose([], {}, []) == Reach(None, None, False, "none", None)


def test_an_address_in_nobodys_profile_can_be_withdrawn_by_the_server(house: House) -> None:
    async def story(tx: Tx) -> None:
        await walked(tx, house, unsubscribed("someone", email=ADA, minutes=3))
        await walked(tx, house, identified("ada", email=ADA, trust=SERVER))
        assert (await reach(tx, "user_id:ada")).consent == "withdrawn"

    house.unit(story)
