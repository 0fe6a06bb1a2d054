"""Her own page: what she switches is kept with its proof, and the shop keeps to it."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from html import unescape
from typing import Any, TypeVar
from urllib.parse import urlencode
from uuid import UUID

import httpx
import msgspec
import pytest

from conftest import NOON, House
from delivery.scene import BASE, appended, customer, doors, key, mint, said, sent_to
from patron.app.care import asking
from patron.catalog import store as catalog
from patron.catalog.types import FactSource, ProductIn
from patron.delivery.gate import decide
from patron.delivery.preferences.form import read
from patron.delivery.types import Facts, Go, Reason, Skip
from patron.kit.db import Database
from patron.kit.problems import Problem
from patron.messages.links import Pass, preferences_path, short
from patron.profiles import store as profiles
from patron.profiles import walk
from patron.profiles.consents import request_store, wish_store
from patron.profiles.erasure import store as erasure
from patron.profiles.types import Reach
from patron.shops.types import Mode, Shop

ANNA = "anna@example.com"
T = TypeVar("T")


class Browser:
    """A browser without script: it opens the page, ticks boxes, presses buttons."""

    def __init__(self, client: httpx.AsyncClient, path: str) -> None:
        self.client, self.path, self.page = client, path, ""
        self.fields: list[tuple[str, str]] = []

    async def open(self) -> str:
        self.read(await self.client.get(self.path))
        return self.page

    def read(self, answer: httpx.Response) -> None:
        assert answer.status_code == 200, answer.text
        self.page = answer.text
        self.fields = []
        form = self.page.split("<form", 2)[1] if "<form" in self.page else ""
        for tag in re.findall(r"<input[^>]*>", form):
            told = dict(re.findall(r'(\w+)="([^"]*)"', tag))
            if told.get("type") in ("checkbox", "radio") and " checked" not in tag:
                continue
            self.fields.append((told["name"], unescape(told["value"])))

    def tick(self, name: str, value: str) -> None:
        self.fields.append((name, value))

    def untick(self, name: str, value: str) -> None:
        self.fields.remove((name, value))

    def choose(self, name: str, value: str) -> None:
        self.fields = [one for one in self.fields if one[0] != name] + [(name, value)]

    async def press(self, button: tuple[str, str] | None = None) -> str:
        given = self.fields + ([button] if button else [])
        answer = await self.client.post(
            self.path,
            content=urlencode(given),
            headers={"content-type": "application/x-www-form-urlencoded"},
        )
        if answer.status_code == 303:
            answer = await self.client.get(answer.headers["location"])
        self.read(answer)
        return self.page


class Scene:
    """Anna, who has agreed to letters, her page, and what is kept afterwards."""

    def __init__(self, house: House, db: Database, shop: Shop, origin: UUID, path: str) -> None:
        self.house, self.db, self.shop, self.origin, self.path = house, db, shop, origin, path
        self.browser: Browser

    async def reach(self, channel: str = "email", purpose: str = "marketing") -> Reach:
        async with self.db.unit(self.shop.schema) as tx:
            return await profiles.reach(tx, self.origin, channel, purpose, self.shop.settings)

    async def words(self) -> list[tuple[str, str, str]]:
        """What was said on the page, newest first: way, state, the words shown."""
        async with self.db.unit(self.shop.schema) as tx:
            kept = await profiles.consents(tx, await profiles.origins(tx, self.origin))
        return [
            (f"{one.channel}/{one.purpose}", str(one.state), one.text_shown or "")
            for one in kept
            if one.source == "preferences_page"
        ]

    async def told(self) -> list[str]:
        return [one["event"] for one in await appended(self.db, self.shop)]


def visit(
    house: House, story: Callable[[Scene], Awaitable[T]], rehearsal: bool = False, **settings: Any
) -> T:
    """Anna opens the page from a mail, in a shop with these settings."""
    shop = msgspec.structs.replace(
        house.acme, settings=msgspec.structs.replace(house.acme.settings, **settings)
    )
    house.acme = shop

    async def played(db: Database) -> T:
        async with db.unit(shop.schema) as tx:
            origin = await customer(tx, house, "anna", ANNA)
            message = await sent_to(tx, origin, ANNA)
            await catalog.upsert(tx, [_tea("t1"), _tea("t2"), _cup("c1")], FactSource.API, NOON)
        path = mint(house, message, origin, rehearsal=rehearsal).preferences().removeprefix(BASE)
        scene = Scene(house, db, shop, origin, path)
        house.clock.advance(timedelta(hours=1))
        async with doors(house, db) as client:
            scene.browser = Browser(client, path)
            await scene.browser.open()
            return await story(scene)

    return house.run(played)


def _tea(name: str) -> ProductIn:
    return ProductIn(id=name, title=f"Tea {name}", categories=["Tea", "Green"])


def _cup(name: str) -> ProductIn:
    return ProductIn(id=name, title=f"Cup {name}", categories=["Crockery"])


def test_the_page_says_what_she_gets_and_what_is_held_in_plain_words(house: House) -> None:
    async def story(scene: Scene) -> str:
        return scene.browser.page

    page = visit(house, story, privacy_url="https://acme.example/privacy")
    for words in (
        "What you get from us", "an…@example.com", "By e-mail", "Offers, news and reminders",
        "At most one letter a month", "A pause of 30 days", "Nothing until April 1", "Tea",
        "Crockery", "Your e-mail address", "Your name", "Send me all of it", "Forget me",
        "https://acme.example/privacy",
    ):  # fmt: skip
        assert words in page, words
    assert ANNA not in page and "Anna" not in page  # mails get forwarded
    assert "<script" not in page


def test_looking_changes_nothing_and_saving_unchanged_says_nothing(house: House) -> None:
    async def story(scene: Scene) -> None:
        assert "Nothing was changed" in await scene.browser.press()
        assert (await scene.words(), await scene.told()) == ([], [])

    visit(house, story)


def test_letters_are_switched_off_and_on_again_each_with_its_proof(house: House) -> None:
    async def story(scene: Scene) -> None:
        scene.browser.untick("on", "email/marketing")
        assert "Saved" in await scene.browser.press()
        assert (await scene.reach()).consent == "withdrawn"
        assert (await scene.reach()).suppressed == "unsubscribe"
        house.clock.advance(timedelta(minutes=1))
        scene.browser.tick("on", "email/marketing")
        await scene.browser.press()
        reach = await scene.reach()
        assert (reach.consent, reach.suppressed, reach.confirmed) == ("granted", None, True)
        shown = "Offers, news and reminders by e-mail"
        assert await scene.words() == [
            ("email/marketing", "granted", shown),
            ("email/marketing", "withdrawn", shown),
        ]
        assert await scene.told() == ["Unsubscribed", "Email Subscribed"]

    visit(house, story)


def test_a_page_that_was_opened_before_takes_back_nothing_said_since(house: House) -> None:
    async def story(scene: Scene) -> None:
        old = scene.browser
        fresh = Browser(old.client, scene.path)
        await fresh.open()
        fresh.untick("on", "email/marketing")
        await fresh.press()
        old.choose("frequency", "weekly")
        await old.press()
        assert (await scene.reach()).consent == "withdrawn"

    visit(house, story)


def test_nothing_but_what_orders_need(house: House) -> None:
    async def story(scene: Scene) -> None:
        scene.browser.tick("on", "email/new_in")
        await scene.browser.press()
        house.clock.advance(timedelta(minutes=1))
        await scene.browser.press(("none", "1"))
        assert (await scene.reach()).consent == "withdrawn"
        assert (await scene.reach(purpose="new_in")).consent == "withdrawn"

    visit(house, story, purposes={"new_in": "News about new things"})


def test_who_comes_back_gets_what_she_switches_on_and_nothing_else(house: House) -> None:
    async def story(scene: Scene) -> None:
        scene.browser.tick("on", "email/new_in")
        await scene.browser.press()
        async with scene.db.unit(scene.shop.schema) as tx:
            now = house.clock.advance(timedelta(minutes=1))
            await profiles.suppress(tx, "email", ANNA, "unsubscribe", now, "one click")
        house.clock.advance(timedelta(minutes=1))
        page = await scene.browser.open()
        assert " checked" not in page.split("How often")[0]  # she had unsubscribed from all of it
        scene.browser.tick("on", "email/new_in")
        await scene.browser.press()
        found = await scene.reach(purpose="new_in")
        assert (found.consent, found.suppressed) == ("granted", None)
        assert (await scene.reach()).consent == "withdrawn"

    visit(house, story, purposes={"new_in": "News about new things"})


def test_she_says_how_often_and_takes_a_pause(house: House) -> None:
    async def story(scene: Scene) -> None:
        async def wish() -> Any:
            async with scene.db.unit(scene.shop.schema) as tx:
                return await wish_store.of(tx, scene.origin, "email", ANNA)

        scene.browser.choose("frequency", "monthly")
        await scene.browser.press()
        assert ((await wish()).frequency, (await wish()).paused_until) == ("monthly", None)
        house.clock.advance(timedelta(minutes=1))
        scene.browser.choose("frequency", "pause")
        page = await scene.browser.press()
        assert ("frequency", "pause") in scene.browser.fields and "Nothing until April 1" in page
        assert (await wish()).paused_until == house.clock.now() + timedelta(days=30)
        assert (await wish()).frequency == "monthly"  # what holds after the pause
        assert await scene.told() == ["Preferences Updated"] * 2

    visit(house, story)


def test_interests_become_a_trait_and_stand_when_nobody_offers_them_any_more(house: House) -> None:
    async def story(scene: Scene) -> None:
        scene.browser.tick("interest", "Tea")
        await scene.browser.press()
        async with scene.db.unit(scene.shop.schema) as tx:
            person = await profiles.person(tx, scene.origin)
        assert person is not None and person.traits["interests"] == ["Tea"]
        assert ("interest", "Tea") in scene.browser.fields

    visit(house, story, interests=["Tea", "Cups & saucers"])


def test_she_asks_for_her_data_and_to_be_forgotten_and_nobody_acts_by_the_link(
    house: House,
) -> None:
    async def story(scene: Scene) -> None:
        client = scene.browser.client
        for _ in range(2):  # asked twice, asked once
            for kind in ("export", "erasure"):
                assert (await client.post(f"{scene.path}/{kind}")).status_code == 303
        assert (await client.post(f"{scene.path}/all-your-money")).status_code == 404
        page = await scene.browser.open()
        assert "You asked us to forget you" in page and page.count(" disabled") == 2
        async with scene.db.unit(scene.shop.schema) as tx:
            found = await request_store.listed(tx, None, None, 10)
            assert sorted((one.kind, one.state) for one in found) == [
                ("erasure", "open"), ("export", "open")
            ]  # fmt: skip
            assert [one.detail[:5] for one in await asking.of_shop(tx, scene.shop)] == ["2 ask"]
            await erasure.erase(tx, scene.origin, house.signer, house.clock.now())
            found = await request_store.listed(tx, None, None, 10)
        assert {(one.state, one.address_key, one.origin_id) for one in found} == {
            ("done", None, None)
        }
        gone = await client.get(scene.path)
        assert "Nothing is kept here" in gone.text
        assert "Nothing is kept here" in (await client.post(scene.path)).text

    visit(house, story)


def test_the_owner_who_tries_a_rehearsals_link_changes_nothing(house: House) -> None:
    async def story(scene: Scene) -> None:
        assert "This mail was a rehearsal" in scene.browser.page
        scene.browser.untick("on", "email/marketing")
        await scene.browser.press()
        await scene.browser.client.post(f"{scene.path}/erasure")
        assert (await scene.reach()).consent == "granted"

    visit(house, story, rehearsal=True)


def test_a_link_made_by_the_shop_opens_her_page_and_no_other(house: House) -> None:
    async def story(scene: Scene) -> None:
        access = key(scene.shop, "profiles:write")
        async with doors(house, scene.db, access) as client:
            answer = await client.post(f"/api/profiles/email:{ANNA}/preference-link")
            url = answer.json()["url"]
            assert url.startswith(f"{BASE}/preferences/")
            assert (await client.post("/api/profiles/email:x@y.example/preference-link")).is_error
            own = Browser(client, url.removeprefix(BASE))
            assert "an…@example.com" in await own.open()
            # No mail proved that the mailbox is hers: where the shop asks, the yes waits.
            own.tick("on", "email/marketing")
            assert "Waits for your answer" in await own.press()
            assert (await scene.reach()).consent == "pending"
            assert await scene.told() == []
            forged = Pass(scene.shop.slug, short(scene.origin), None, "x" * 22)
            page = await client.get(preferences_path(house.signer, forged))
            assert "Nothing is kept here" in page.text
        async with doors(house, scene.db, key(scene.shop, "profiles:read")) as client:
            answer = await client.post(f"/api/profiles/email:{ANNA}/preference-link")
            assert answer.is_error
        house.clock.advance(timedelta(minutes=1))
        scene.browser.tick("on", "email/marketing")
        await scene.browser.press()
        assert (await scene.reach()).confirmed  # the page of a mail was opened from the mailbox

    visit(house, story, double_opt_in=["email"])


def test_the_phone_she_gave_can_be_switched_too(house: House) -> None:
    async def story(scene: Scene) -> None:
        async with scene.db.unit(scene.shop.schema) as tx:
            at = house.clock.now()
            phone = {"phone": "+14155552671"}
            events = [
                said("Identified", "anna", at, traits=phone),
                said("SMS Subscribed", "anna", at, properties=phone),
            ]
            await walk.resolve(tx, scene.shop, events, at, house.signer)
        house.clock.advance(timedelta(minutes=1))
        assert "By SMS" in await scene.browser.open()
        scene.browser.untick("on", "sms/marketing")
        await scene.browser.press()
        assert (await scene.reach("sms")).consent == "withdrawn"
        assert (await scene.reach("email")).consent == "granted"

    visit(house, story)


@pytest.mark.parametrize("how", ["get", "post"])
def test_damaged_links_and_foreign_forms_are_refused(house: House, how: str) -> None:
    async def story(scene: Scene) -> list[int]:
        client = scene.browser.client
        body, _, mac = scene.path.rpartition(".")
        forged = [f"{body[:-2]}AA.{mac}", "/preferences/x.y", "/confirm/x.y"]
        unsubscribe = mint(house, UUID(int=1), scene.origin).unsubscribe().removeprefix(BASE)
        forged.append(unsubscribe.replace("/u/", "/preferences/"))
        return [(await client.request(how, each)).status_code for each in forged]

    assert set(visit(house, story)) == {404}


def test_a_form_says_only_what_its_page_had_shown() -> None:
    ways = ["email/marketing"]
    assert read(b"on=email/marketing&on=sms/marketing&frequency=hourly", ways).empty
    assert read(b"seen=email/marketing&on=email/marketing", ways).on == ways
    assert read(b"", ways).empty
    for body in (b"x=" + b"a" * 70_000, b"&".join([b"a=b"] * 600), "seen=ü".encode()):
        with pytest.raises(Problem):
            read(body, ways)


NOW = NOON
FINE = Facts(
    now=NOW, mode=Mode.LIVE, owner="o@acme.example", purpose="marketing",
    reach=Reach(ANNA, ANNA, True, "granted", None), expires_at=NOW + timedelta(hours=1),
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "decided"),
    [
        ({"pace": timedelta(days=7), "last_marketing": NOW - timedelta(days=6)}, Reason.HER_PACE),
        ({"pace": timedelta(days=7), "last_marketing": NOW - timedelta(days=7)}, None),
        ({"pace": timedelta(days=7)}, None),
        ({"paused_until": NOW + timedelta(days=1)}, Reason.PAUSED),
        ({"paused_until": NOW}, None),
        ({"paused_until": NOW + timedelta(days=1), "purpose": "transactional"}, None),
    ],
)
def test_the_gate_keeps_to_her_pace(changes: dict[str, Any], decided: Reason | None) -> None:
    found = decide(msgspec.structs.replace(FINE, **changes))
    if decided is None:
        assert isinstance(found, Go)
    else:
        assert isinstance(found, Skip) and found.reason is decided
