"""A shop's feed keeps its catalogue: fetched, read, not believed blindly."""

import asyncio
import gzip
from collections.abc import Callable, Iterator
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from catalog.feed_server import FeedServer, feed_server, item, rss
from conftest import House
from patron.app.feeds.fetching import Fetcher
from patron.app.feeds.running import bring
from patron.catalog import store as catalog
from patron.catalog.feeds import keeping, store
from patron.catalog.feeds.types import Feed, FeedStatus, Report, status_of
from patron.catalog.reading import store as reading
from patron.catalog.types import FactSource, ProductIn, ProductStory
from patron.delivery.channels.webhook.guard import Guard
from patron.kit.db import connect
from patron.kit.problems import Problem

LOCAL = Guard([ip_network("127.0.0.0/8")], "feed_networks")


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with feed_server() as server:
        yield server


class Shopkeeper:
    """Adds feeds to acme's shop, has them read, and looks at what came of it."""

    def __init__(self, house: House, folder: Path) -> None:
        self.house, self.folder = house, folder

    def add(self, address: str, key: str = "products", kind: str = "product") -> None:
        every, now = timedelta(hours=6), self.house.clock.now()
        self.house.unit(lambda tx: keeping.add(tx, address, key, kind, every, now))

    def bring(
        self, key: str | None = "products", guard: Guard = LOCAL, **limits: Any
    ) -> list[Feed]:
        async def run() -> list[Feed]:
            fetcher = Fetcher(guard, **limits)
            try:
                return await bring(
                    self.house.url, self.house.acme, self.house.clock, fetcher, self.folder, key
                )
            finally:
                await fetcher.close()

        return asyncio.run(run())

    def read(self, key: str = "products", **more: Any) -> Report:
        """What came of reading it, which worked."""
        (feed,) = self.bring(key, **more)
        assert feed.error is None and feed.report is not None
        return feed.report

    def fails(self, key: str = "products", **more: Any) -> Feed:
        (feed,) = self.bring(key, **more)
        assert feed.error is not None and feed.remedy, feed
        return feed

    def ask_for(self, *, accepts: bool = False) -> None:
        now = self.house.clock.now()
        self.house.unit(lambda tx: keeping.ask_for(tx, "products", accepts, now))

    def story(self, product_id: str) -> ProductStory:
        found = self.house.unit(lambda tx: reading.story(tx, product_id))
        assert found is not None, product_id
        return found

    def sold(self, product_id: str) -> tuple[int | None, bool | None, bool]:
        """Price, whether it can be had, whether it is shown."""
        product = self.story(product_id).product
        price = None if product.price is None else product.price.amount
        return price, product.available, product.shown

    def counts(self, report: Report) -> tuple[int, ...]:
        return report.read, report.new, report.changed, report.unchanged, report.gone


@pytest.fixture
def keeper(house: House, tmp_path: Path) -> Shopkeeper:
    return Shopkeeper(house, tmp_path)


def test_products_come_change_go_and_come_back(keeper: Shopkeeper, server: FeedServer) -> None:
    url = server.put(rss(item("a"), item("b"), item("c")))
    keeper.add(url)
    assert keeper.counts(keeper.read()) == (3, 3, 0, 0, 0)
    assert keeper.sold("a") == (1_250, True, True)
    server.put(rss(item("a", price="11 USD"), item("b")))
    keeper.house.clock.advance(timedelta(hours=6))
    assert keeper.counts(keeper.read()) == (2, 0, 1, 1, 1)
    assert keeper.sold("a") == (1_100, True, True)
    assert keeper.sold("b") == (1_250, True, True)
    assert keeper.sold("c") == (1_250, False, False)
    assert [p.price.amount for p in keeper.story("a").prices if p.price] == [1_100, 1_250]
    server.put(rss(item("a"), item("b"), item("c")))
    back = keeper.read()
    assert keeper.counts(back) == (3, 0, 2, 1, 0) and back.back == 1
    assert keeper.sold("c") == (1_250, True, True)


