"""The placements of a shop, its own and the ready-made, each ready to be answered."""

import msgspec

from patron.kit.db import Tx
from patron.kit.log import logger
from patron.recommend.placements import store
from patron.recommend.placements.builtin import built_in
from patron.recommend.placements.definition import Placement, parse, ranking
from patron.recommend.rules.ruleset import Rules
from patron.recommend.rules.types import Goods
from patron.segments.rules.reading import Misread

log = logger(__name__)


class Book:
    """The placements as they are now."""

    def __init__(self) -> None:
        self.placements: dict[str, Placement] = {one.key: one for one in built_in()}
        self._state: str | None = None
        self._rules: dict[str, tuple[Placement, Goods, Rules]] = {}

    async def look(self, tx: Tx) -> None:
        """Take over what changed."""
        state = await store.state(tx)
        if state == self._state:
            return
        found = {one.key: one for one in built_in()}
        for kept in await store.every(tx):
            try:
                found[kept.key] = parse({**kept.definition, "key": kept.key})
            except Misread as error:
                # Saved by another version of Patron: the ready-made one is better than none.
                log.error("placement cannot be read", extra={"key": kept.key, "reason": str(error)})
        self.placements, self._state = found, state

    def rules(self, placement: Placement, goods: Goods) -> Rules:
        """The rules of a placement for these goods; read once for each generation of them."""
        found = self._rules.get(placement.key)
        if found is None or found[0] is not placement or found[1] is not goods:
            found = self._rules[placement.key] = placement, goods, ranking(placement, goods)
        return found[2]


def written(placement: Placement) -> dict[str, object]:
    """A placement as it is saved: what is not said is left out."""
    said: dict[str, object] = msgspec.to_builtins(placement)
    usual = {field.name: field for field in msgspec.structs.fields(Placement)}
    return {
        name: value
        for name, value in said.items()
        if usual[name].required or getattr(placement, name) != _default(usual[name])
    }


def _default(field: msgspec.structs.FieldInfo) -> object:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default
