"""Comparisons of a rule.

Numbers and yes-or-no know a third answer: with something missing neither the comparison nor its
opposite holds. Texts do not: a product without a brand is not of the brand Acme.
"""

import operator
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from patron.recommend.rules.fields import About, Kind
from patron.recommend.rules.operands import (
    Operand,
    Truth,
    containing,
    inverse,
    logical,
    looked_up,
    numeric,
    refused,
    same_for_all,
)
from patron.recommend.rules.scene import Bools, Pair, Scene, as_number, column
from patron.recommend.rules.types import PATH, Words, above, folded, steps_of


def _differ(one: Any, other: Any) -> Any:
    """Unlike `!=`, false against nan, as every other comparison is."""
    return (one < other) | (one > other)


_COMPARED: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    "=": (operator.eq, _differ),
    "!=": (_differ, operator.eq),
    "<": (operator.lt, operator.ge),
    "<=": (operator.le, operator.gt),
    ">": (operator.gt, operator.le),
    ">=": (operator.ge, operator.lt),
}


def compared(left: Operand, sign: str, right: Operand) -> Truth:
    """One of = != < <= > >=."""
    for part in (left, right):
        if part.members:
            raise refused(part, "a list is compared with “in”", "in")
    kinds = {left.kind, right.kind}
    if sign not in ("=", "!=") or Kind.NUMBER in kinds:
        return _by_number(left, sign, right)
    if Kind.TRUTH in kinds:
        found = _by_truth(left, right)
    elif Kind.ID in kinds:
        found = _by_id(left, right)
    else:
        found = _by_text(left, right)
    return found if sign == "=" else opposite(found)


def opposite(truth: Truth) -> Truth:
    def answer(scene: Scene) -> Pair:
        holds, fails = truth(scene)
        return fails, holds

    return answer


def among(left: Operand, right: Operand) -> Truth:
    """`left in right`: equal to one of them."""
    if right.kind is Kind.NUMBER:
        return _by_number(left, "=", right)
    numbers = right.members and all(one.kind is Kind.NUMBER for one in right.members)
    if left.kind is Kind.NUMBER or (left.kind is Kind.FACT and numbers):
        if not right.members:
            number, texts = numeric(left), same_for_all(right)
            return lambda scene: _one_of(number(scene), [as_number(t) for t in texts(scene)])
        each = [_by_number(left, "=", one) for one in right.members]
        return lambda scene: reduce(_either, (one(scene) for one in each))
    if left.kind is Kind.TRUTH or left.members:
        raise refused(left, "cannot be asked for with “in”", "a field that is a text or a number")
    if left.kind is Kind.ID:
        return _by_id(left, right)
    return _by_text(left, right)


def contains(left: Operand, right: Operand) -> Truth:
    """A list has the member, a text has the words in it, in whatever case."""
    wanted = same_for_all(right)
    if left.column is not None:
        what, key = left.column
        cached = _key("contains", right)

        def within_column(scene: Scene) -> Pair:
            words = column(scene.goods, what, key)
            if words is None:
                return False, True
            rows = scene.rows if cached is None else None
            found = looked_up(scene, words, cached, lambda: containing(words, rows, wanted(scene)))
            return found, ~found

        return within_column
    if left.kind not in (Kind.TEXT, Kind.PATH, Kind.TEXTS, Kind.FACT) or left.texts is None:
        raise refused(left, "contains no texts", "a field that is a text or a list of texts")
    texts, ref = left.texts, left.ref

    def answer(scene: Scene) -> Pair:
        has = [text for text in (folded(one) for one in texts(scene)) if text]
        alike = _path if left.is_path else folded
        sought = [text for text in (alike(one) for one in wanted(scene)) if text]
        fact = None
        if ref is not None and ref.about in (About.CUSTOMER, About.CONTEXT):
            fact = scene.fact(ref.what, ref.key) if ref.kind is Kind.FACT else has
        if isinstance(fact, str) or ref is None or ref.about is About.CURRENT:
            found = any(one in text for one in sought for text in has)
        else:
            names = {name for text in has for name in _names(text, left.is_path)}
            found = any(one in names for one in sought)
        return found, not found

    return answer


def within(left: Operand, right: Operand) -> Truth:
    """A category is one of those named, or below one."""
    if not left.is_path:
        raise refused(left, "has no tree", "category", "context.product.category")
    wanted = same_for_all(right)
    if left.column is not None:
        cached = _key("within", right)

        def below(scene: Scene) -> Pair:
            words = scene.goods.category
            found = looked_up(
                scene, words, cached, lambda: _codes(words.by_ancestor, wanted(scene))
            )
            return found, ~found

        return below
    texts = same_for_all(left)

    def answer(scene: Scene) -> Pair:
        names = {name for text in texts(scene) for name in above(text)}
        found = any(_path(one) in names for one in wanted(scene))
        return found, not found

    return answer


