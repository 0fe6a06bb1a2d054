"""What visitors did, as it is now: read once, then kept up by following the log.

A visitor is read from the database when she is asked for the first time; from then on each event of
hers that is walked is put to what is remembered (a view), or has her read anew (an order, a cart, a
name, a segment), so an answer knows what happened a fifth of a second ago and asks nobody.
"""

from collections import OrderedDict
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Protocol, TypeGuard
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.carts import store as carts
from patron.catalog import store as catalog
from patron.catalog.keys import candidates
from patron.events.lake import store as lake_store
from patron.events.recent import store as recent
from patron.events.recent.store import Deed
from patron.kit.clock import Clock, monotonic
from patron.kit.db import Database, Tx
from patron.profiles import store as profiles
from patron.recommend.attribution.words import CLICKED, SHOWN, Namer
from patron.recommend.history.telling import names_of
from patron.recommend.rules.types import Plain
from patron.segments.members import store as members
from patron.shops.types import Shop

REMEMBERED = 50_000
FRESH_SECONDS = 900.0
"""After so long somebody is read anew, whatever the log said of her."""
VIEWS_OF = timedelta(days=90)
ORDERS_OF = timedelta(days=730)
SHOWN_OF = timedelta(days=14)
VIEWS, ORDERS = 50, 300
VISIT_SECONDS = 30 * 60
AT_ONCE = 5_000
CATCH_UP = 50_000
"""So many positions of the log are read at the start, for the visits of this hour."""
CHANGES = ("Identified", "Aliased", "Segment Entered", "Segment Left")
CARTED = ("Product Removed", "Cart Viewed", "Checkout Started", "Wishlist Product Added to Cart")


class Asked(msgspec.Struct, frozen=True):
    """For whom: her browser's and the shop's id of her. `trusted`: who asks may know everything
    about her, because a server asks, or has signed who she is."""

    anonymous_id: str | None = None
    user_id: str | None = None
    profile: str | None = None  # an id, or `email:…`; of servers only
    trusted: bool = False


class Bought(msgspec.Struct, frozen=True):
    """A line she bought."""

    product: str
    at: int
    basket: int


class Visitor(msgspec.Struct):
    """What is known of somebody. Products are the catalog's ids, oldest first; times in seconds.

    `visit` is her last one by name. `ignored` counts how often a product was offered to her since
    she last cared for it.
    """

    origins: frozenset[UUID] = frozenset()
    known: bool = False
    views: list[tuple[str, float]] = []
    cart: list[str] = []
    cart_value: int | None = None
    bought: list[Bought] = []
    ignored: dict[str, int] = {}
    facts: dict[str, Plain] = {}
    visit: str | None = None
    position: int = 0
    read_at: float = 0.0
    stale: bool = False
    seen: "Seen | None" = None

    def see(self, product: str, at: float, visit: str) -> None:
        """She looks at a product."""
        self.visit = visit
        self.views.append((product, at))
        del self.views[:-VIEWS]
        self.ignored.pop(product, None)
        self.seen = None


class Seen(msgspec.Struct, frozen=True):
    """The same in the numbers of one generation of goods. `visit` are the views of this visit,
    `viewed` all of them, the latest of each product only."""

    generation: int
    views: NDArray[np.int32]
    view_at: NDArray[np.float64]
    viewed: NDArray[np.int32]
    cart: NDArray[np.int32]
    bought: NDArray[np.int32]
    bought_at: NDArray[np.int64]
    baskets: NDArray[np.int32]
    ignored: NDArray[np.int32]
    ignored_times: NDArray[np.int32]
    begins: int = 0  # where the last visit begins among the views
    last: float = -np.inf  # when the last view was

    def visit(self, now: float) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """The products of the visit that is not over at `now`, and how long ago they were seen."""
        if now - self.last > VISIT_SECONDS:
            return self.views[:0], self.view_at[:0]
        return self.views[self.begins :], now - self.view_at[self.begins :]


class Heard(Protocol):
    """Who wants to know what everybody does."""

    def viewed(self, visit: str, product: str, at: int) -> None: ...

    def erased(self, origin: str) -> None: ...


