"""How a rule is written: text → tree, or what is wrong and where.

The tree is built bottom-up while the text is read, so its depth and size are bounded before
anything walks it.
"""

import math
from collections.abc import Sequence
from functools import cache

import msgspec
from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedToken

from patron.recommend.rules.fields import nearest

LONGEST = 4_000
DEEPEST = 24
MOST_PARTS = 500
LONGEST_TEXT = 200
LARGEST = 1e15

_GRAMMAR = r"""
start: choice
?choice: either | either IF either ELSE choice -> choose
?either: both | both (OR both)+ -> any_of
?both: inverse | inverse (AND inverse)+ -> all_of
?inverse: comparison | NOT inverse -> negation
?comparison: sum
    | sum COMPARE sum -> compare
    | sum NOT? (IN | CONTAINS | WITHIN) sum -> relate
    | sum IS (KNOWN | MISSING) -> state
?sum: term | term ((PLUS | MINUS) term)+ -> chain
?term: sign | sign ((TIMES | OVER) sign)+ -> chain
?sign: atom | MINUS sign -> minus
?atom: NUMBER -> number
    | PERCENT -> number
    | TEXT -> text
    | (TRUE | FALSE) -> truth
    | NAME -> name
    | NAME OPEN choice (COMMA choice)* CLOSE -> call
    | OPEN choice CLOSE -> inner
    | OPEN choice (COMMA choice)+ CLOSE -> listed
    | LEFT choice (COMMA choice)* RIGHT -> listed

COMPARE: "<=" | ">=" | "!=" | "<>" | "==" | "=" | "<" | ">"
PLUS: "+"
MINUS: "-"
TIMES: "*"
OVER: "/"
OPEN: "("
CLOSE: ")"
LEFT: "["
RIGHT: "]"
COMMA: ","
PERCENT: /\d+(\.\d+)?%/
NUMBER: /\d+(\.\d+)?/
TEXT: /"[^"\n]*"|'[^'\n]*'|“[^”\n]*”|„[^“”\n]*[“”]/
NAME: /[^\W\d]\w*(\.(\w+|"[^"\n]*"))*/
%declare IF ELSE OR AND NOT IN CONTAINS WITHIN IS KNOWN MISSING TRUE FALSE
%ignore /\s+/
"""
_WORDS = (
    "if", "else", "or", "and", "not", "in", "contains", "within", "is", "known", "missing",
    "true", "false",
)  # fmt: skip
OPERATORS = ("=", "!=", "<", "<=", ">", ">=")
_SAME = {"==": "=", "<>": "!="}
_TOLD = {
    "NAME": "a field",
    "TEXT": "a text in quotes",
    "NUMBER": "a number",
    "PERCENT": "a share such as 20%",
    "COMPARE": "a comparison (= != < <= > >=)",
    "OPEN": "(", "CLOSE": ")", "LEFT": "[", "RIGHT": "]", "COMMA": ",",
    "PLUS": "+", "MINUS": "-", "TIMES": "*", "OVER": "/",
    "$END": "the end of the rule",
}  # fmt: skip


class Misspoken(ValueError):
    """A rule that is not understood: where (`line` and `column` from 1), what was `found` there,
    what is `allowed`, and what was probably meant (`nearest`)."""

    def __init__(
        self,
        at: tuple[int, int],
        problem: str,
        *,
        found: str,
        allowed: Sequence[str] = (),
        nearest: str | None = None,
    ) -> None:
        self.line, self.column = at
        self.problem, self.found, self.nearest = problem, found, nearest
        self.allowed = list(allowed)
        text = f"line {self.line}, column {self.column}: {problem}, found {shown(found)}"
        if nearest:
            text += f"; nearest: {nearest}"
        if self.allowed:
            text += f"; allowed: {', '.join(self.allowed)}"
        super().__init__(text)

    @property
    def remedy(self) -> str:
        if self.nearest:
            return f"did you mean {self.nearest}?"
        return f"use one of {', '.join(self.allowed)}" if self.allowed else "correct the rule"


def shown(found: str) -> str:
    """What was found as an error names it, cut to 40 characters."""
    text = " ".join(found.split())
    return (text if len(text) <= 40 else text[:39] + "…") or "nothing"


class Node(msgspec.Struct, frozen=True):
    """A part of a rule. `op` says what it is, `value` holds a number, text, truth or name."""

    op: str
    at: tuple[int, int]
    source: str
    parts: tuple["Node", ...] = ()
    value: float | str | bool = ""
    depth: int = 1
    size: int = 1


def parse(text: str) -> Node:
    """The tree of a rule; raises Misspoken. Linear in the text, of at most LONGEST characters."""
    if len(text) > LONGEST:
        problem = f"a rule has at most {LONGEST:,} characters"
        raise Misspoken((1, 1), problem, found=f"{len(text):,} characters")
    if not text.strip():
        raise Misspoken((1, 1), "the rule is empty", found="", allowed=["a field", "a number"])
    try:
        found = _parser().parse(text)
    except UnexpectedToken as wrong:
        raise _unexpected(wrong, text) from None
    except UnexpectedCharacters as wrong:
        raise _unreadable(wrong, text) from None
    except UnexpectedEOF:
        raise Misspoken(_end(text), "the rule stops too early", found="its end") from None
    assert isinstance(found, Node)
    return found