def known(part: Operand) -> Truth:
    """Whether there is a value at all."""
    if part.number is not None:
        number = part.number

        def is_number(scene: Scene) -> Pair:
            unknown = np.isnan(number(scene))
            return ~unknown, unknown

        return is_number
    if part.truth is not None:
        truth = part.truth

        def is_either(scene: Scene) -> Pair:
            holds, fails = truth(scene)
            found = holds | fails
            return found, inverse(found)

        return is_either
    if part.column is not None:
        what, key = part.column

        def has_text(scene: Scene) -> Pair:
            words = column(scene.goods, what, key)
            if words is None:
                return False, True
            every = range(len(words.words))
            found = looked_up(scene, words, ("known",), lambda: list(every))
            return found, ~found

        return has_text
    if part.texts is None:
        raise refused(part, "is always known", "a field that may be missing")
    texts = part.texts

    def is_said(scene: Scene) -> Pair:
        found = bool(texts(scene))
        return found, not found

    return is_said


def _by_number(left: Operand, sign: str, right: Operand) -> Truth:
    one, other = numeric(left), numeric(right)
    holds, fails = _COMPARED[sign]

    def answer(scene: Scene) -> Pair:
        a, b = one(scene), other(scene)
        return _plainly(holds(a, b)), _plainly(fails(a, b))

    return answer


def _plainly(found: Any) -> Bools | bool:
    """What is the same for all products as a plain bool, which spares the work on columns."""
    return found if np.ndim(found) else bool(found)


def _one_of(value: Any, wanted: list[np.float64]) -> Pair:
    found, unknown = np.isin(value, [one for one in wanted if one == one]), np.isnan(value)
    return _plainly(found & ~unknown), _plainly(~found & ~unknown)


def _either(one: Pair, other: Pair) -> Pair:
    return one[0] | other[0], one[1] & other[1]


def _by_truth(left: Operand, right: Operand) -> Truth:
    one, other = logical(left), logical(right)

    def answer(scene: Scene) -> Pair:
        (a, not_a), (b, not_b) = one(scene), other(scene)
        return (a & b) | (not_a & not_b), (a & not_b) | (not_a & b)

    return answer


def _by_id(left: Operand, right: Operand) -> Truth:
    asked, other = (left, right) if left.kind is Kind.ID else (right, left)
    wanted = None if other.kind is Kind.ID else same_for_all(other)
    of_product = asked.ref is not None and asked.ref.about is About.PRODUCT
    if wanted is None and of_product == (
        other.ref is not None and other.ref.about is About.PRODUCT
    ):
        raise refused(other, "is the same", "a text in quotes", "context.product.id")

    def answer(scene: Scene) -> Pair:
        current = scene.context.product
        if wanted is None:
            found = (scene.items() == current) & scene.has_current
            return found, ~found
        numbers = {scene.goods.numbers.get(text, -1) for text in wanted(scene)} - {-1}
        if not of_product:
            return current in numbers, current not in numbers
        found = np.isin(scene.items(), list(numbers))
        return found, ~found

    return answer


def _by_text(left: Operand, right: Operand) -> Truth:
    """Whether the two have a text in common."""
    if left.column is None and right.column is not None:
        left, right = right, left
    if left.column is None:
        return _without_products(left, right)
    if right.column is not None:
        allowed = ("a text in quotes", "a fact of customer or context")
        raise refused(right, "two texts of the product itself cannot be compared", *allowed)
    what, key = left.column
    wanted = same_for_all(right)
    cached = _key("=", right)
    is_path = left.is_path

    def answer(scene: Scene) -> Pair:
        words = column(scene.goods, what, key)
        if words is None:
            return False, True
        found = looked_up(
            scene,
            words,
            cached,
            lambda: (
                _codes(words.by_end, wanted(scene)) if is_path else _plain(words, wanted(scene))
            ),
        )
        return found, ~found

    return answer


def _without_products(left: Operand, right: Operand) -> Truth:
    one, other = same_for_all(left), same_for_all(right)
    is_path = left.is_path or right.is_path

    def answer(scene: Scene) -> Pair:
        a, b = (
            {name for text in texts(scene) for name in _names(text, is_path)}
            for texts in (one, other)
        )
        found = not a.isdisjoint(b)
        return found, not found

    return answer


def _key(op: str, part: Operand) -> tuple[str, ...] | None:
    texts = _literal(part)
    return None if texts is None else (op, *texts)


def _literal(part: Operand) -> tuple[str, ...] | None:
    """The texts of a part that says the same each time; None for one that does not."""
    if part.members:
        each = [_literal(one) for one in part.members]
        if any(one is None for one in each):
            return None
        return tuple(text for one in each if one is not None for text in one)
    return part.literal


def _names(text: str, is_path: bool) -> set[str]:
    return {steps_of(text)[-1], _path(text)} if is_path else {folded(text)}


def _path(text: str) -> str:
    return PATH.join(steps_of(text))


def _codes(index: dict[str, list[int]], texts: list[str]) -> list[int]:
    return [code for text in texts for code in index.get(_path(text), ())]


def _plain(words: Words, texts: list[str]) -> list[int]:
    return [code for text in texts for code in words.by_text.get(folded(text), ())]
