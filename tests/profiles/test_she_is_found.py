"""The owner looks people up: by names, addresses, numbers, orders; a page at a time."""

import random
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import House
from patron.events.log.orders import OrderWord
from patron.events.store import save_orders
from patron.events.types import Trust
from patron.kit.db import Tx, tuples, value
from patron.profiles import store, walk
from patron.profiles.search.routes import routes
from patron.profiles.search.terms import least
from profiles.asking import asking
from profiles.stories import NOON, alias, identified, seen

PEOPLE: list[tuple[str, dict[str, Any]]] = [
    ("c-100", {"email": "ada@x.example", "first_name": "Ada", "last_name": "Lovelace"}),
    ("c-101", {"email": "adam@x.example", "name": "Adam Óðinsson", "phone": "+1 415 555 0101"}),
    ("C-102", {"email": "eloise@y.example", "name": "Éloïse de la Tour"}),
    ("17", {"phone": "+1 415 555 0199", "first_name": "Ștefan", "last_name": "Popa"}),
    ("18", {"email": "maria@z.example", "first_name": "Maria", "last_name": "Lovelace"}),
]


@pytest.fixture
def shop(house: House) -> House:
    """Five customers, the later in the list the later seen, and three visitors."""

    async def story(tx: Tx) -> None:
        batch = [
            identified(user, minutes=n, trust=Trust.SERVER, traits=traits)
            for n, (user, traits) in enumerate(PEOPLE)
        ]
        batch += [seen(browser=f"adabrowser{n}", minutes=60 * n) for n in range(3)]
        await walk.resolve(tx, house.acme, batch, NOON, house.signer)
        ada = await store.find(tx, "user_id:c-100")
        assert ada is not None
        said = [
            OrderWord("R-1001", ada, 1, False, "USD", NOON, Trust.SERVER, 2_500, NOON,
                      Trust.SERVER),
            OrderWord("R-1002", ada, 2, False, "USD", NOON, Trust.SERVER, 1_000, NOON,
                      Trust.SERVER, 400, False, Trust.SERVER),
            OrderWord("R-1003", ada, 3, False, "USD", NOON, Trust.SERVER, 9_900, NOON,
                      Trust.SERVER, cancelled_at=NOON, cancel_trust=Trust.SERVER),
        ]  # fmt: skip
        await save_orders(tx, said)

    house.unit(story)
    return house


def found(client: Any, q: str = "", **more: Any) -> list[str]:
    answer = client.get("/api/profiles", params={"q": q, **more})
    assert answer.status_code == 200, answer.text
    return [one["name"] or one["email"] or "a visitor" for one in answer.json()["items"]]


ADA, ADAM, ELOISE = "Ada Lovelace", "Adam Óðinsson", "Éloïse de la Tour"
STEFAN, MARIA = "Ștefan Popa", "Maria Lovelace"


def test_by_whatever_she_goes_by(shop: House) -> None:
    with asking(shop, routes) as client:
        for q, expected in {
            "ada": [ADA, ADAM],  # her name is "ada lovelace", her address begins so too: once
            "ADA@x.Example": [ADA],
            "ada@": [ADA],
            "lovelace": [ADA, MARIA],
            "lovelace, m": [MARIA],
            "Lovelace Maria": [MARIA],
            "ada love": [ADA],
            "  éLOÏSE ": [ELOISE],
            "eloise de": [ELOISE],
            "tour": [ELOISE],
            "stefan": [STEFAN],
            "odinsson": [],  # ð is a letter of its own
            "óðins": [ADAM],
            "c-10": [ADA, ADAM, ELOISE],
            "C-102": [ELOISE],
            "17": [STEFAN],
            "(415) 555-0199": [STEFAN],
            "+1 415 555": [ADAM, STEFAN],
            "R-1001": [ADA],
            "#r-1002": [ADA],
            "R-10": [],
            "adabrowser1": ["a visitor"],
            "adabrowser": [],
            "email:maria": [MARIA],
            "name:maria": [MARIA],
            "phone:+1415": [ADAM, STEFAN],
            "user_id:c-1": [ADA, ADAM, ELOISE],
            "order:R-1003": [ADA],
            "anonymous_id:adabrowser2": ["a visitor"],
            "tag:nobody": [],
            "%": [],
            "_": [],
            "nobody at all": [],
        }.items():
            assert sorted(found(client, q)) == sorted(expected), q


