"""Random tales of people, told to the real thing and kept in plain lists beside it."""

import random
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zlib import crc32

import msgspec
from hypothesis import strategies as st

import reference
import rules
from known import NOW, Known
from patron.events.lake import store as lake_store
from patron.events.types import Event
from patron.kit.db import Tx, execute
from patron.kit.ids import new_id
from patron.profiles import store as profiles
from patron.profiles.erasure import store as erasure
from patron.profiles.labels import mark
from patron.segments import saving
from patron.segments.computed import store as computed
from patron.segments.facts import Subject, load_many
from patron.segments.last import store as last_words
from patron.segments.lists import store as lists
from patron.segments.live import store as remembered
from patron.segments.members import store as members
from patron.segments.predictions import keeping as predictions
from patron.segments.predictions import store as foretold
from patron.segments.predictions.keeping import Score
from patron.segments.predictions.types import OWN, Kind
from patron.segments.rules.language import needs, parse
from patron.segments.saved import store as saved
from patron.segments.saving import Draft
from stage import Stage

PEOPLE = 3
CHANNELS = ["email", "paid_search", "direct", None]
DEVICES = ["mobile", "desktop", None]


class Tale:
    """People to whom things happen, kept in plain lists beside the real thing."""

    def __init__(self, stage: Stage, draw: random.Random) -> None:
        self.stage, self.draw = stage, draw
        self.tag = new_id().hex[-8:]
        self.log: dict[str, list[tuple[datetime, str, dict[str, Any]]]] = {}
        self.root: dict[str, str] = {}
        self.waiting: list[Event] = []
        self.born = 0
        self.last_merge: tuple[str, dict[str, str]] | None = None
        for _ in range(PEOPLE):
            self.new()

    def new(self) -> str:
        self.born += 1
        name = f"{self.tag}-{self.born}"
        self.log[name], self.root[name] = [], name
        return name

    def anybody(self) -> str:
        return self.draw.choice(sorted(self.root))

    def does(self, name: str, hours: float, told: dict[str, Any]) -> None:
        who = self.anybody()
        event = self.stage.event(name, f"u:{who}", timedelta(hours=hours), **told)
        event.channel = self.draw.choice(CHANNELS)
        event.device = self.draw.choice(DEVICES)
        self.log[who].append((event.ts, name, told))
        self.waiting.append(event)

    def is_somewhere(self, hours: float) -> None:
        """She moves, or visits from somewhere."""
        who = self.anybody()
        where = {"country": self.draw.choice(["DE", "fr", "US"]), "city": self.draw.choice("ab")}
        if self.draw.random() < 0.3:
            event = self.stage.event("Identified", f"u:{who}", timedelta(hours=hours))
            event.type, event.traits = event.type.IDENTIFY, {"address": where}
        else:
            event = self.stage.event("Visited", f"u:{who}", timedelta(hours=hours))
            event.context = {"location": {**where, "latitude": 52.5, "longitude": 13.4}}
        self.log[who].append((event.ts, event.name, {}))
        self.waiting.append(event)

    def is_shown(self, hours: float) -> None:
        told = {"experiment_id": "e1", "variation_id": self.draw.choice("ab")}
        self.does("Experiment Viewed", hours, {**told, "experiment_name": "Banner"})

    def orders(self, hours: float) -> None:
        who = self.anybody()
        told: dict[str, Any] = {
            "order_id": str(new_id()),
            "revenue": self.draw.choice([1, 2.5, 6]),
            "total": 9,
        }
        if self.draw.random() < 0.3:
            told["shipping_address"] = {"country_code": "GB", "city": self.draw.choice("ab")}
        event = self.stage.event("Order Completed", f"u:{who}", timedelta(hours=hours), **told)
        self.log[who].append((event.ts, "Order Completed", told))
        self.waiting.append(event)

    async def walks(self) -> None:
        """In any order, in batches of any size."""
        self.draw.shuffle(self.waiting)
        while self.waiting:
            size = self.draw.randint(1, 6)
            batch, self.waiting = self.waiting[:size], self.waiting[size:]
            await self.stage.walk(*batch)

    async def foretold(self) -> None:
        """New scores for some of all, by whatever names they go."""
        await self.walks()
        at = self.stage.now + timedelta(hours=self.draw.choice([-30, 1, 30]))
        for name, kind in rules.PREDICTED.items():
            if name in OWN:
                continue
            some = []
            for n, who in enumerate(sorted(self.root)):
                number = self.draw.choice([0, 1, 2.5, 6])
                if self.draw.random() < 0.7:
                    value = at.isoformat() if kind == "date" else number
                    some.append(Score(n, f"user_id:{who}", value))
            async with self.stage.unit() as tx:
                await predictions.bring(
                    tx, self.stage.shop, name, None, Kind(kind), some, self.stage.now
                )

    async def merges(self) -> None:
        """Two people turn out to be one, as an alias by the server says."""
        await self.walks()
        one, other = self.anybody(), self.anybody()
        if self.person(one) == self.person(other) or not (self.log[one] and self.log[other]):
            return
        event = self.stage.event("Aliased", f"u:{one}")
        event.type, event.previous_id = event.type.ALIAS, other
        self.log[one].append((event.ts, "Aliased", {}))
        await self.stage.walk(event)
        loser = self.person(other)
        self.last_merge = (one, dict(self.root))
        for name in self.root:
            if self.person(name) == loser:
                self.root[name] = self.person(one)

    def person(self, name: str) -> str:
        return self.root[name]

    async def undone(self) -> None:
        """The last merge is taken back: two people again."""
        await self.walks()
        if self.last_merge is None:
            return
        winner, before = self.last_merge
        self.last_merge = None
        async with self.stage.unit() as tx:
            root = await profiles.find(tx, f"user_id:{winner}")
            if root is None:
                return
            merges = await profiles.merges(tx, await profiles.origins(tx, root))
            await profiles.undo(tx, merges[0].id, self.stage.now)
        for name, person in before.items():
            if name in self.root:
                self.root[name] = person

    async def tagged(self) -> None:
        await self.walks()
        who = self.anybody()
        async with self.stage.unit() as tx:
            if await profiles.find(tx, f"user_id:{who}") is not None:
                tag = self.draw.choice(["vip", "Press"])
                await mark.tag(tx, self.stage.shop, f"user_id:{who}", tag, "me", self.stage.now)

    async def erased(self) -> None:
        await self.walks()
        who = self.anybody()
        async with self.stage.unit() as tx:
            root = await profiles.find(tx, f"user_id:{who}")
            if root is None:
                return
            gone = await erasure.erase(tx, root, self.stage.house.signer, self.stage.now)
            assert gone is not None
            await execute(tx, "DELETE FROM event WHERE origin_id = ANY(%s)", (gone.origins,))
            await execute(tx, "DELETE FROM order_fact WHERE origin_id = ANY(%s)", (gone.origins,))
            await lake_store.queue_erasure(tx, gone.origins, self.stage.now)
            await members.erase(tx, gone.origins)
            await remembered.erase(tx, gone.origins)
            await lists.erase(tx, gone.origins)
            await last_words.erase(tx, gone.origins)
            await foretold.erase(tx, gone.origins)
        person = self.person(who)
        self.last_merge = None
        for name in [name for name in self.root if self.person(name) == person]:
            del self.root[name], self.log[name]
        self.new()

    def happened(self, person: str) -> list[tuple[float, str, dict[str, Any]]]:
        """What the person did, in minutes before the reference's noon."""
        theirs = [row for name, rows in self.log.items() if self.person(name) == person
                  for row in rows]  # fmt: skip
        return [((NOW - ts).total_seconds() / 60, name, told) for ts, name, told in theirs]


