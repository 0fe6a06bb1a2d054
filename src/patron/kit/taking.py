"""What a value may be, in words that follow "give": read off its type."""

from msgspec import inspect

_WORDS: dict[type[inspect.Type], str] = {
    inspect.BoolType: "true or false",
    inspect.DateTimeType: "a time with its zone, such as 2026-03-02T12:00:00Z",
    inspect.DateType: "a day, such as 2026-03-02",
    inspect.UUIDType: "an id, such as 018f0000-0000-7000-8000-000000000000",
    inspect.DictType: "an object",
    inspect.AnyType: "a value",
}


def bare(kind: inspect.Type) -> inspect.Type:
    """The type without its description and without None."""
    if isinstance(kind, inspect.Metadata):
        return bare(kind.type)
    if isinstance(kind, inspect.UnionType):
        return next(bare(one) for one in kind.types if not isinstance(one, inspect.NoneType))
    return kind


def words(kind: inspect.Type) -> str:
    """What a value of this type is."""
    kind = bare(kind)
    if isinstance(kind, inspect.LiteralType):
        return f"one of {', '.join(map(str, kind.values))}"
    if isinstance(kind, inspect.EnumType):
        return f"one of {', '.join(str(one.value) for one in kind.cls)}"
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        return _number(kind)
    if isinstance(kind, inspect.StructType):
        return f"an object with {', '.join(one.encode_name for one in kind.fields)}"
    if isinstance(kind, inspect.ListType):
        return f"a list, each {words(kind.item_type)}"
    if isinstance(kind, inspect.StrType):
        return f"text of at most {kind.max_length} characters" if kind.max_length else "text"
    return _WORDS.get(type(kind), "text")


def at(kind: inspect.Type, names: list[str]) -> inspect.Type | None:
    """The type at a place inside: the names of fields and the numbers of items down to it; None
    where there is no such."""
    for name in names:
        kind = bare(kind)
        if isinstance(kind, inspect.ListType):
            kind = kind.item_type
        elif isinstance(kind, inspect.DictType):
            kind = kind.value_type
        elif isinstance(kind, inspect.StructType):
            found = next((one.type for one in kind.fields if one.encode_name == name), None)
            if found is None:
                return None
            kind = found
        else:
            return None
    return kind


def _number(kind: inspect.IntType | inspect.FloatType) -> str:
    noun = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
    if kind.gt is not None:
        return f"{noun} above {kind.gt:g}"
    if kind.le is not None and kind.ge is not None:
        return f"{noun} from {kind.ge} to {kind.le}"
    return noun if kind.ge is None else f"{noun}, at least {kind.ge}"
