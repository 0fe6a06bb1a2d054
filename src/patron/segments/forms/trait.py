"""Conditions about a trait, a cart, and a share of all people."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec

from patron.segments.rules import words
from patron.segments.rules.operators import Comparison, at_path
from patron.segments.rules.reading import Misread, a_number, a_text, an_object, one_of, read_test
from patron.segments.types import Answer, Facts, Needs, Scope

THIS = "this"
ANY = "any"
STATES = ("open", "closed")


class Trait(msgspec.Struct, frozen=True):
    name: str
    test: Comparison

    @property
    def recurs(self) -> bool:
        return self.test.recurs

    def holds(self, facts: Facts, now: datetime) -> bool:
        return self.test.holds(at_path(self.name, facts.traits), now, facts.zone)

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        values = at_path(self.name, facts.traits)
        held = self.test.holds(values, now, facts.zone)
        return Answer(held, [words.tested(self.name, self.test, values, held, facts.zone)])

    def edges(self, facts: Facts, now: datetime) -> Iterator[datetime]:
        return self.test.edges(at_path(self.name, facts.traits), now, facts.zone)

    def needs(self) -> Needs:
        return Needs(traits=frozenset([self.name]))

    def weight(self) -> int:
        return 1


class Cart(msgspec.Struct, frozen=True):
    cart: str
    open: bool
    recurs: bool = False

    def holds(self, facts: Facts, now: datetime) -> bool:
        return facts.cart_open(self.cart) == self.open

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        found = facts.cart_open(self.cart)
        said = f"the cart is {'still open' if found else 'closed'}"
        if self.cart == ANY:
            said = "a cart is open" if found else "no cart is open"
        return Answer(found == self.open, [said])

    def edges(self, facts: Facts, now: datetime) -> Iterator[datetime]:
        yield from ()

    def needs(self) -> Needs:
        return Needs(carts=frozenset([self.cart]))

    def weight(self) -> int:
        return 1


class Sample(msgspec.Struct, frozen=True):
    """A stable share of all people: `percent` of them, others for each `key`."""

    percent: float
    key: str
    recurs: bool = False

    def holds(self, facts: Facts, now: datetime) -> bool:
        return share_point(self.key, facts.person) * 100 < self.percent

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        held = self.holds(facts, now)
        said = f"{'is' if held else 'is not'} in the sample “{self.key}” of {self.percent:g} %"
        return Answer(held, [said])

    def edges(self, facts: Facts, now: datetime) -> Iterator[datetime]:
        yield from ()

    def needs(self) -> Needs:
        return Needs()

    def weight(self) -> int:
        return 1


def share_point(key: str, person: UUID) -> float:
    """Where a person lies in [0, 1) for `key`: uniform over people, and the same for ever.

    The first 64 bits of BLAKE2b over key and person, as experiments assign their arms.
    """
    seed = blake2b(f"sample:{key}".encode(), digest_size=32).digest()
    digest = blake2b(person.bytes, digest_size=8, key=seed).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)


def read_trait(data: Mapping[str, Any], path: str, scope: Scope) -> Trait:
    an_object(data, path, ["trait", "op", "value"])
    return Trait(a_text(data["trait"], f"{path}.trait"), read_test(data, path))


def read_cart(data: Mapping[str, Any], path: str, scope: Scope) -> Cart:
    an_object(data, path, ["cart", "is"])
    cart = a_text(data["cart"], f"{path}.cart")
    if cart == THIS and not scope.cart:
        raise Misread(f"{path}.cart", cart, ["the id of a cart"], "no cart is meant here")
    return Cart(cart, one_of(data.get("is"), f"{path}.is", STATES, "state of a cart") == "open")


def read_sample(data: Mapping[str, Any], path: str, scope: Scope) -> Sample:
    an_object(data, path, ["sample", "key"])
    percent = a_number(data["sample"], f"{path}.sample", 0, 100)
    return Sample(percent, a_text(data.get("key"), f"{path}.key"))