def test_what_she_was_found_by_is_said(shop: House) -> None:
    with asking(shop, routes) as client:
        one = client.get("/api/profiles", params={"q": "R-1001"}).json()["items"][0]
        assert one["matched"] == {"kind": "order", "value": "R-1001"}
        assert (one["orders"], one["value"], one["currency"]) == (2, 3_100, "USD")
        assert (one["email"], one["phone"], one["known"]) == ("ada@x.example", None, True)
        by_id = client.get("/api/profiles", params={"q": one["id"]}).json()["items"]
        assert [(two["id"], two["matched"]["kind"]) for two in by_id] == [(one["id"], "id")]
        exact = client.get("/api/profiles", params={"q": "ada@x.example"}).json()["items"]
        assert exact[0]["matched"] == {"kind": "email", "value": "ada@x.example"}
        assert client.get("/api/profiles").json()["items"][0]["matched"] is None


def test_everybody_the_last_seen_first(shop: House) -> None:
    everybody = ["a visitor", "a visitor", MARIA, STEFAN, ELOISE, ADAM, ADA, "a visitor"]
    with asking(shop, routes) as client:
        assert found(client)[:6] == everybody[:6] and len(found(client)) == 8
        assert found(client, known=True) == [MARIA, STEFAN, ELOISE, ADAM, ADA]
        assert found(client, known=False) == ["a visitor"] * 3
    with asking(shop, routes, shop=shop.bolt) as client:
        assert found(client) == []


@pytest.mark.parametrize("q", ["", "c-10", "lovelace", "x", "1"])
def test_pages_hold_everybody_once(shop: House, q: str) -> None:
    with asking(shop, routes) as client:
        whole = client.get("/api/profiles", params={"q": q}).json()
        assert whole["next_cursor"] is None
        read: list[Any] = []
        cursor: str | None = ""
        while cursor is not None:
            page = client.get("/api/profiles", params={"q": q, "limit": 1, "cursor": cursor}).json()
            assert len(page["items"]) <= 1
            read += page["items"]
            cursor = page["next_cursor"]
        assert read == whole["items"]


