"""JSON into a struct, with errors that say where, what was found, what is allowed and what was
probably meant."""

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from patron.segments.rules.reading import Misread

T = TypeVar("T")
_AT = re.compile(r"(?P<problem>.*?)(?: - at `(?P<path>\$.*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(\w+)`")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")

_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    " [|] null": " or null",
    "matching regex": "that matches",
    ">=": "of at least",
    "<=": "of at most",
    ">": "above",
    "of length of": "of a length of",
}
"""How msgspec's errors are said to somebody who runs a shop."""


class Misset(Misread):
    """A setting that cannot be read; `nearest` is what was probably meant."""

    def __init__(
        self,
        path: str,
        found: Any,
        allowed: Sequence[str],
        problem: str,
        nearest: str | None = None,
    ) -> None:
        self.nearest = nearest
        near = f" (nearest: {nearest})" if nearest else ""
        super().__init__(path, found, allowed, problem + near)

    @property
    def remedy(self) -> str:
        return f"did you mean {self.nearest}?" if self.nearest else super().remedy


class Missing(Misset):
    """A setting that must be said and is not."""

    def __init__(self, path: str) -> None:
        super().__init__(path, None, [], "is required")

    @property
    def remedy(self) -> str:
        return f"add {self.path.rpartition('.')[2]!r}"


def read(data: Any, wanted: type[T]) -> T:
    """`data` as `wanted`, a msgspec struct; raises Misset. Texts become no numbers, nor the other
    way round."""
    info = inspect.type_info(wanted)
    _refuse_unknown(data, info, "$")
    try:
        return msgspec.convert(data, wanted)
    except msgspec.ValidationError as error:
        raise _told(str(error), data, info) from None


def nearest(name: str, allowed: Sequence[str]) -> str | None:
    found = difflib.get_close_matches(name, allowed, n=1, cutoff=0.6)
    return found[0] if found else None


def _refuse_unknown(data: Any, info: inspect.Type, path: str) -> None:
    for part, kind, where in _inside(data, info, path):
        _refuse_unknown(part, kind, where)
    struct = _struct(info)
    if struct is None or not isinstance(data, dict):
        return
    names = [field.encode_name for field in struct.fields]
    for name in data:
        if name not in names:
            meant = nearest(str(name), names)
            raise Misset(f"{path}.{name}", data[name], names, "unknown field", meant)


def _inside(data: Any, info: inspect.Type, path: str) -> Iterator[tuple[Any, inspect.Type, str]]:
    struct = _struct(info)
    if struct is not None and isinstance(data, dict):
        for field in struct.fields:
            if field.encode_name in data:
                yield data[field.encode_name], field.type, f"{path}.{field.encode_name}"
    if isinstance(data, list) and isinstance(info := _plain(info), inspect.ListType):
        for number, part in enumerate(data[:1000]):
            yield part, info.item_type, f"{path}[{number}]"


def _told(message: str, data: Any, info: inspect.Type) -> Misset:
    found = _AT.fullmatch(message)
    assert found is not None
    path = found["path"] or "$"
    problem = found["problem"]
    value, kind = _looked_up(path, data, info)
    if missing := _MISSING.match(problem):
        return Missing(f"{path}.{missing[1]}")
    if isinstance(kind, inspect.EnumType | inspect.LiteralType):
        options = (
            [one.value for one in kind.cls]
            if isinstance(kind, inspect.EnumType)
            else (list(kind.values))
        )
        names = [str(one) for one in options]
        return Misset(path, value, names, "is none of these", nearest(str(value), names))
    wanted = problem.replace("`", "").split(", got")[0].removeprefix("Expected ")
    for name, words in _WORDS.items():
        wanted = re.sub(rf"(?<!\w){name}(?!\w)", words, wanted)
    return Misset(path, value, [], f"must be {wanted}")


def _looked_up(path: str, data: Any, info: inspect.Type) -> tuple[Any, inspect.Type]:
    """What stands at `path`, and what should."""
    for name, number in _STEP.findall(path):
        kind = _plain(info)
        if number and isinstance(data, list) and isinstance(kind, inspect.ListType):
            data, info = data[int(number)], kind.item_type
        elif isinstance(data, dict) and (struct := _struct(kind)) is not None:
            data = data.get(name)
            info = next(field.type for field in struct.fields if field.encode_name == name)
    return data, _plain(info)


def _plain(info: inspect.Type) -> inspect.Type:
    """The type without what is said about it and without "or none"."""
    while isinstance(info, inspect.Metadata):
        info = info.type
    if isinstance(info, inspect.UnionType):
        some = [_plain(one) for one in info.types if not isinstance(one, inspect.NoneType)]
        return some[0] if len(some) == 1 else info
    return info


def _struct(info: inspect.Type) -> inspect.StructType | None:
    kind = _plain(info)
    return kind if isinstance(kind, inspect.StructType) else None