def test_what_did_not_change_in_the_feed_is_not_told_again(
    keeper: Shopkeeper, server: FeedServer
) -> None:
    url = server.put(rss(item("a"), item("b")), etag='"one"')
    keeper.add(url)
    keeper.read()
    said = [ProductIn(id="a", price=900, currency="USD")]
    later = keeper.house.clock.now() + timedelta(minutes=1)
    keeper.house.unit(lambda tx: catalog.upsert(tx, said, FactSource.API, later))
    keeper.house.clock.advance(timedelta(hours=6))
    (feed,) = keeper.bring()
    assert server.heard[-1][1]["if-none-match"] == '"one"'
    assert feed.tried_at == keeper.house.clock.now() and feed.due_at > feed.tried_at
    # The same bytes without a tag are the same, too.
    server.put(rss(item("a"), item("b")))
    keeper.house.clock.advance(timedelta(hours=6))
    (feed,) = keeper.bring()
    assert feed.report is not None and feed.report.new == 2
    # Other bytes, but of "a" the feed says nothing new: the API's later word stays.
    server.put(rss(item("a"), item("b", price="1 USD")))
    assert keeper.counts(keeper.read()) == (2, 0, 1, 1, 0)
    assert keeper.sold("a")[0] == 900 and keeper.sold("b")[0] == 100
    server.put(rss(item("a", price="12 USD"), item("b", price="1 USD")))
    keeper.house.clock.advance(timedelta(hours=6))
    keeper.read()
    assert keeper.sold("a")[0] == 1_200


def test_variants_are_one_product(keeper: Shopkeeper, server: FeedServer) -> None:
    def shirts(red: str, blue: str, *, have: str = "in_stock") -> str:
        return rss(
            item("red", item_group_id="shirt", title="Shirt, red", price=red, availability=have),
            item(
                "blue", item_group_id="shirt", title="Shirt, blue", price=blue, sale_price="15 USD"
            ),
            item("cap"),
        )

    keeper.add(server.put(shirts("20 USD", "18 USD")))
    keeper.read()
    story = keeper.story("shirt")
    assert story.product.title == "Shirt" and keeper.sold("shirt") == (1_500, True, True)
    assert story.product.compare_at is not None and story.product.compare_at.amount == 1_800
    assert [(v.id, v.price and v.price.amount) for v in story.variants] == [
        ("blue", 1_500),
        ("red", 2_000),
    ]
    assert len(story.prices) == 3  # of the product one, whatever order its variants came in
    server.put(rss(item("red", item_group_id="shirt", title="Shirt, red", price="20 USD"),
                   item("cap")))  # fmt: skip
    assert keeper.read().gone == 1
    assert keeper.sold("shirt") == (2_000, True, True)
    assert [v.available for v in keeper.story("shirt").variants] == [False, True]
    server.put(rss(item("cap")))
    assert keeper.read().gone == 1
    assert keeper.sold("shirt")[1:] == (False, False)
    server.put(rss(item("cap"), item("green", item_group_id="shirt", title="Shirt, green")))
    keeper.read()
    assert keeper.sold("shirt") == (1_250, True, True)  # shown again for another variant
    server.put(rss(item("cap"), item("green", item_group_id="jersey", title="Jersey, green")))
    keeper.read()
    assert keeper.sold("shirt")[1:] == (False, False) and keeper.sold("jersey") == (
        1_250,
        True,
        True,
    )


def test_a_product_that_becomes_a_variant_keeps_its_name(
    keeper: Shopkeeper, server: FeedServer
) -> None:
    keeper.add(server.put(rss(item("red"), item("cap"))))
    keeper.read()
    server.put(rss(item("red", item_group_id="shirt"), item("cap")))
    keeper.read()
    assert keeper.sold("red")[1:] == (False, False)
    found = keeper.house.unit(lambda tx: catalog.find(tx, ["red"]))["red"]
    assert (found.product_id, found.variant_id, found.shown) == ("shirt", "red", True)
    server.put(rss(item("red"), item("cap")))
    keeper.read()
    assert keeper.sold("red") == (1_250, True, True)
    assert keeper.house.unit(lambda tx: catalog.find(tx, ["red"]))["red"].product_id == "red"


