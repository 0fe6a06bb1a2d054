"""What events, files and the API say about products, and how they are found."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from conftest import House
from patron.catalog import store, walk
from patron.catalog.merge import blank, claim, merge
from patron.catalog.observe import Memory
from patron.catalog.reading import store as reading
from patron.catalog.types import FactSource, Item, ProductIn, ProductStory, UnresolvedId, VariantIn
from patron.events.types import Event, EventType, Trust
from patron.kit.db import Database, tuples

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
_numbers = count(1)


def event(event_name: str, minute: float, trust: Trust = Trust.PUBLIC, **said: Any) -> Event:
    at = NINE + timedelta(minutes=minute)
    return Event(
        type=EventType.TRACK,
        name=event_name,
        ts=at,
        received_at=at,
        message_id=f"m{next(_numbers)}",
        anonymous_id="ann",
        trust=trust,
        properties=said,
    )


def viewed(minute: float, trust: Trust = Trust.PUBLIC, **said: Any) -> Event:
    return event("Product Viewed", minute, trust, **said)


def observe(house: House, *events: Event) -> None:
    house.unit(lambda tx: walk.observe(tx, house.acme, list(events)))


def tell(
    house: House, *products: ProductIn, source: FactSource = FactSource.API, minute: float = 0
) -> Any:
    at = NINE + timedelta(minutes=minute)
    return house.unit(lambda tx: store.upsert(tx, list(products), source, at))


def find(house: House, *ids: str) -> dict[str, Item]:
    return house.unit(lambda tx: store.find(tx, ids))


def story(house: House, product_id: str) -> ProductStory:
    found = house.unit(lambda tx: reading.story(tx, product_id))
    assert found is not None
    return found


def unresolved(house: House) -> list[UnresolvedId]:
    return house.unit(lambda tx: reading.unresolved(tx, None, 50))


def test_a_product_is_seen_in_events_and_its_price_is_followed(house: House) -> None:
    walk.forget(house.acme)
    tea: dict[str, Any] = {
        "product_id": "tea",
        "name": "Sencha",
        "brand": "Hollin",
        "category": "Tea > Green",
    }
    observe(house, viewed(1, **tea, price=12.5, url="https://acme.example/p/tea?utm_source=x"))
    observe(house, viewed(2, **tea, price=12.5), viewed(3, **tea, price=12.5))
    observe(house, viewed(4, **tea, price=11.0, compare_at_price=12.5))
    item = find(house, "tea")["tea"]
    assert (item.title, item.price, item.compare_at, item.currency) == ("Sencha", 1100, 1250, "USD")
    assert item.categories == ["Tea", "Green"] and item.brand == "Hollin"
    kept = story(house, "tea")
    assert [p.price.amount for p in kept.prices if p.price] == [1100, 1250]
    assert kept.prices[0].source == "browser" and kept.prices[0].at == NINE + timedelta(minutes=4)
    assert kept.product.told_by_the_shop is False
    assert unresolved(house) == []
    by_url = find(house, "http://www.acme.example/p/tea/")
    assert by_url["http://www.acme.example/p/tea/"].product_id == "tea"


def test_a_look_that_the_shop_calls_otherwise_tells_as_much(house: House) -> None:
    walk.forget(house.acme)
    called = msgspec.structs.replace(house.acme.settings, metrics={"viewed_product": "Looked"})
    shop = msgspec.structs.replace(house.acme, settings=called)
    looks = [
        event("Looked", 1, product_id="tea", name="Sencha", price=12.5),
        event("Blinked", 1, product_id="cup", name="Cup", price=4),
    ]
    for look in looks:
        look.context = {"page": {"url": f"https://acme.example/{look.properties['product_id']}"}}
    house.unit(lambda tx: walk.observe(tx, shop, looks))
    (item,) = find(house, "tea", "cup").values()
    assert (item.title, item.price, item.url) == ("Sencha", 1250, "https://acme.example/tea")


def test_a_browser_never_overwrites_what_the_shop_said(house: House) -> None:
    walk.forget(house.acme)
    tell(house, ProductIn(id="tea", title="Sencha", price=1250, currency="USD", stock=5))
    observe(
        house,
        viewed(9, product_id="tea", name="FREE MONEY", price=0.01, stock=99, brand="Hollin",
               url="https://evil.test/", image_url="https://cdn.test/tea.png"),
    )  # fmt: skip
    item = find(house, "tea")["tea"]
    assert (item.title, item.price, item.stock) == ("Sencha", 1250, 5)
    # What the shop left open is filled in, but no address that is not the shop's.
    assert (item.brand, item.url, item.image_url) == ("Hollin", None, "https://cdn.test/tea.png")
    assert len(story(house, "tea").prices) == 1


def test_what_the_shop_said_in_full_stays_and_events_only_add_names(house: House) -> None:
    walk.forget(house.acme)
    tell(
        house,
        ProductIn(id="tea", title="Sencha", price=1250, compare_at=None, currency="USD", stock=5,
                  available=True, brand=None, categories=["Tea"], image_url=None,
                  url="https://acme.example/p/tea"),
        ProductIn(id="jam", title="Plum jam"),
    )  # fmt: skip
    before = story(house, "tea")
    said: dict[str, Any] = {"product_id": "tea", "name": "Matcha", "price": 3, "brand": "Other"}
    observe(
        house,
        viewed(9, Trust.SERVER, **said),
        event(
            "Order Completed", 9, Trust.SERVER, products=[said, {"product_id": "jam", "price": 4}]
        ),
    )
    assert story(house, "tea") == before
    assert find(house, "jam")["jam"].price == 400
    observe(house, viewed(10, Trust.SERVER, **said, sku="T-1", url="https://acme.example/teas/1"))
    found = find(house, "T-1", "https://acme.example/teas/1", "https://acme.example/p/tea")
    assert {item.product_id for item in found.values()} == {"tea"} and len(found) == 3
    assert story(house, "tea").product == before.product
    observe(house, viewed(11, Trust.SERVER, **said, variant_id="tea-50g", variant="50 g"))
    assert [variant.id for variant in story(house, "tea").variants] == ["tea-50g"]


def test_an_order_line_is_no_price_tag(house: House) -> None:
    walk.forget(house.acme)
    observe(house, viewed(1, product_id="tea", name="Sencha", price=12.5))
    paid = {"product_id": "tea", "name": "Sencha", "price": 8.0}
    observe(
        house,
        event(
            "Order Completed", 2, products=[paid, {"product_id": "cup", "name": "Cup", "price": 4}]
        ),
    )
    assert find(house, "tea")["tea"].price == 1250
    assert find(house, "cup")["cup"].price == 400


def test_an_item_is_found_by_any_of_its_names(house: House) -> None:
    red = VariantIn(
        id="tea-red", sku="SEN-R", gtin="4006381333931", price=1300, title="Red", stock=2,
        url="https://acme.example/p/tea?c=red", feed_id="F-9",
    )  # fmt: skip
    tell(
        house,
        ProductIn(
            id="tea", title="Sencha", price=1250, compare_at=1500, currency="USD", sku="SEN",
            url="https://acme.example/p/tea", variants=[red], attributes={"origin": "Uji"},
        ),
    )  # fmt: skip
    names = ["tea", "SEN", "tea-red", "SEN-R", "04006381333931", "F-9"]
    names += ["https://www.acme.example/p/tea#x", "https://acme.example/p/tea/?c=red", "no"]
    found = find(house, *names)
    assert [found[n].variant_id for n in names[:-1]] == [
        None, None, "tea-red", "tea-red", "tea-red", "tea-red", None, "tea-red",
    ]  # fmt: skip
    assert "no" not in found
    variant = found["SEN-R"]
    assert (variant.title, variant.price, variant.compare_at) == ("Sencha, Red", 1300, None)
    assert (variant.stock, variant.attributes) == (2, {"origin": "Uji"})
    assert house.unit(lambda tx: store.find(tx, ["tea"]), house.bolt) == {}


def test_ids_nobody_knows_are_listed_until_the_product_comes(house: House) -> None:
    walk.forget(house.acme)
    tell(house, ProductIn(id="cup", title="Cup"))
    observe(house, viewed(1, sku="SEN-100"), viewed(1, product_id="cup", name="Cup"))
    observe(
        house,
        viewed(2, sku="SEN-100"),
        viewed(3, sku="SEN-100"),
        viewed(3, product_id="n", name="New"),
    )
    listed = {one.value: one for one in unresolved(house)}
    assert listed.keys() == {"SEN-100", "n"} or listed.keys() == {"SEN-100"}
    # Prices that differ, in one batch: each view counts.
    observe(house, *[viewed(4, sku="SEN-100", price=n % 3) for n in range(7)])
    observe(house, viewed(5, product_id="cup", name="Cup"))
    listed = {one.value: one for one in unresolved(house)}
    assert (listed["SEN-100"].kind, listed["SEN-100"].count) == ("sku", 10)
    assert listed["SEN-100"].first_seen == NINE + timedelta(minutes=1)
    assert (listed["n"].kind, listed["n"].title) == ("product", "New")
    report = tell(house, ProductIn(id="123", title="Sencha", sku="SEN-100"), minute=6)
    assert report.resolved == 1
    observe(house, viewed(7, sku="SEN-100"))
    assert [one.value for one in unresolved(house)] == ["n"]
    assert find(house, "SEN-100")["SEN-100"].product_id == "123"


def test_what_it_cost_before_and_that_it_is_gone_are_history_too(house: House) -> None:
    base = ProductIn(id="1", price=900, currency="USD", compare_at=None, stock=0, available=True)
    tell(house, base)
    assert tell(house, ProductIn(id="1", compare_at=1200), minute=1).prices == 1
    assert tell(house, ProductIn(id="1", available=False), minute=2).stocks == 1
    kept = story(house, "1")
    assert [p.compare_at and p.compare_at.amount for p in kept.prices] == [1200, None]
    assert [(s.stock, s.available) for s in kept.stocks] == [(0, False), (0, True)]


def test_a_product_taken_for_one_of_its_own_is_taken_in(house: House) -> None:
    """Events called it by its SKU before the feed said whose SKU that is."""
    walk.forget(house.acme)
    observe(house, viewed(1, product_id="SEN-100", name="Sencha", price=12.5))
    tell(house, ProductIn(id="123", title="Sencha, 100 g", sku="SEN-100"), minute=2)
    assert find(house, "SEN-100")["SEN-100"].product_id == "123"
    ids = house.unit(lambda tx: tuples(tx, "SELECT id FROM product"))
    assert ids == [("123",)]


def test_a_second_telling_changes_only_what_differs(house: House) -> None:
    both = [ProductIn(id="a", price=1, currency="USD", stock=3), ProductIn(id="b", title="B")]
    first = tell(house, *both)
    assert (first.inserted, first.prices, first.stocks) == (2, 1, 1)
    again = tell(house, *both, source=FactSource.FEED, minute=1)
    assert (again.inserted, again.updated, again.unchanged, again.prices) == (0, 0, 2, 0)
    less = tell(house, ProductIn(id="a", stock=2, compare_at=None), minute=2)
    assert (less.updated, less.prices, less.stocks) == (1, 0, 1)
    points = story(house, "a").stocks
    assert [(p.stock, p.source) for p in points] == [(2, "api"), (3, "api")]
    stale = tell(house, ProductIn(id="a", stock=9), source=FactSource.FEED, minute=1)
    assert stale.stocks == 0 and find(house, "a")["a"].stock == 2


def test_a_shop_and_its_shoppers_speak_at_once(house: House) -> None:
    walk.forget(house.acme)

    async def tells(db: Database) -> None:
        async def api(n: int) -> None:
            products = [
                ProductIn(id=f"p{i}", title=f"API {n}", price=n, currency="USD") for i in range(60)
            ]
            random.Random(n).shuffle(products)
            await db.run(
                house.acme.schema,
                lambda tx: store.upsert(tx, products, FactSource.API, NINE + timedelta(minutes=n)),
            )

        async def walks(n: int) -> None:
            events = [viewed(n, product_id=f"p{i}", name="Seen", price=99) for i in range(60)]
            await db.run(house.acme.schema, lambda tx: walk.observe(tx, house.acme, events))

        await asyncio.gather(api(1), walks(2), api(3), api(4))

    house.run(tells)
    found = find(house, *(f"p{i}" for i in range(60)))
    assert {(item.title, item.price) for item in found.values()} == {("API 4", 4)}


def test_the_memory_is_bounded_and_dropped_on_rollback(house: House) -> None:
    memory = Memory(100)
    for n in range(1_000):
        memory.keep(n, n)
    assert len(memory) <= 200
    assert memory.knows(999, 999) and not memory.knows(1, 1) and not memory.knows(999, 5)
    walk.forget(house.acme)

    async def rolled_back(db: Database) -> None:
        try:
            async with db.unit(house.acme.schema) as tx:
                await walk.observe(tx, house.acme, [viewed(1, product_id="t", name="Tea")])
                raise LookupError
        except LookupError:
            walk.forget(house.acme)

    house.run(rolled_back)
    assert find(house, "t") == {}
    observe(house, viewed(2, product_id="t", name="Tea"))
    assert find(house, "t")["t"].title == "Tea"


def test_odd_events_do_no_harm(house: House) -> None:
    walk.forget(house.acme)
    odd: list[Any] = [None, True, [], {}, ["x"], {"a": 1}, 1e308, -5, "", "x" * 5_000, float("nan")]
    chance = random.Random(3)
    fields = ["product_id", "sku", "variant_id", "name", "price", "brand", "category", "variant"]
    fields += ["image_url", "url", "stock", "availability", "compare_at_price", "currency"]
    fields += ["products"]
    events = [
        viewed(n, **{field: chance.choice([*odd, "tea", 5]) for field in chance.sample(fields, 9)})
        for n in range(300)
    ]
    events += [event("Cart Viewed", 301, products=odd)]
    observe(house, *events)
    assert len(house.unit(lambda tx: reading.listed(tx, None, None, 200))) < 200


words = st.tuples(
    st.sampled_from(list(FactSource)),
    st.integers(0, 20),
    st.dictionaries(st.sampled_from(["title", "brand"]), st.sampled_from("xyz")),
)


@given(st.lists(words, max_size=8, unique_by=lambda word: word[1]), st.randoms())
def test_whose_word_counts_does_not_depend_on_who_came_first(
    told: list[tuple[FactSource, int, dict[str, str]]], chance: random.Random
) -> None:
    def after(some: list[tuple[FactSource, int, dict[str, str]]]) -> dict[str, Any]:
        known = blank("p")
        for source, minute, facts in some:
            product = ProductIn(id="p")
            for field, value in facts.items():
                setattr(product, field, value)
            merge(known, claim(product, source, NINE + timedelta(minutes=minute)))
        return known.facts

    # Distinct words: the same word again is not written down, so its time is not known.
    spoken = [(s, m, {f: f"{v}{m}" for f, v in facts.items()}) for s, m, facts in told]
    mixed = list(spoken)
    chance.shuffle(mixed)
    assert after(mixed) == after(spoken)