async def everyone(tale: Tale) -> dict[str, UUID]:
    found = {}
    async with tale.stage.unit() as tx:
        for name in tale.root:
            if tale.person(name) == name:
                root = await profiles.find(tx, f"user_id:{name}")
                if root is not None:
                    found[name] = root
    return found


async def expected(tale: Tale, data: dict[str, Any]) -> set[UUID]:
    """What the reference says of everybody; other rooms' facts are taken as they tell them."""
    rule, there = parse(data), await everyone(tale)
    async with tale.stage.unit() as tx:
        subjects = [Subject(root) for root in there.values()]
        loaded = await load_many(tx, subjects, needs(rule), tale.stage.now, tale.stage.shop)
    held = set()
    for (name, root), facts in zip(there.items(), loaded, strict=True):
        her = Known(
            traits=facts.traits,
            log=tale.happened(name),
            open_carts=facts.open_carts,
            orders=facts.orders,
            ways=facts.ways,
            touched=facts.touched,
            person=facts.person,
            lists=facts.lists,
            segments=facts.segments,
            tags=frozenset(facts.tags),
            population=facts.population,
            placed=facts.placed,
            shown=facts.shown,
            predicted=dict(facts.predicted),
            goods=[
                ((NOW - at).total_seconds() / 60, what, dict(told))
                for what, at, told in facts.liking.deeds
            ],
        )
        if reference.holds(data, her, tale.stage.now):
            held.add(root)
    return held


async def inside(tale: Tale, key: str) -> set[UUID]:
    ours = set((await everyone(tale)).values())
    async with tale.stage.unit() as tx:
        segment = await saved.by_key(tx, key)
        assert segment is not None
        return {one.id for one in await members.members(tx, segment.id, None, 1_000)} & ours


async def save(stage: Stage, key: str, data: dict[str, Any]) -> None:
    async with stage.unit() as tx:
        rule = await defined(tx, data, stage.now)
        await saving.create(tx, stage.shop, key, Draft(name=key, rule=rule), stage.now)


async def defined(tx: Tx, data: Any, now: datetime) -> Any:
    """A rule whose computed traits are there, each under a name of its own."""
    if isinstance(data, list):
        return [await defined(tx, one, now) for one in data]
    if not isinstance(data, dict):
        return data
    if "as" not in data:
        return {key: await defined(tx, one, now) for key, one in data.items()}
    key = f"t{crc32(msgspec.json.encode(data['as'], order='sorted'))}"
    await computed.put(tx, key, key, data["as"], now)
    return {**data, "computed": key}


async def put_up(stage: Stage) -> None:
    """The lists and segments that random rules name."""
    async with stage.unit() as tx:
        for name, kind in rules.PREDICTED.items():
            if name not in OWN and await foretold.one(tx, name) is None:
                await predictions.bring(tx, stage.shop, name, None, Kind(kind), [], stage.now)
        for key in ("fair", "vip"):
            if await lists.by_key(tx, key) is None:
                await lists.create(tx, key, key, "", stage.now)
        known = await saved.keys(tx)
    for key, rule in (("loyal", {"event": "A"}), ("new", {"orders": "number", "op": "equals",
                                                           "value": 0})):  # fmt: skip
        if key not in known:
            await save(stage, key, rule)


happenings = st.tuples(
    st.sampled_from(
        [
            "A",
            "A",
            "B",
            "A",
            "B",
            "order",
            "merge",
            "merge",
            "undo",
            "tag",
            "wait",
            "erase",
            "place",
            "variant",
            "foretell",
        ]
    ),
    rules.hours,
    rules.told,
)
