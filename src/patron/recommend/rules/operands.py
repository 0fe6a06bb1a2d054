"""Parts of a rule that have a value, and how each is read as number, truth or texts."""

from collections.abc import Callable

import msgspec
import numpy as np

from patron.recommend.rules.fields import About, Kind, Ref
from patron.recommend.rules.grammar import Misspoken, Node
from patron.recommend.rules.scene import (
    MISSING,
    Bools,
    Pair,
    Rows,
    Scene,
    Value,
    as_number,
    as_texts,
    column,
    first_codes,
    has_code,
    used_codes,
)
from patron.recommend.rules.types import Words, folded

Number = Callable[[Scene], Value]
Truth = Callable[[Scene], Pair]
Texts = Callable[[Scene], list[str]]
_MOST_TABLES, _MOST_KEPT = 256, 16_000_000
_MOST_SOUGHT = 20
_UNKNOWN: Pair = (False, False)


class Operand(msgspec.Struct, frozen=True):
    """A part with a value. `number` and `truth` where it is computed; `texts` of what is the same
    for all products; `column` (name, attribute) of what each product has of its own. `literal` are
    texts that stand in the rule itself."""

    node: Node
    kind: Kind
    ref: Ref | None = None
    number: Number | None = None
    truth: Truth | None = None
    texts: Texts | None = None
    column: tuple[str, str] | None = None
    literal: tuple[str, ...] | None = None
    members: tuple["Operand", ...] = ()

    @property
    def is_path(self) -> bool:
        return self.kind is Kind.PATH or (
            self.ref is not None and self.ref.what.endswith(".categories")
        )


def inverse(found: Bools | bool) -> Bools | bool:
    return not found if isinstance(found, bool) else ~found


def refused(part: Operand, problem: str, *allowed: str) -> Misspoken:
    found = f"{part.node.source} ({part.kind})"
    return Misspoken(part.node.at, problem, found=found, allowed=allowed)


def field(node: Node, ref: Ref) -> Operand:
    """The operand of a name."""
    what, key = ref.what, ref.key
    match ref.about, ref.kind:
        case About.PRODUCT, Kind.NUMBER:
            return Operand(node, ref.kind, ref, number=lambda scene: scene.number(what))
        case About.PRODUCT, Kind.TRUTH:
            return Operand(node, ref.kind, ref, truth=lambda scene: _both(scene.truth(what)))
        case About.PRODUCT, Kind.ID:
            return Operand(node, ref.kind, ref)
        case About.PRODUCT, _:
            return Operand(node, ref.kind, ref, column=(what, folded(key)))
        case About.CURRENT, Kind.NUMBER:
            return Operand(node, ref.kind, ref, number=lambda scene: scene.current_number(what))
        case About.CURRENT, Kind.TRUTH:
            return Operand(node, ref.kind, ref, truth=lambda scene: _one(scene.current_truth(what)))
        case About.CURRENT, Kind.ID:
            return Operand(node, ref.kind, ref)
        case About.CURRENT, _:
            name = folded(key)
            return Operand(node, ref.kind, ref, texts=lambda scene: scene.current_texts(what, name))
        case About.CONTEXT, Kind.NUMBER:
            return Operand(node, ref.kind, ref, number=lambda scene: scene.moment(what))
        case About.CONTEXT, Kind.TEXTS:
            return Operand(node, ref.kind, ref, texts=lambda scene: scene.around(what))
    return Operand(node, ref.kind, ref, texts=lambda scene: as_texts(scene.fact(what, key)))


def constant(node: Node) -> Operand:
    """The operand of a number, text, true or false."""
    if isinstance(node.value, bool):
        holds: Pair = (node.value, not node.value)
        return Operand(node, Kind.TRUTH, truth=lambda _: holds)
    if isinstance(node.value, float):
        value = np.float64(node.value)
        return Operand(node, Kind.NUMBER, number=lambda _: value)
    texts = [node.value]
    return Operand(node, Kind.TEXT, texts=lambda _: texts, literal=(node.value,))


def numeric(part: Operand) -> Number:
    """How the part is read as a number; raises Misspoken when it never is one."""
    if part.number is not None:
        return part.number
    if part.kind is not Kind.FACT:
        raise refused(part, "must be a number", "a number", "a field that is a number")
    if part.column is not None:
        what, key = part.column
        return lambda scene: _column_number(scene, column(scene.goods, what, key))
    ref, texts = part.ref, part.texts
    assert ref is not None and texts is not None
    if ref.about is About.CURRENT:
        return lambda scene: next((as_number(text) for text in texts(scene)), MISSING)
    return lambda scene: as_number(scene.fact(ref.what, ref.key))


def logical(part: Operand) -> Truth:
    """How the part is read as yes or no; raises Misspoken when it never is either."""
    if part.truth is not None:
        return part.truth
    if part.kind is not Kind.FACT:
        raise refused(part, "must be a condition", "a comparison", "a field that is yes or no")
    if part.column is not None:
        what, key = part.column
        return lambda scene: _column_truth(scene, column(scene.goods, what, key))
    texts = part.texts
    assert texts is not None
    return lambda scene: _said([folded(text) for text in texts(scene)])


def same_for_all(part: Operand) -> Texts:
    """How the part is read as texts that no single product has; raises Misspoken otherwise."""
    if part.texts is not None:
        return part.texts
    if part.members:
        each = [same_for_all(one) for one in part.members]
        return lambda scene: [text for texts in each for text in texts(scene)]
    if isinstance(part.node.value, float) and part.node.op == "number":
        written = as_texts(part.node.value)
        return lambda _: written
    raise refused(
        part, "must be a text", "a text in quotes", "a list of texts", "a customer's fact"
    )


def looked_up(
    scene: Scene, words: Words, key: tuple[str, ...] | None, codes: Callable[[], list[int]]
) -> Bools:
    """Which products have one of `codes`. With `key`, what was found is kept for the next time."""
    if key is not None and (kept := words.tables.get(key)) is not None:
        return has_code(words, scene.rows, kept)
    table = np.zeros(len(words.words) + 1, np.bool_)
    table[codes()] = True
    if key is not None:
        if len(words.tables) >= min(_MOST_TABLES, _MOST_KEPT // len(table)):
            words.tables.clear()
        words.tables[key] = table
    return has_code(words, scene.rows, table)


def containing(words: Words, rows: Rows | None, texts: list[str]) -> list[int]:
    """Codes of words that contain one of the first twenty texts; with `rows`, only of words that
    occur there."""
    wanted = [text for one in texts[:_MOST_SOUGHT] if (text := folded(one))]
    codes = range(len(words.words)) if rows is None else used_codes(words, rows)
    return [code for code in codes if any(one in folded(words.words[code]) for one in wanted)]


def _column_number(scene: Scene, words: Words | None) -> Value:
    if words is None or not len(words.words):
        return MISSING
    codes = first_codes(words, scene.rows)
    return np.where(codes >= 0, words.numbers[codes], np.nan)


def _column_truth(scene: Scene, words: Words | None) -> Pair:
    if words is None:
        return _UNKNOWN
    by_text = words.by_text
    yes, no = (
        looked_up(scene, words, ("=", said), lambda said=said: by_text.get(said, []))  # type: ignore[misc]
        for said in ("true", "false")
    )
    return yes, no & ~yes


def _said(texts: list[str]) -> Pair:
    if "true" in texts:
        return True, False
    return False, "false" in texts


def _both(found: Bools) -> Pair:
    return found, ~found


def _one(found: bool | None) -> Pair:
    return _UNKNOWN if found is None else (found, not found)
