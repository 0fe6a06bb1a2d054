"""What each kind of condition that asks for no events is answered from, for all people at once.

An answer is two columns: for whom it holds whatever else is known, and for whom it may hold. Where
they differ somebody has to be asked herself: few, of whom several origins tell different things.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.carts import store as carts
from patron.kit.db import Tx
from patron.profiles.consent import CHANNEL_KIND
from patron.profiles.known import ASKED
from patron.profiles.labels.spelling import key_of
from patron.profiles.many import column_store as profiles
from patron.profiles.many.column_store import Group
from patron.segments.everybody import store
from patron.segments.everybody.people import Everybody
from patron.segments.facts import NOTHING, Loaded, Subject, load_many
from patron.segments.forms.location import InUnion, Located, Near
from patron.segments.forms.member import InSegment, Listed, Tagged
from patron.segments.forms.predicted import Predicted, PredictedRank
from patron.segments.forms.reach import Consent, Reachable, Suppressed
from patron.segments.forms.shown import HeldOut, InVariant
from patron.segments.forms.trait import ANY, Cart, Sample, Trait, share_point
from patron.segments.last.reading import EXPERIMENT, TRAITS
from patron.segments.live.columns import Bools, Longs
from patron.segments.population.types import Population
from patron.segments.predictions import store as predictions
from patron.segments.predictions.types import Foretold
from patron.segments.rules.operators import at_path
from patron.segments.store import merged
from patron.segments.types import Leaf
from patron.shops.types import Shop

Bounds = tuple[Bools, Bools]
MOST_ALIKE = 1_000
"""Groups of which one person is asked for all; those of further groups are asked themselves."""
VALUELESS = ("exists", "missing")
PLACES = "place:"


class Asked(msgspec.Struct):
    """Who is asked, when and where. `population` is the table that counts."""

    people: Everybody
    shop: Shop
    now: datetime
    population: Population | None = None
    orders: NDArray[np.void] | None = None

    @staticmethod
    def zone_of(shop: Shop) -> ZoneInfo:
        return ZoneInfo(shop.time_zone)

    @property
    def zone(self) -> ZoneInfo:
        return self.zone_of(self.shop)

    def nobody(self) -> Loaded:
        """Of whom nothing is known."""
        return Loaded(
            person=UUID(int=0),
            traits={},
            moments={},
            zone=self.zone,
            currency=self.shop.currency,
            log=NOTHING,
            open_carts=frozenset(),
            population=self.population,
        )

    def all(self, held: bool) -> Bools:
        return np.full(self.people.count, held)


async def answered(tx: Tx, leaf: Leaf, asked: Asked) -> Bounds | None:
    """The answer of everybody; None for a kind that only people themselves can be asked about."""
    match leaf:
        case Trait():
            return await _trait(tx, leaf, asked)
        case Consent() | Reachable() | Suppressed():
            return await _reach(tx, leaf, asked)
        case Listed():
            return _in(asked, await store.listed(tx, leaf.key), leaf.wanted)
        case InSegment():
            return _in(asked, await store.inside(tx, leaf.key), leaf.wanted)
        case Tagged():
            groups = await profiles.tagged(tx, key_of(leaf.tag))
            return _among(asked, _numbers(asked, groups)[0], leaf.wanted)
        case Cart() if leaf.cart == ANY:
            return _in(asked, await carts.every_open(tx), leaf.open)
        case Sample():
            names = await _oldest(tx, asked.people.roots(np.arange(asked.people.count)))
            points = np.fromiter((share_point(leaf.key, one) for one in names), np.float64)
            held = np.asarray(points * 100 < leaf.percent)
            return held, held
        case Predicted() | PredictedRank():
            return await _predicted(tx, leaf, asked)
        case Located() | InUnion() | Near():
            return await _placed(tx, leaf, asked)
        case InVariant() | HeldOut():
            spoken = asked.people.of(await store.spoken(tx, EXPERIMENT))
            return _but(asked, leaf, spoken)
    return None


def _in(asked: Asked, origins: Sequence[UUID], wanted: bool) -> Bounds:
    return _among(asked, asked.people.of(origins), wanted)


def _among(asked: Asked, numbers: Longs, wanted: bool) -> Bounds:
    held = asked.all(not wanted)
    held[numbers[numbers >= 0]] = wanted
    return held, held


def _but(asked: Asked, leaf: Leaf, open_: Longs) -> Bounds:
    """Everybody is as somebody of whom nothing is known, but those who are to be asked."""
    least = asked.all(leaf.holds(asked.nobody(), asked.now))
    most = least.copy()
    least[open_], most[open_] = False, True
    return least, most


def _numbers(asked: Asked, groups: Sequence[Group]) -> tuple[Longs, Longs]:
    """Of what is told the person (-1 for one who came since), and the group."""
    numbers = asked.people.packed(b"".join(tails for _, tails in groups))
    lengths = [len(tails) // 8 for _, tails in groups]
    return numbers, np.repeat(np.arange(len(groups)), lengths)


# --- traits -------------------------------------------------------------------------------------


async def _trait(tx: Tx, leaf: Trait, asked: Asked) -> Bounds:
    first = leaf.name.partition(".")[0]
    groups = await profiles.traits(tx, first)
    held = _tested(leaf, [{first: msgspec.json.decode(told)} for told, _ in groups], asked)
    bounds = _chosen(asked, leaf, groups, held)
    if first != leaf.name:
        literal = await profiles.traits(tx, leaf.name)  # a name that has the dots itself wins
        open_ = _numbers(asked, literal)[0]
        bounds[0][open_[open_ >= 0]], bounds[1][open_[open_ >= 0]] = False, True
    if leaf.name in ASKED:  # an identifier comes before a trait of this name
        values = leaf.test.op not in VALUELESS
        names = await profiles.identifiers(tx, leaf.name, values=values)
        told = _tested(leaf, [{leaf.name: name or " "} for name, _ in names], asked)
        _over(bounds, asked, names, told, several=values)
    return bounds


def _tested(leaf: Trait, told: Sequence[dict[str, Any]], asked: Asked) -> Bools:
    test, zone = leaf.test, asked.zone
    found = (
        test.holds(at_path(leaf.name, {k: v for k, v in one.items() if v is not None}),
                   asked.now, zone)
        for one in told
    )  # fmt: skip
    return np.fromiter(found, np.bool_, len(told))


def _chosen(asked: Asked, leaf: Leaf, groups: Sequence[Group], held: Bools) -> Bounds:
    least = asked.all(leaf.holds(asked.nobody(), asked.now))
    bounds = least, least.copy()
    _over(bounds, asked, groups, held, several=True)
    return bounds


def _over(
    bounds: Bounds, asked: Asked, groups: Sequence[Group], held: Bools, *, several: bool
) -> None:
    """Write what groups are told over what was known; whoever is told `several` times is open."""
    least, most = bounds
    numbers, group = _numbers(asked, groups)
    there = numbers >= 0
    numbers, group = numbers[there], group[there]
    least[numbers] = most[numbers] = held[group]
    if several:
        often = np.bincount(numbers, minlength=asked.people.count) > 1
        least[often], most[often] = False, True


# --- reach --------------------------------------------------------------------------------------


async def _oldest(tx: Tx, roots: Sequence[UUID]) -> list[UUID]:
    """The oldest origin of each person: a share is drawn by it, as an arm is, so that nobody leaves
    hers by turning out to be somebody."""
    first: dict[UUID, UUID] = {}
    for origin, root in (await merged(tx)).items():
        first[root] = min(origin, first.get(root, root))
    return [first.get(root, root) for root in roots]


async def _reach(tx: Tx, leaf: Consent | Reachable | Suppressed, asked: Asked) -> Bounds:
    """Of those of whom the same was said one is asked for all."""
    kind = CHANNEL_KIND[leaf.channel]
    groups = await profiles.words(tx, kind, leaf.channel, leaf.purpose)
    alike = [group for group in groups if group[0] != "?"]
    least, most = asked.all(False), asked.all(True)
    numbers, group = _numbers(asked, alike)
    there = numbers >= 0
    numbers, group = numbers[there], group[there]
    several = _numbers(asked, [one for one in groups if one[0] == "?"])[0]
    without = asked.all(True)
    without[numbers] = False
    without[several[several >= 0]] = False
    parts: list[Longs] = [np.flatnonzero(without)]
    order = np.argsort(group, kind="stable")
    parts += np.split(numbers[order], np.cumsum(np.bincount(group, minlength=len(alike)))[:-1])
    parts = [part for part in parts if len(part)][:MOST_ALIKE]
    roots = asked.people.roots(np.array([part[0] for part in parts], np.int64))
    subjects = [Subject(root) for root in roots]
    facts = await load_many(tx, subjects, leaf.needs(), asked.now, asked.shop)
    for part, one in zip(parts, facts, strict=True):
        least[part] = most[part] = leaf.holds(one, asked.now)
    return least, most


# --- predictions and places ---------------------------------------------------------------------


async def _predicted(tx: Tx, leaf: Predicted | PredictedRank, asked: Asked) -> Bounds:
    table = await store.predicted(tx, leaf.name)
    values, group = np.unique(table["value"], return_inverse=True)
    nobody = asked.nobody()
    of = await predictions.foretold(tx, leaf.name, values.tolist())
    holds: Callable[[Foretold], bool] = lambda one: leaf.holds(  # noqa: E731 - typed
        msgspec.structs.replace(nobody, predicted={leaf.name: one}), asked.now
    )
    held = np.fromiter(map(holds, of), np.bool_, len(of))
    least = asked.all(leaf.holds(nobody, asked.now))
    most = least.copy()
    numbers = asked.people.numbers(table["tail"].astype(np.uint64))
    there = numbers >= 0
    numbers = numbers[there]
    least[numbers] = most[numbers] = held[group[there]]
    often = np.bincount(numbers, minlength=asked.people.count) > 1
    least[often], most[often] = False, True
    return least, most


async def _placed(tx: Tx, leaf: Located | InUnion | Near, asked: Asked) -> Bounds:
    open_ = [asked.people.of(await store.spoken(tx, PLACES))]
    for name in sorted(TRAITS):
        numbers = _numbers(asked, await profiles.traits(tx, name))[0]
        open_.append(numbers[numbers >= 0])
    return _but(asked, leaf, np.concatenate(open_))