def test_two_who_became_one_are_listed_once(shop: House) -> None:
    async def join(tx: Tx) -> None:
        late = timedelta(hours=9)
        batch = [alias("18", "c-100"), seen(browser="other", ts=NOON + late)]
        await walk.resolve(tx, shop.acme, batch, NOON, shop.signer)

    shop.unit(join)
    with asking(shop, routes) as client:
        lovelaces = client.get("/api/profiles", params={"q": "lovelace"}).json()["items"]
        assert len(lovelaces) == 1
        by_the_other = client.get("/api/profiles", params={"q": "maria@"}).json()["items"]
        assert by_the_other[0]["id"] == lovelaces[0]["id"]
        assert len(client.get("/api/profiles").json()["items"]) == 8


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ({"limit": 0}, "limit"), ({"limit": 201}, "limit"), ({"cursor": "x"}, "cursor"),
        ({"cursor": "WyJhIiwiYiJd"}, "cursor"), ({"q": "a", "cursor": "WyJhIiwiYiJd"}, "cursor"),
        ({"q": "x" * 101}, "q"), ({"q": "a\0b"}, "q"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(shop: House, asked: dict[str, Any], path: str) -> None:
    with asking(shop, routes) as client:
        refused = client.get("/api/profiles", params=asked)
        assert (refused.status_code, refused.json()["path"]) == (400, path)
    with asking(shop, routes, frozenset({"events:read"})) as client:
        assert client.get("/api/profiles").status_code == 403


def test_whatever_a_page_writes_into_a_name_is_taken_and_searched(house: House) -> None:
    odd = ["\ufdfa" * 200, "x" * 1_000, "", "  ", 17, True, ["a"], {"b": 1}, "\u0301", None]

    async def story(tx: Tx) -> int:
        batch = [
            identified(f"u{n}", minutes=n, traits={"name": name, "last_name": name})
            for n, name in enumerate(odd)
        ]
        await walk.resolve(tx, house.acme, batch, NOON, house.signer)
        return int(await value(tx, "SELECT count(*) FROM origin"))

    assert house.unit(story) == len(odd)
    with asking(house, routes) as client:
        assert len(client.get("/api/profiles", params={"q": "x" * 100}).json()["items"]) == 1
        assert len(client.get("/api/profiles", params={"q": "name:17"}).json()["items"]) == 1


@given(st.lists(st.text("ab", max_size=4)))
def test_least_keeps_what_begins_no_other(given_: list[str]) -> None:
    kept = least(given_)
    assert all(any(one.startswith(k) for k in kept) for one in given_)
    assert not any(a != b and a.startswith(b) for a in kept for b in kept)


def test_as_a_plain_reading_of_everybody_finds(house: House) -> None:
    """A hundred people with short names, thirty of them joined: each term finds whom reading all
    that is kept finds, once, whatever the size of a page."""
    chance = random.Random(7)

    def word(longest: int) -> str:
        return "".join(chance.choice("abAB") for _ in range(chance.randint(1, longest)))

    async def story(tx: Tx) -> list[tuple[UUID, str, str, str, str]]:
        batch = []
        for n in range(100):
            traits = chance.choice(
                [
                    {"first_name": word(3), "last_name": word(3)},
                    {"name": f"{word(2)}  {word(3)}"},
                    {},
                ]
            )
            email = f"{word(4)}{n}@{word(3)}.example" if chance.random() < 0.5 else None
            more = {**traits, **({"email": email} if email else {})}
            batch.append(identified(f"{word(3)}-{n}", trust=Trust.SERVER, minutes=n, traits=more))
        users = [event.user_id or "" for event in batch]
        pairs = [chance.sample(users, 2) for _ in range(30)]
        batch += [alias(one, other, minutes=200) for one, other in pairs]
        await walk.resolve(tx, house.acme, batch, NOON, house.signer)
        return await tuples(
            tx,
            "SELECT o.root_id, coalesce(i.value, ''), coalesce(i.kind, ''),"
            " coalesce(search_name(o.traits), ''), coalesce(search_family(o.traits), '')"
            " FROM origin o LEFT JOIN identifier i ON i.origin_id = o.id",
        )

    kept = house.unit(story)
    assert 60 < len({root for root, *_ in kept}) < 90

    def naive(q: str) -> set[str]:
        folded, found = " ".join(q.lower().split()), set()
        family, _, first = folded.partition(" ")
        for root, value_, _, name, last in kept:
            typed = any(value_.startswith(one) for one in (q, q.lower(), q.upper()))
            named = name.startswith(folded) or last.startswith(folded)
            turned = bool(first) and last == family and name.startswith(first)
            if typed or named or turned:
                found.add(str(root))
        return found

    terms = {word(3) for _ in range(30)} | {f"{word(1)} {word(2)}" for _ in range(20)} | {"zz"}
    with asking(house, routes) as client:
        for q in sorted(terms):
            read: list[str] = []
            cursor: str | None = ""
            while cursor is not None:
                asked: dict[str, Any] = {"q": q, "limit": 7, "cursor": cursor}
                page = client.get("/api/profiles", params=asked).json()
                read += [one["id"] for one in page["items"]]
                cursor = page["next_cursor"]
            assert len(read) == len(set(read)), q
            assert set(read) == naive(q), q