class Visitors:
    """The visitors of one shop that were asked for lately."""

    def __init__(self, db: Database, shop: Shop, clock: Clock, heard: "Heard") -> None:
        """`heard` is told of every view that is walked, and of who was erased."""
        self._db, self._shop, self._clock, self._heard = db, shop, clock, heard
        self.names = names_of(shop)
        self._namer = Namer(shop.identity_secret)
        self._known: OrderedDict[Asked, Visitor] = OrderedDict()
        self._of: dict[UUID, set[Asked]] = {}
        self._called: dict[tuple[str, str], set[Asked]] = {}
        self._position: int | None = None
        self._aliases: dict[str, str] = {}
        self._gone: set[UUID] = set()

    @property
    def followed(self) -> tuple[str, ...]:
        names = self.names
        return (names.viewed, names.added, names.ordered, *CARTED, *CHANGES, *SHOWN, *CLICKED)

    def remembered(self, asked: Asked) -> Visitor | None:
        """Who is known already and fresh."""
        found = self._known.get(asked)
        if found is None or found.stale or monotonic() - found.read_at > FRESH_SECONDS:
            return None
        return found

    async def find(self, asked: Asked) -> Visitor:
        """Who it is, read from the database unless she is remembered."""
        found = self.remembered(asked)
        if found is None:
            found = await self.read(asked)
            self._forget(asked)
            self._known[asked] = found
            for origin in found.origins:
                self._of.setdefault(origin, set()).add(asked)
            for name in _names(asked):
                self._called.setdefault(name, set()).add(asked)
            while len(self._known) > REMEMBERED:
                self._forget(next(iter(self._known)))
        return found

    async def follow(self) -> int:
        """Take over what was walked since the last time; how many events that was."""
        now = self._clock.now()
        async with self._db.unit(self._shop.schema) as tx:
            if self._position is None:
                last = await recent.last_position(tx)
                self._position = max(last - CATCH_UP, 0)
                self._known.clear()
            erased = await lake_store.erasures(tx)
            since = now - timedelta(days=2)
            deeds = await recent.behind(tx, self._position, self.followed, since, AT_ONCE)
            if deeds:
                await self._resolve(tx, [line for deed in deeds for line in deed.lines()])
        for origin in set(erased) - self._gone:
            self._heard.erased(str(origin))
            for asked in list(self._of.get(origin, ())):
                self._forget(asked)
        self._gone = set(erased)
        for deed in deeds:
            if deed.name == self.names.viewed:
                for line in deed.lines():
                    self._heard.viewed(deed.visit, self._aliases.get(line, line), int(deed.at))
            self._heed(deed)
        if deeds:
            self._position = deeds[-1].position
        return len(deeds)

    def _heed(self, deed: Deed) -> None:
        theirs = set(self._of.get(deed.origin_id, ()))
        for kind, name in (("a", deed.anonymous_id), ("u", deed.user_id)):
            if name is not None:
                theirs |= self._called.get((kind, name), set())
        for asked in theirs:
            visitor = self._known[asked]
            if deed.position <= visitor.position:
                continue
            if deed.name != self.names.viewed or deed.origin_id not in visitor.origins:
                visitor.stale = True
            elif asked.trusted or not visitor.known or deed.anonymous_id == asked.anonymous_id:
                for product in deed.lines():
                    visitor.see(self._aliases.get(product, product), deed.at, deed.visit)

    def _forget(self, asked: Asked) -> None:
        visitor = self._known.pop(asked, None)
        for origin in () if visitor is None else visitor.origins:
            self._drop(self._of, origin, asked)
        for name in _names(asked):
            self._drop(self._called, name, asked)

    @staticmethod
    def _drop(index: dict, key: object, asked: Asked) -> None:  # type: ignore[type-arg]
        theirs = index.get(key)
        if theirs is not None:
            theirs.discard(asked)
            if not theirs:
                del index[key]

    def unit(self) -> AbstractAsyncContextManager[Tx]:
        """A transaction in the shop."""
        return self._db.unit(self._shop.schema)

    def now(self) -> datetime:
        """This moment."""
        return self._clock.now()

    async def read(self, asked: Asked) -> Visitor:
        """Who it is, from the database, and not remembered."""
        async with self._db.unit(self._shop.schema) as tx:
            found = Visitor(position=await recent.last_position(tx), read_at=monotonic())
            root = await self.root(tx, asked)
            if root is None:
                return found
            person = await profiles.person(tx, root)
            if person is None:
                return found
            found.origins, found.known = frozenset(person.origins), person.known
            if person.known and not asked.trusted:
                await self._read_visit(tx, asked, found)
                return found
            await self._read_deeds(tx, found)
            await self.read_cart(tx, found)
            found.facts = facts(person.traits)
            stays = await members.stays(tx, person.origins)
            found.facts["segments"] = [one.segment for one in stays if one.left_at is None]
            return found

    async def root(self, tx: Tx, asked: Asked) -> UUID | None:
        """The person who is asked for, if there is one."""
        terms = [asked.profile] if asked.profile else []
        terms += [f"{kind}:{name}" for kind, name in (
            ("user_id", asked.user_id), ("anonymous_id", asked.anonymous_id)) if name]  # fmt: skip
        for term in terms:
            root = await profiles.find(tx, term, self._shop.settings.phone_region)
            if root is not None:
                return root
        return None

    async def _read_visit(self, tx: Tx, asked: Asked, found: Visitor) -> None:
        """Of a known customer whom nobody has vouched for: what this browser did in this visit."""
        since = self._clock.now() - timedelta(seconds=VISIT_SECONDS)
        deeds = await recent.of_origins(
            tx, sorted(found.origins), [self.names.viewed], since, VIEWS
        )
        own = [
            one for one in deeds if asked.anonymous_id and one.anonymous_id == asked.anonymous_id
        ]
        await self._resolve(tx, [line for deed in own for line in deed.lines()])
        found.views = self._views(own)
        found.visit = own[-1].visit if own else None

    async def _read_deeds(self, tx: Tx, found: Visitor) -> None:
        now, origins = self._clock.now(), sorted(found.origins)
        views = await recent.of_origins(tx, origins, [self.names.viewed], now - VIEWS_OF, VIEWS)
        orders = await recent.of_origins(tx, origins, [self.names.ordered], now - ORDERS_OF, ORDERS)
        told = await recent.of_origins(tx, origins, [*SHOWN, *CLICKED], now - SHOWN_OF, VIEWS)
        await self.resolve(tx, [*views, *orders, *told])
        self.put(found, views, orders, told)

    def put(self, found: Visitor, views: list[Deed], orders: list[Deed], told: list[Deed]) -> None:
        """What somebody did, oldest first, and what was offered to her; all of it resolved."""
        found.views = self._views(views)
        found.visit = views[-1].visit if views else None
        found.bought = [
            Bought(self._aliases.get(line, line), int(deed.at), number)
            for number, deed in enumerate(orders)
            for line in dict.fromkeys(deed.lines())
        ]
        cared = {line: deed.at for deed in (*views, *orders) for line in deed.lines()}
        for deed in told:
            is_ours = deed.rec_id is not None and self._namer.made(deed.rec_id)
            for line in deed.lines():
                if deed.name in CLICKED:
                    found.ignored.pop(self._aliases.get(line, line), None)
                elif is_ours and deed.at > cared.get(line, 0.0):
                    product = self._aliases.get(line, line)
                    found.ignored[product] = found.ignored.get(product, 0) + 1

    async def resolve(self, tx: Tx, deeds: list[Deed]) -> None:
        """Learn which products the deeds are about."""
        await self._resolve(tx, [line for deed in deeds for line in deed.lines()])

    async def read_cart(self, tx: Tx, found: Visitor) -> None:
        """Her open cart, if there is one."""
        for cart in await carts.carts_of(tx, sorted(found.origins), 5):
            if cart.closed_at is None and cart.items:
                lines = [one.product_id or one.sku or one.variant_id for one in cart.items]
                await self._resolve(tx, [line for line in lines if line])
                found.cart = [self._aliases.get(line, line) for line in lines if line]
                if cart.currency == self._shop.currency:
                    found.cart_value = cart.value
                return

    def _views(self, deeds: list[Deed]) -> list[tuple[str, float]]:
        found = [(self._aliases.get(line, line), one.at) for one in deeds for line in one.lines()]
        return found[-VIEWS:]

    async def _resolve(self, tx: Tx, said: list[str]) -> None:
        """Learn which product each name stands for."""
        if len(self._aliases) > 20 * REMEMBERED:
            self._aliases.clear()
        strange = {one: candidates(one) for one in said if one not in self._aliases}
        if not strange:
            return
        known = await catalog.resolve(tx, {name for many in strange.values() for name in many})
        for one, many in strange.items():
            hits = [known[name] for name in many if name in known]
            self._aliases[one] = max(hits, key=lambda hit: hit[2])[0] if hits else one


