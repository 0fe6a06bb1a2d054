"""The language of filters and boosts: a text in, columns of answers out.

    price < 20 and category within "Boots" and not brand = context.product.brand
    1.5 if margin > 40% and customer.segments contains "vip" else 1

A filter says yes or no, a boost is a number that relevance is multiplied by. Numbers and yes-or-no
are three-valued after S. C. Kleene (Introduction to Metamathematics, 1952, §64): a comparison with
something missing neither holds nor fails, and a filter keeps only that for which it holds. A boost
that is missing leaves relevance as it is. Nothing is ever evaluated as code; cost is linear in the
parts of the rule and the products.
"""

from collections.abc import Callable
from functools import lru_cache, reduce
from typing import Any

import msgspec
import numpy as np

from patron.recommend.rules.comparing import among, compared, contains, known, opposite, within
from patron.recommend.rules.fields import About, Kind, Operator, find, nearest
from patron.recommend.rules.grammar import Misspoken, Node, parse
from patron.recommend.rules.operands import (
    Number,
    Operand,
    Truth,
    constant,
    field,
    logical,
    numeric,
    refused,
)
from patron.recommend.rules.scene import Bools, Floats, Pair, Scene, Value

LEAST_BOOST, MOST_BOOST = 0.01, 100.0


class Filter(msgspec.Struct, frozen=True):
    """A rule that says yes or no; `lasts`: it says the same of a product at any moment."""

    text: str
    truth: Truth
    lasts: bool = False

    def mask(self, scene: Scene) -> Bools:
        """For each product of the scene whether it may stay."""
        with np.errstate(all="ignore"):
            holds, _ = self.truth(scene)
        return holds if isinstance(holds, np.ndarray) else np.full(scene.size, holds, np.bool_)


class Boost(msgspec.Struct, frozen=True):
    """A rule that is a number; `lasts` as in `Filter`."""

    text: str
    number: Number
    lasts: bool = False

    def factors(self, scene: Scene) -> Floats:
        """For each product what its relevance is multiplied by: LEAST_BOOST to MOST_BOOST, 1 where
        the rule's value is missing."""
        with np.errstate(all="ignore"):
            found = self.number(scene)
            bounded = np.minimum(np.maximum(found, LEAST_BOOST), MOST_BOOST)
            bounded = np.where(bounded == bounded, bounded, 1.0)
        return bounded if bounded.ndim else np.full(scene.size, bounded)


@lru_cache(maxsize=1024)
def read_filter(text: str) -> Filter:
    """The filter that `text` says; raises Misspoken."""
    tree = parse(text)
    return Filter(text, logical(_meaning(tree)), _lasts(tree))


@lru_cache(maxsize=1024)
def read_boost(text: str) -> Boost:
    """The boost that `text` says; raises Misspoken."""
    tree = parse(text)
    found = _meaning(tree)
    if found.kind is Kind.TRUTH:
        raise refused(found, "a boost is a number", f"2 if {text[:40].strip()} else 1")
    return Boost(text, numeric(found), _lasts(tree))


def _lasts(node: Node) -> bool:
    """Whether it asks for nothing but what the catalog says of a product."""
    if node.op == "name":
        ref = find(str(node.value))
        return ref is not None and ref.about is About.PRODUCT and ref.what != "age"
    return all(_lasts(part) for part in node.parts)


def _meaning(node: Node) -> Operand:
    match node.op:
        case "number" | "text" | "truth":
            return constant(node)
        case "name":
            return _named(node)
        case "list":
            return _listed(node)
        case "call":
            return Operand(node, Kind.NUMBER, number=_called(node))
        case "chain" | "minus" | "choose":
            parts = [_meaning(part) for part in node.parts]
            return Operand(node, Kind.NUMBER, number=_ARITHMETIC[node.op](node, parts))
    parts = [_meaning(part) for part in node.parts]
    return Operand(node, Kind.TRUTH, truth=_TRUTHS[node.op](node, parts))


def _named(node: Node) -> Operand:
    name = str(node.value)
    ref = find(name)
    if ref is None:
        meant = nearest(name)
        allowed = ["a field", "a text in quotes"]
        if name in FUNCTIONS:
            meant, allowed = f"{name}(…)", []
        raise Misspoken(
            node.at, "there is no such field", found=name, nearest=meant, allowed=allowed
        )
    return field(node, ref)


def _listed(node: Node) -> Operand:
    members = tuple(_meaning(part) for part in node.parts)
    for one in members:
        if one.members or one.truth is not None or one.column is not None:
            raise refused(one, "cannot stand in a list", "texts in quotes", "numbers")
    return Operand(node, Kind.TEXTS, members=members)


