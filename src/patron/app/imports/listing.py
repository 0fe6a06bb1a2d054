"""Files of people who are put on a list: which list, what a file will come to, what came of it."""

from collections.abc import Iterator, Sequence
from itertools import islice
from uuid import UUID

import msgspec

from patron.app.imports.making.calls import Onto
from patron.app.imports.making.people import People, Who
from patron.app.imports.plan import Plan, shape_of
from patron.app.imports.reading.encoding import Mended
from patron.app.imports.reading.faults import Faults
from patron.app.imports.reading.tables import Row
from patron.kit.clock import Clock
from patron.kit.db import Database
from patron.profiles.claims import USER, Rules, email_claim, phone_claim, rules_of
from patron.profiles.named_store import Name, roots_of
from patron.profiles.types import Claim
from patron.segments.lists import keeping, store
from patron.shops.types import Shop

AT_ONCE = 1_000


class Forecast(msgspec.Struct, frozen=True):
    """What a file will come to, as far as can be told before: of its `rows`, so many put somebody
    on the list (`added`), of whom nobody knows `unknown` yet; so many name somebody who is on it
    already, somebody whom an earlier row named (`repeated`), or nobody (`invalid`)."""

    list: str
    rows: int
    added: int
    unknown: int
    already: int
    repeated: int
    invalid: int


class Came(msgspec.Struct, frozen=True):
    """What an import came to: people who are on the list by this file, and all who are on it."""

    list: str
    added: int
    members: int


async def onto(db: Database, shop: Shop, key: str) -> Onto:
    """The list to put people on. Problem 404 names the lists there are."""
    async with db.unit(shop.schema) as tx:
        found = await keeping.found(tx, key)
    return Onto(found.id, found.key)


async def forecast(db: Database, shop: Shop, plan: Plan, clock: Clock) -> Forecast:
    """Read the whole file and look who of it is known. Nothing is written.

    A row counts for whom its first known name means, in the order in which identity asks: user id,
    e-mail, phone. Takes about two hundred bytes a person.
    """
    assert plan.onto is not None
    shape = shape_of(plan, shop, clock.now())
    counting = _Counting(People(shape, Faults(None)), rules_of(shop.settings))
    rows = plan.table.rows(Mended(), Faults(None))
    while part := list(islice(rows, AT_ONCE)):
        named = counting.read(part)
        async with db.unit(shop.schema) as tx:
            known = await roots_of(tx, [name for names in named for name in names])
            on_it = await store.on_it(tx, plan.onto.id, sorted(set(known.values())))
        counting.judge(named, known, on_it)
    return counting.told(plan.onto.key)


async def came(db: Database, shop: Shop, list_: Onto) -> Came:
    """What is on the list now."""
    async with db.unit(shop.schema) as tx:
        found = await keeping.found(tx, list_.key)
        return Came(found.key, await store.imported(tx, list_.id, list_.source), found.members)


class _Counting:
    def __init__(self, people: People, rules: Rules) -> None:
        self._people = people
        self._rules = rules
        self._seen: set[int] = set()  # hashes of names and roots that rows before have meant
        self.rows = self.added = self.unknown = self.already = self.repeated = self.invalid = 0

    def read(self, rows: Sequence[Row]) -> list[list[Name]]:
        """The names in each row that names anybody."""
        named = []
        for number, cells in rows:
            self.rows += 1
            who = self._people.who(number, cells)
            names = [] if who is None else list(self._names(who))
            if names:
                named.append(names)
            else:
                self.invalid += 1
        return named

    def judge(
        self, named: Sequence[Sequence[Name]], known: dict[Name, UUID], on_it: set[UUID]
    ) -> None:
        for names in named:
            root = next((known[name] for name in names if name in known), None)
            marks = {hash(name) for name in names} | ({hash(root)} if root else set())
            if marks & self._seen:
                self.repeated += 1
            elif root in on_it:
                self.already += 1
            else:
                self.added += 1
                self.unknown += root is None
            self._seen |= marks

    def told(self, key: str) -> Forecast:
        return Forecast(
            key, self.rows, self.added, self.unknown, self.already, self.repeated, self.invalid
        )

    def _names(self, who: Who) -> Iterator[Name]:
        """Names as identity keeps them; those that stand for nobody (placeholders) are left out."""
        claims: list[Claim | None] = []
        if who.user and (user := self._rules.blocklist.clean(USER, who.user)):
            claims.append(Claim(USER, user))
        claims.append(email_claim(who.email, self._rules.blocklist))
        claims.append(phone_claim(who.phone, self._rules) if who.phone else None)
        if who.anonymous and (seen := self._rules.blocklist.clean("anonymous_id", who.anonymous)):
            claims.append(Claim("anonymous_id", seen))
        for claim in claims:
            if claim is not None:
                yield claim.kind, claim.value