def test_what_is_wrong_is_counted_for_all_and_shown_for_some(
    keeper: Shopkeeper, server: FeedServer
) -> None:
    items = [item(f"p{n}", price="call us") for n in range(30)]
    items += [item("twice"), item("twice", price="1 USD"), item("", title="lost")]
    keeper.add(server.put(rss(*items)))
    report = keeper.read()
    assert (report.read, report.new, report.left_out) == (33, 31, 2)
    found = {str(one.code): one for one in report.problems}
    assert found["price_unreadable"].count == 30
    assert len(found["price_unreadable"].examples) == 20
    assert found["price_unreadable"].examples[0].value == "call us"
    (twice,) = found["id_twice"].examples
    assert (twice.number, twice.item) == (32, "twice")
    assert found["id_missing"].count == 1 and all(one.remedy for one in report.problems)
    assert keeper.sold("twice")[0] == 1_250


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (rss(item("a"), item("b"))[:-60], "broke off after 1 items"),
        (rss(), "has no items"),
        (rss(item("", title="x")), "no usable one among 1"),
        (rss(item("a")), "shrank from 4 items to 1"),
        ("<html><body>Sorry</body></html>", "web page"),
        ('<!DOCTYPE r [<!ENTITY a "b">]><rss/>', "document type"),
    ],
    ids=["cut", "empty", "useless", "shrunk", "page", "entities"],
)
def test_a_feed_that_is_not_believed_takes_nothing_away(
    keeper: Shopkeeper, server: FeedServer, body: str, says: str
) -> None:
    whole = rss(*(item(id) for id in "abcd"))
    keeper.add(server.put(whole, etag='"1"'))
    keeper.read()
    server.put(body.replace("12.50", "9.50"), etag='"2"')
    report = keeper.read()
    assert report.alarm is not None and says in report.alarm and report.remedy
    assert (report.gone, report.kept) == (0, 4 - report.new - report.changed - report.unchanged)
    assert all(keeper.sold(id)[1:] == (True, True) for id in "abcd")
    (feed,) = keeper.house.unit(store.every)
    assert status_of(feed) is FeedStatus.ALARM and feed.items == 4
    if says.startswith("shrank"):
        assert keeper.sold("a")[0] == 950  # what it does have is true
        assert keeper.read().alarm == report.alarm  # and asked for anew each time
        keeper.ask_for(accepts=True)
        assert keeper.read().gone == 3
        assert keeper.sold("d")[1:] == (False, False)
    server.put(whole, etag='"3"')
    assert keeper.read().alarm is None


