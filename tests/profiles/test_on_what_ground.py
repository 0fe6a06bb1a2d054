"""On what legal ground somebody is written to, and why not: pure cases, then sales as they come."""

from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import NOON, House
from patron.catalog import store as catalog
from patron.catalog.types import FactSource, ProductIn
from patron.delivery.gate import decide
from patron.delivery.types import Facts, Go, Reason, Skip
from patron.delivery.words import of_go, of_skip
from patron.events.types import Event, EventType, Source, Trust
from patron.kit.db import Tx
from patron.kit.ids import new_id
from patron.kit.problems import Problem
from patron.profiles import sales, store, walk
from patron.profiles.changes import store as changes
from patron.profiles.consent import Said, basis, choose, grounds, obstacle
from patron.profiles.types import ConsentState, Customer, Identifier, Obstacle, Reach
from patron.shops.found import changed
from patron.shops.types import Basis, Mode, Shop, ShopSettings
from stage import Stage, play

ANNA = "anna@example.com"
CONSENT, DOI, CUSTOMER, CONTRACT = Basis
SOLD = Customer(NOON - timedelta(days=3), ["tea"])
HERS = Reach(ANNA, ANNA, True, "granted", None)


def reach(**more: Any) -> Reach:
    return msgspec.structs.replace(HERS, **more)


@pytest.mark.parametrize(
    ("found", "purpose", "ground"),
    [
        (reach(), "marketing", CONSENT),
        (reach(confirmed=True), "marketing", DOI),
        (reach(confirmed=True, accepts=[CONSENT]), "marketing", CONSENT),
        (reach(accepts=[DOI]), "marketing", Obstacle.NOT_CONFIRMED),
        (reach(consent="pending"), "marketing", Obstacle.NOT_CONFIRMED),
        (reach(consent="none"), "marketing", Obstacle.NO_CONSENT),
        (reach(consent="none", customer=SOLD), "marketing", Obstacle.NO_CONSENT),
        (reach(consent="none", customer=SOLD, accepts=[CUSTOMER]), "marketing", CUSTOMER),
        (reach(consent="pending", customer=SOLD, accepts=[CUSTOMER]), "marketing", CUSTOMER),
        (reach(consent="withdrawn", customer=SOLD, accepts=[CUSTOMER]), "marketing",
         Obstacle.WITHDRAWN),
        (reach(consent="none"), "transactional", CONTRACT),
        (reach(consent="withdrawn", suppressed="unsubscribe"), "orders", CONTRACT),
        (reach(suppressed="hard_bounce"), "orders", Obstacle.SUPPRESSED),
        (reach(consent="none"), "newsletter", Obstacle.NO_CONSENT),  # nobody said it is an order's
        (reach(consent="none", accepts=[CONTRACT]), "surveys", CONTRACT),
        (reach(suppressed="unsubscribe"), "marketing", Obstacle.SUPPRESSED),
        (reach(address=None, address_key=None), "marketing", Obstacle.NO_ADDRESS),
    ],
)  # fmt: skip
def test_the_ground_or_what_is_in_the_way(
    found: Reach, purpose: str, ground: Basis | Obstacle
) -> None:
    wrong = obstacle(found, purpose)
    assert (wrong or basis(found, purpose)) is ground


@given(
    st.builds(
        Reach,
        st.sampled_from([None, ANNA]),
        st.just(ANNA),
        st.booleans(),
        st.sampled_from(["granted", "withdrawn", "pending", "none"]),
        st.sampled_from([None, "unsubscribe", "complaint", "manual"]),
        st.booleans(),
        st.just(NOON),
        st.sampled_from([None, SOLD]),
        st.sampled_from([None, [CONSENT], [DOI], [CUSTOMER], [CONSENT, DOI, CUSTOMER]]),
    )
)
def test_no_marketing_goes_over_her_no_whatever_the_shop_accepts(found: Reach) -> None:
    if obstacle(found, "marketing") is None:
        assert found.consent != "withdrawn" and found.suppressed is None and found.address
        assert found.consent == "granted" or found.customer is not None