def _unexpected(wrong: UnexpectedToken, text: str) -> Misspoken:
    token = wrong.token
    expected = sorted(wrong.accepts or wrong.expected)
    allowed = [word for name in expected if (word := _TOLD.get(name, name.lower()))]
    if token.type == "$END":
        return Misspoken(_end(text), "the rule stops too early", found="its end", allowed=allowed)
    words = [name.lower() for name in expected if name.lower() in _WORDS]
    meant = nearest(str(token).lower(), words) if token.type == "NAME" else None
    at = (token.line or 1, token.column or 1)
    return Misspoken(at, "cannot stand here", found=str(token), allowed=allowed, nearest=meant)


def _unreadable(wrong: UnexpectedCharacters, text: str) -> Misspoken:
    rest = text[wrong.pos_in_stream :]
    at = (wrong.line, wrong.column)
    if rest[:1] in "\"'“„":
        allowed = ["a text that ends with its quote on the same line"]
        return Misspoken(at, "the quote is not closed", found=rest, allowed=allowed)
    allowed = ["fields", "numbers", "texts in quotes", "operators"]
    return Misspoken(at, "no rule has this sign", found=rest[:1], allowed=allowed)


def _end(text: str) -> tuple[int, int]:
    lines = text.rstrip().split("\n")
    return len(lines), len(lines[-1]) + 1


def _worded(token: Token) -> Token:
    """Names that are words of the language, in whatever case."""
    if token.lower() in _WORDS:
        return Token.new_borrow_pos(token.upper(), token, token)
    return token


@cache
def _parser() -> Lark:
    return Lark(
        _GRAMMAR,
        parser="lalr",
        lexer="basic",
        transformer=_Builder(),
        lexer_callbacks={"NAME": _worded},
    )


def _at(part: "Token | Node") -> tuple[int, int]:
    return part.at if isinstance(part, Node) else (part.line or 1, part.column or 1)


def _joined(op: str, first: "Token | Node", parts: Sequence[Node], value: str = "") -> Node:
    depth = 1 + max(part.depth for part in parts)
    size = 1 + sum(part.size for part in parts)
    source = first.source if isinstance(first, Node) else str(first)
    if depth > DEEPEST:
        problem = f"rules are nested at most {DEEPEST} deep"
        raise Misspoken(_at(first), problem, found=source)
    if size > MOST_PARTS:
        problem = f"a rule has at most {MOST_PARTS} parts"
        raise Misspoken(_at(first), problem, found=source)
    return Node(op, _at(first), source, tuple(parts), value, depth, size)


@v_args(inline=True)
class _Builder(Transformer[Token, Node]):
    """Makes nodes while the text is read."""

    def start(self, whole: Node) -> Node:
        return whole

    def choose(self, then: Node, _if: Token, when: Node, _else: Token, other: Node) -> Node:
        return _joined("choose", then, (when, then, other))

    def any_of(self, *parts: Node | Token) -> Node:
        return _joined("or", parts[0], [one for one in parts if isinstance(one, Node)])

    def all_of(self, *parts: Node | Token) -> Node:
        return _joined("and", parts[0], [one for one in parts if isinstance(one, Node)])

    def negation(self, word: Token, part: Node) -> Node:
        return _joined("not", word, (part,))

    def compare(self, left: Node, sign: Token, right: Node) -> Node:
        return _joined("compare", left, (left, right), _SAME.get(sign, str(sign)))

    def relate(self, left: Node, *rest: Node | Token) -> Node:
        right = rest[-1]
        assert isinstance(right, Node)
        found = _joined(str(rest[-2]).lower(), left, (left, right))
        return found if len(rest) == 2 else _joined("not", left, (found,))

    def state(self, part: Node, _is: Token, word: Token) -> Node:
        return _joined(str(word).lower(), part, (part,))

    def chain(self, first: Node, *rest: Node | Token) -> Node:
        signs = "".join(one for one in rest if isinstance(one, Token))
        parts = [first, *(one for one in rest if isinstance(one, Node))]
        return _joined("chain", first, parts, signs)

    def minus(self, sign: Token, part: Node) -> Node:
        return _joined("minus", sign, (part,))

    def number(self, token: Token) -> Node:
        written = token.removesuffix("%")
        value = float(written) / (100 if written != token else 1)
        if not math.isfinite(value) or value > LARGEST or len(written) > 32:
            problem = "a number has at most 32 digits and is at most 10^15"
            raise Misspoken(_at(token), problem, found=str(token))
        return Node("number", _at(token), str(token), value=value)

    def text(self, token: Token) -> Node:
        if len(token) > LONGEST_TEXT + 2:
            problem = f"a text has at most {LONGEST_TEXT} characters"
            raise Misspoken(_at(token), problem, found=str(token))
        return Node("text", _at(token), str(token), value=str(token[1:-1]))

    def truth(self, token: Token) -> Node:
        return Node("truth", _at(token), str(token), value=token.lower() == "true")

    def name(self, token: Token) -> Node:
        return Node("name", _at(token), str(token), value=str(token))

    def call(self, name: Token, *rest: Node | Token) -> Node:
        return _joined("call", name, [one for one in rest if isinstance(one, Node)], str(name))

    def inner(self, _open: Token, part: Node, _close: Token) -> Node:
        # Brackets count as depth: a thousand of them are a tree as deep, though it says nothing.
        deeper = part.depth + 1
        if deeper > DEEPEST:
            problem = f"rules are nested at most {DEEPEST} deep"
            raise Misspoken(_at(_open), problem, found="(")
        return msgspec.structs.replace(part, depth=deeper)

    def listed(self, opening: Token, *rest: Node | Token) -> Node:
        return _joined("list", opening, [one for one in rest if isinstance(one, Node)])