def gone(headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    return 503, {"retry-after": "7200"}, b"down"


def moved(where: str) -> Callable[[dict[str, str]], tuple[int, dict[str, str], bytes]]:
    return lambda _: (302, {"location": where}, b"")


def test_what_cannot_be_fetched_changes_nothing_and_says_what_to_do(
    keeper: Shopkeeper, server: FeedServer
) -> None:
    url = server.put(rss(item("a")))
    keeper.add(url)
    keeper.read()
    before = keeper.story("a")
    clock = keeper.house.clock
    server.answers["/feed.xml"] = (404, {}, b"")
    failed = keeper.fails()
    assert "404" in str(failed.error) and failed.due_at == clock.now() + timedelta(minutes=5)
    assert keeper.fails().due_at == clock.now() + timedelta(minutes=10)
    server.answers["/feed.xml"] = gone
    assert keeper.fails().due_at == clock.now() + timedelta(hours=2)
    server.answers["/feed.xml"] = moved("/feed.xml")
    assert "sent on more than 5 times" in str(keeper.fails().error)
    server.answers["/feed.xml"] = moved("file:///etc/passwd")
    assert "is no web address" in str(keeper.fails().error)
    server.answers["/feed.xml"] = moved("http://10.0.0.1/feed.xml")
    assert "private network" in str(keeper.fails().error)
    server.answers["/feed.xml"] = moved("http://[::ffff:10.0.0.1]/feed.xml")
    assert "private network" in str(keeper.fails().error)
    server.put(rss(item("a"), item("b")), content_encoding="br")
    assert "'br'" in str(keeper.fails().error)
    server.put(rss(item("a"), item("b")))
    server.cut = 100
    assert "did not arrive" in str(keeper.fails().error)
    server.cut = None
    assert "larger than" in str(keeper.fails(most=50).error)
    server.put(gzip.compress(rss(item("a")).encode())[:-20])
    assert "unpacked" in str(keeper.fails().error)
    server.put(b'[{"id": 1}]')
    assert "JSON" in str(keeper.fails().error)
    assert "is 127.0.0.1, which is private: see feed_networks" in str(
        keeper.fails(guard=Guard((), "feed_networks")).error
    )
    assert keeper.story("a") == before
    server.put(rss(item("a"), item("b")), "/new.xml")
    server.answers["/feed.xml"] = moved("/new.xml")
    assert keeper.read().new == 1
    (feed,) = keeper.house.unit(store.every)
    assert (feed.failures, feed.error, status_of(feed)) == (0, None, FeedStatus.OK)


def test_files_packed_text_and_strange_letters(keeper: Shopkeeper, tmp_path: Path) -> None:
    path = tmp_path / "feed.txt.gz"
    rows = "id\ttitle\tlink\tprice\tavailability\n"
    rows += 't1\tGrüner Tee\thttps://acme.example/1\t"1,50 USD"\tin stock\n'
    path.write_bytes(gzip.compress(rows.encode()))
    keeper.add(str(path))
    report = keeper.read()
    assert (report.format, report.new, report.problems) == ("table", 1, [])
    assert keeper.story("t1").product.title == "Grüner Tee"
    markup = rss(item("x1", title="Café"), item("t1", title="Grüner Tee"))
    for name, declared in (("cp1252", "ISO-8859-1"), ("utf-16", "UTF-16"), ("utf-8", "latin1")):
        text = markup.replace('encoding="UTF-8"', f'encoding="{declared}"')
        path.write_bytes(gzip.compress(text.encode(name)))
        keeper.ask_for()
        assert keeper.read().format == "XML"
        assert keeper.story("x1").product.title == "Café"
    path.unlink()
    assert "cannot be read" in str(keeper.fails().error)


def test_a_sale_begins_though_the_feed_stays_the_same(
    keeper: Shopkeeper, server: FeedServer
) -> None:
    window = "2026-03-02T15:00Z/2026-03-02T17:00Z"
    sale = item("a", sale_price="10 USD", sale_price_effective_date=window)
    keeper.add(server.put(rss(sale), etag='"1"'))
    keeper.read()
    clock = keeper.house.clock
    for hours, price in ((3, 1_000), (2, 1_250)):
        clock.advance(timedelta(hours=hours) - timedelta(seconds=1))
        assert keeper.bring(None) == []
        clock.advance(timedelta(seconds=1))
        assert len(keeper.bring(None)) == 1  # due by itself, before six hours are over
        assert keeper.sold("a")[0] == price


def test_guides_come_the_same_way(keeper: Shopkeeper, server: FeedServer) -> None:
    entry = "<title>Brewing</title><link>https://acme.example/g/1</link><guid>g-1</guid>"
    keeper.add(server.put(rss(entry)), "guides", "guide")
    report = keeper.read("guides")
    assert (report.new, report.problems) == (1, [])
    product = keeper.story("g-1").product
    assert product.attributes["kind"] == "guide" and product.url == "https://acme.example/g/1"


def test_two_feeds_with_the_same_product_and_one_that_is_removed(
    keeper: Shopkeeper, server: FeedServer
) -> None:
    keeper.add(server.put(rss(item("a"), item("b"), item("c"))))
    keeper.add(server.put(rss(item("b")), "/second.xml"), "second")
    keeper.bring(None)
    server.put(rss(item("a"), item("d")))
    keeper.house.clock.advance(timedelta(hours=6))
    assert keeper.read().gone == 2
    assert keeper.sold("b")[1:] == (True, True)  # the other feed has it
    assert keeper.sold("c")[1:] == (False, False)
    keeper.house.unit(lambda tx: keeping.remove(tx, "products"))
    assert keeper.sold("a")[1:] == (True, True)
    keeper.add(server.put(rss(item("c"))), "anew")
    keeper.read("anew")
    assert keeper.sold("c")[1:] == (True, True)


def test_one_process_at_a_time_and_another_shop_sees_nothing(
    keeper: Shopkeeper, server: FeedServer
) -> None:
    keeper.add(server.put(rss(item("a"))))

    async def beside() -> None:
        schema = keeper.house.acme.schema
        async with await connect(keeper.house.url, "test") as connection:
            assert await store.try_lock(connection, schema)
            with pytest.raises(Problem, match="being read"):
                await asyncio.to_thread(keeper.bring)

    asyncio.run(beside())
    keeper.read()
    assert keeper.house.unit(store.every, keeper.house.bolt) == []
    assert keeper.house.unit(lambda tx: reading.story(tx, "a"), keeper.house.bolt) is None