def _all(_: Node, parts: list[Operand]) -> Truth:
    each = [logical(part) for part in parts]

    def answer(scene: Scene) -> Pair:
        holds: Bools | bool = True
        fails: Bools | bool = False
        for one in each:
            yes, no = one(scene)
            if no is True:
                return False, True
            holds, fails = holds & yes, fails | no
        return holds, fails

    return answer


def _any(_: Node, parts: list[Operand]) -> Truth:
    each = [logical(part) for part in parts]

    def answer(scene: Scene) -> Pair:
        holds: Bools | bool = False
        fails: Bools | bool = True
        for one in each:
            yes, no = one(scene)
            if yes is True:
                return True, False
            holds, fails = holds | yes, fails & no
        return holds, fails

    return answer


_TRUTHS: dict[str, Callable[[Node, list[Operand]], Truth]] = {
    "and": _all,
    "or": _any,
    "not": lambda _, parts: opposite(logical(parts[0])),
    "compare": lambda node, parts: compared(parts[0], str(node.value), parts[1]),
    "in": lambda _, parts: among(parts[0], parts[1]),
    "contains": lambda _, parts: contains(parts[0], parts[1]),
    "within": lambda _, parts: within(parts[0], parts[1]),
    "known": lambda _, parts: known(parts[0]),
    "missing": lambda _, parts: opposite(known(parts[0])),
}


def _chain(node: Node, parts: list[Operand]) -> Number:
    each = [numeric(part) for part in parts]
    signs = [_SIGNS[sign] for sign in str(node.value)]

    def answer(scene: Scene) -> Value:
        found = each[0](scene)
        for sign, one in zip(signs, each[1:], strict=True):
            found = sign(found, one(scene))
        return found

    return answer


def _minus(_: Node, parts: list[Operand]) -> Number:
    one = numeric(parts[0])
    return lambda scene: -one(scene)


def _choose(_: Node, parts: list[Operand]) -> Number:
    when, then, other = logical(parts[0]), numeric(parts[1]), numeric(parts[2])

    def answer(scene: Scene) -> Value:
        holds, _ = when(scene)
        if isinstance(holds, bool):
            return then(scene) if holds else other(scene)
        return np.where(holds, then(scene), other(scene))

    return answer


def _divided(one: Any, other: Any) -> Any:
    """Nothing is shared out among none: missing, not endless."""
    return one / np.where(other == 0, np.nan, other)


_SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda one, other: one + other,
    "-": lambda one, other: one - other,
    "*": lambda one, other: one * other,
    "/": _divided,
}
_ARITHMETIC: dict[str, Callable[[Node, list[Operand]], Number]] = {
    "chain": _chain,
    "minus": _minus,
    "choose": _choose,
}


class Function(msgspec.Struct, frozen=True):
    """A name with brackets. It takes `least` to `most` numbers."""

    words: str
    example: str
    least: int
    most: int
    value: Callable[..., Any]


FUNCTIONS: dict[str, Function] = {
    "min": Function(
        "The least of them.", "min(price, 50) / 50", 2, 10, lambda *all: reduce(np.minimum, all)
    ),
    "max": Function(
        "The greatest of them.",
        "price >= max(20, context.cart_value / 2)",
        2,
        10,
        lambda *all: reduce(np.maximum, all),
    ),
    "abs": Function("Without its sign.", "abs(price - context.product.price) < 5", 1, 1, np.abs),
    "sqrt": Function("The square root; missing below 0.", "sqrt(1 + popularity)", 1, 1, np.sqrt),
    "log": Function(
        "The natural logarithm; missing at and below 0.",
        "1 + log(1 + popularity)",
        1,
        1,
        lambda one: np.log(np.where(one > 0, one, np.nan)),
    ),
    "default": Function(
        "The first, or the second where that is missing.",
        "1 + default(margin, 0.2)",
        2,
        2,
        lambda one, other: np.where(np.isnan(one), other, one),
    ),
}


def functions() -> list[Operator]:
    """The functions as documentation and an editor explain them."""
    return [Operator(name, one.words, one.example) for name, one in FUNCTIONS.items()]


def _called(node: Node) -> Number:
    name = str(node.value)
    function = FUNCTIONS.get(name.lower())
    if function is None:
        meant = nearest(name.lower(), list(FUNCTIONS))
        raise Misspoken(
            node.at, "there is no such function", found=name, allowed=list(FUNCTIONS), nearest=meant
        )
    if not function.least <= len(node.parts) <= function.most:
        many = str(function.least)
        if function.most > function.least:
            many = f"{function.least} to {function.most}"
        problem = f"{name} takes {many} {'number' if many == '1' else 'numbers'}"
        raise Misspoken(node.at, problem, found=f"{len(node.parts)}", allowed=[function.example])
    each = [numeric(_meaning(part)) for part in node.parts]
    value = function.value
    return lambda scene: value(*(one(scene) for one in each))
