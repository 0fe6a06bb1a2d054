"""Who is held out of a placement, and who met which arm when.

Somebody is exposed when she would be answered with something, whichever arm she is in, so that both
arms are made up alike. Whom the log does not know is in neither and gets the usual answer: there is
nothing to remember her by, and no order could be told to be hers.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import numpy as np

from patron.experiments import store
from patron.experiments.assign import Arm, arm
from patron.experiments.store import Exposure
from patron.kit.db import Database
from patron.recommend.placements.definition import Area, Placement
from patron.recommend.rules.types import Ranked, Strategy
from patron.recommend.serving.answering import Scene
from patron.recommend.serving.strategies import NO_ITEMS
from patron.recommend.serving.visitors import Visitor, seen

HELD_OUT = "held_out"
"""Why an answer is not what the placement says."""
REMEMBERED = 200_000


def experiment_of(placement: str) -> str:
    """What a placement is called as an experiment."""
    return f"placement:{placement}"


def arm_of(placement: Placement, origins: Collection[UUID]) -> Arm | None:
    """Her arm, by her oldest origin; None where nobody is held out or the log does not know her."""
    if not placement.holdout.share or not origins:
        return None
    return arm(experiment_of(placement.key), min(origins), placement.holdout.share)


def plain(placement: Placement) -> Placement:
    """The same for everybody: best-sellers under the placement's own rules."""
    return msgspec.structs.replace(
        placement,
        chain=[Strategy.BEST_SELLERS],
        fallback=[Strategy.NEW],
        blend=[],
        popular_in=Area.SHOP,
        longed_first=False,
    )


def impersonal(scene: Scene) -> Scene:
    """The scene as if nobody were known, for what has no rules: the order of categories."""
    nobody = seen(Visitor(), {}, scene.seen.generation)
    return msgspec.structs.replace(
        scene, seen=nobody, visit=NO_ITEMS, visit_name=None, ages=scene.ages[:0], cart=NO_ITEMS
    )


def nothing() -> Ranked:
    """An answer that offers nothing."""
    return Ranked(NO_ITEMS, np.empty(0, np.float32), [], NO_ITEMS, {})


class Exposures:
    """Who met which arm, until it is written down; belongs to one event loop."""

    def __init__(self) -> None:
        self._known: set[tuple[str, UUID, str]] = set()
        self._new: list[Exposure] = []

    def met(self, placement: Placement, origins: Collection[UUID], given: Arm, now: float) -> None:
        """She would be answered now."""
        one = experiment_of(placement.key), min(origins), given
        if one in self._known:
            return
        if len(self._known) >= REMEMBERED:
            self._known.clear()  # the database knows those that are written down
        self._known.add(one)
        self._new.append(Exposure(*one, datetime.fromtimestamp(now, UTC)))

    async def keep(self, db: Database, schema: str) -> None:
        """Write down what is new."""
        if not self._new:
            return
        some, self._new = self._new, []
        try:
            async with db.unit(schema) as tx:
                await store.expose(tx, some)
        except BaseException:
            self._new = some + self._new
            raise