def seen(visitor: Visitor, numbers: Mapping[str, int], generation: int) -> Seen:
    """A visitor in the numbers of the goods; worked out once for each generation of them."""
    if visitor.seen is not None and visitor.seen.generation == generation:
        return visitor.seen
    views = [(numbers[one], at) for one, at in visitor.views if one in numbers]
    latest = list(dict.fromkeys(number for number, _ in reversed(views)))[::-1]
    bought = [(numbers[b.product], b.at, b.basket) for b in visitor.bought if b.product in numbers]
    ignored = [(numbers[one], n) for one, n in visitor.ignored.items() if one in numbers]
    times = np.array([at for _, at in views], np.float64)
    pauses = np.flatnonzero(np.diff(times) > VISIT_SECONDS)
    visitor.seen = Seen(
        generation,
        np.array([number for number, _ in views], np.int32),
        times,
        np.array(latest, np.int32),
        np.array([numbers[one] for one in visitor.cart if one in numbers], np.int32),
        np.array([one[0] for one in bought], np.int32),
        np.array([one[1] for one in bought], np.int64),
        np.array([one[2] for one in bought], np.int32),
        np.array([one[0] for one in ignored], np.int32),
        np.array([one[1] for one in ignored], np.int32),
        int(pauses[-1]) + 1 if len(pauses) else 0,
        float(times[-1]) if len(times) else -np.inf,
    )
    return visitor.seen


def facts(traits: dict[str, object]) -> dict[str, Plain]:
    """Traits that rules can compare; her country, when only her address says it, besides."""
    found = {name: value for name, value in traits.items() if _is_plain(value)}
    address = traits.get("address")
    country = address.get("country") if isinstance(address, dict) else None
    if isinstance(country, str):
        found.setdefault("country", country)
    return found


def _is_plain(value: object) -> TypeGuard[Plain]:
    if isinstance(value, list):
        return all(isinstance(one, str) for one in value)
    return isinstance(value, str | int | float)


def _names(asked: Asked) -> list[tuple[str, str]]:
    pairs = (("a", asked.anonymous_id), ("u", asked.user_id))
    return [(kind, name) for kind, name in pairs if name is not None]
