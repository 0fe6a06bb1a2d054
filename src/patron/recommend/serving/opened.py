"""The models of one training, opened: what is not there was not trained, or did not win."""

from functools import cached_property

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.recommend.again.model import Index as Again
from patron.recommend.blend.types import Blends
from patron.recommend.popular.types import Index as Popular
from patron.recommend.sequence.model import Index as Sequence
from patron.recommend.session.index import Index as Session
from patron.recommend.shelf import Opened
from patron.recommend.similar.types import Index as Similar
from patron.recommend.together.types import Index as Together

KINDS: dict[str, type[msgspec.Struct]] = {
    "companions": Together,
    "session": Session,
    "sequence": Sequence,
    "similar": Similar,
    "again": Again,
    "popular": Popular,
    "blend": Blends,
}
"""What stands on the shelf under which name."""


class Models(msgspec.Struct, frozen=True, eq=False, dict=True):
    """Indexes over the products numbered by `items`; `version` is the training's."""

    version: str = ""
    items: list[str] = []
    companions: Together | None = None
    session: Session | None = None
    sequence: Sequence | None = None
    similar: Similar | None = None
    again: Again | None = None
    popular: Popular | None = None
    blend: Blends | None = None
    silent: frozenset[str] = frozenset()
    """Strategies that did no better than popularity, though another one asks the same model."""

    @cached_property
    def popularity(self) -> NDArray[np.float32]:
        """How sought after each product is; all 0 before anything happened."""
        if self.popular is None:
            return np.zeros(len(self.items), np.float32)
        return np.array(self.popular.popularity)

    @property
    def repeat(self) -> NDArray[np.float32] | None:
        """Which share of its buyers bought each product again; None where it was not counted."""
        return None if self.again is None else np.array(self.again.repeat)


def opened(shelf: Opened) -> Models:
    """The indexes of a training. Raises DamagedModelError."""
    found = {name: shelf.index(name, kind) for name, kind in KINDS.items()}
    if found["again"] is not None:
        # What answers from it; the first visitor would wait a fifth of a second for it.
        import scipy.special  # noqa: F401
    silent = frozenset(name for about in shelf.label.models.values() for name in about.silent)
    version = shelf.label.version
    return Models(version=version, items=shelf.items, silent=silent, **found)  # type: ignore[arg-type]