def test_the_settings_say_what_counts() -> None:
    def accepted(purpose: str = "marketing", channel: str = "email", **settings: Any) -> Any:
        return grounds(msgspec.convert(settings, ShopSettings), channel, purpose).accepts

    assert accepted() is None
    assert accepted(existing_customer_countries=["DE"]) == [CONSENT, DOI, CUSTOMER]
    assert accepted("news", purposes={"news": "News"}) == [CONSENT, DOI]
    ways = {"any/marketing": ["double_opt_in"], "sms/marketing": ["consent"]}
    assert accepted(legal_basis=ways) == [DOI]
    assert accepted(channel="sms", legal_basis=ways) == [CONSENT]
    assert accepted("surveys", legal_basis={"email/surveys": ["contract"]}) == [CONTRACT]


@pytest.mark.parametrize(
    "told",
    [
        {"legal_basis": {"email/marketing": ["contract"]}},
        {"legal_basis": {"any/news": ["contract"]}, "purposes": {"news": "News"}},
        {"legal_basis": {"letter/marketing": ["consent"]}},
        {"legal_basis": {"email/marketing": ["because"]}},
        {"existing_customer_countries": ["Germany"]},
        {"double_opt_in": ["fax"]},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(told: dict[str, Any]) -> None:
    with pytest.raises(Problem) as wrong:
        changed(ShopSettings(), told)
    assert wrong.value.document.remedy


GERMANY = msgspec.convert({"existing_customer_countries": ["DE", "AT"]}, ShopSettings)


def test_silence_at_a_sale_is_never_a_yes_over_a_no_of_hers() -> None:
    one = Identifier("email", ANNA, UUID(int=1), None, Trust.SERVER, True, NOON, NOON)
    shops = grounds(GERMANY, "email", "marketing")
    no = Said(ANNA, ConsentState.WITHDRAWN, NOON - timedelta(days=9))
    sale = Said(ANNA, ConsentState.CUSTOMER, NOON, country="DE", categories=["tea"])
    abroad = Said(ANNA, ConsentState.CUSTOMER, NOON, country="US", categories=["tea"])
    assert choose([one], {ANNA: [sale]}, [], shops).customer == Customer(NOON, ["tea"])
    assert choose([one], {ANNA: [no, sale]}, [], shops).customer is None
    assert choose([one], {ANNA: [abroad]}, [], shops).customer is None
    assert choose([one], {ANNA: [sale]}, []).customer is None


FINE = Facts(
    now=NOON, mode=Mode.LIVE, owner="o@acme.example", purpose="marketing",
    reach=reach(consent="none", customer=SOLD, accepts=[CUSTOMER]),
    expires_at=NOON + timedelta(hours=1),
)  # fmt: skip
ZONE = ZoneInfo("America/New_York")


def test_a_customer_hears_of_similar_things_only_and_the_story_says_why() -> None:
    alike = msgspec.structs.replace(FINE, categories=frozenset({"tea", "gifts"}))
    found = decide(alike)
    assert isinstance(found, Go)
    assert of_go(found, alike, ZONE).endswith(
        "She is a customer: she bought on February 27, 07:00, could have refused, and did not."
    )
    for categories in (frozenset({"wine"}), frozenset[str]()):
        other = msgspec.structs.replace(FINE, categories=categories)
        skip = decide(other)
        assert skip == Skip(Reason.NOT_SIMILAR)
        assert "about others" in of_skip(Skip(Reason.NOT_SIMILAR), other, ZONE)
    sure = msgspec.structs.replace(FINE, reach=reach(since=NOON))
    assert of_go(Go("x", None, False), sure, ZONE).endswith(  # type: ignore[arg-type]
        "She agreed on March 2, 07:00."
    )


def order(name: str = "Order Completed", trust: Trust = Trust.SERVER, **told: Any) -> Event:
    properties = {
        "order_id": "o1", "email": ANNA, "total": 20, "refusal_offered": True,
        "refusal_text": "No letters, please", "shipping_address": {"country_code": "de"},
        "products": [{"product_id": "t1"}, {"product_id": "x", "category": "Books > Old"}],
    } | told  # fmt: skip
    return Event(
        type=EventType.TRACK, name=name, ts=NOON, received_at=NOON, message_id=str(new_id()),
        user_id="anna", properties=properties, trust=trust,
        source=Source.SERVER if trust is Trust.SERVER else Source.BROWSER,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("event", "customer", "consent"),
    [
        (order(), Customer(NOON, ["books", "tea"]), "none"),
        (order(refused=True), None, "withdrawn"),
        (order(refusal_offered=False), None, "none"),
        (order(refusal_offered="true"), None, "none"),
        (order(trust=Trust.PUBLIC), None, "none"),  # a page says nothing about sales
        (order("Checkout Started"), None, "none"),  # an abandoned form is no sale
        (order("Product Added"), None, "none"),
        (order(shipping_address={"country": "US"}), None, "none"),
        (order(shipping_address=None), None, "none"),
        (order(email=None), Customer(NOON, ["books", "tea"]), "none"),  # hers, and her only one
    ],
)
def test_a_sale_told_by_the_shops_server_makes_a_customer(
    house: House, event: Event, customer: Customer | None, consent: str
) -> None:
    shop: Shop = msgspec.structs.replace(house.acme, settings=GERMANY)

    async def story(tx: Tx) -> Reach:
        tea = ProductIn(id="t1", title="Tea", categories=["Tea", "Green"])
        await catalog.upsert(tx, [tea], FactSource.API, NOON)
        known = Event(
            type=EventType.IDENTIFY, name="Identified", ts=NOON, received_at=NOON,
            message_id=str(new_id()), user_id="anna", traits={"email": ANNA}, trust=Trust.SERVER,
            source=Source.SERVER,
        )  # fmt: skip
        told = msgspec.structs.replace(event, message_id=str(new_id()))
        await walk.resolve(tx, shop, [known, told], NOON, house.signer)
        root = await store.find(tx, f"email:{ANNA}")
        assert root is not None
        plain = await store.reach(tx, root, "email", "marketing")
        assert plain.customer is None  # where no country is named, a sale is no ground
        return await store.reach(tx, root, "email", "marketing", shop.settings)

    found = house.unit(story)
    assert (found.customer, found.consent) == (customer, consent)
    assert (basis(found, "marketing") is CUSTOMER) == (customer is not None)


def test_the_proof_of_a_sale_holds_what_was_offered_where_and_which_order() -> None:
    word = sales.word(order(), ANNA)
    assert (word.state, word.text_shown, word.place, word.country) == (
        ConsentState.CUSTOMER, "No letters, please", "order o1", "DE"
    )  # fmt: skip


def again(name: str, trust: Trust = Trust.SERVER, **told: Any) -> Event:
    """Another word about the order, at a later moment."""
    made = order(name, trust, refusal_offered=None, **told)
    made.ts = made.received_at = NOON + timedelta(hours=1)
    return made


CANCELLED, REFUNDED = "Order Cancelled", "Order Refunded"


@pytest.mark.parametrize(
    ("events", "is_customer"),
    [
        ([order(), again(CANCELLED)], False),
        ([again(CANCELLED), order()], False),
        ([order(), again(REFUNDED, total=None, products=[])], False),
        ([order(), again(REFUNDED, total=12), again(REFUNDED, total=8)], False),
        ([order(), again(REFUNDED, total=12)], True),
        ([order(), again(CANCELLED, order_id="o2")], True),
        ([order(), again(CANCELLED, Trust.PUBLIC)], True),  # a page undoes no contract
        ([order(), again(CANCELLED), order(order_id="o2")], True),
    ],
)
def test_an_order_that_is_cancelled_is_no_sale(
    house: House, events: list[Event], is_customer: bool
) -> None:
    settings = msgspec.structs.replace(GERMANY, double_opt_in=[])

    async def story(stage: Stage) -> None:
        stage.shop = shop = msgspec.structs.replace(stage.shop, settings=settings)
        known = stage.event("Identified", "u:anna")
        known.type, known.traits = EventType.IDENTIFY, {"email": ANNA}
        await stage.walk(known)
        for one in events:
            async with stage.unit() as tx:
                await changes.take(tx, await changes.waiting(tx, 10))
            body = msgspec.json.encode({"properties": one.properties})
            told = msgspec.structs.replace(one, message_id=str(new_id()), body=body)
            await stage.walk(told)
        async with stage.unit() as tx:
            root = await store.find(tx, f"email:{ANNA}")
            assert root is not None
            found = await store.reach(tx, root, "email", "marketing", shop.settings)
            assert (found.customer is not None) is is_customer
            # Her word and its proof stay, and her segments are asked anew.
            assert "o1" in [one.order_id for one in await store.consents(tx, [root])]
            assert is_customer or await changes.waiting(tx, 10) == [root]

    play(house, story)
