"""The data set completejourney as a shop's history."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from patron.app.cli.house import OpenHouse
from patron.app.demo.catalogue import open_catalogue
from patron.app.demo.history import History
from patron.app.demo.source import NOTICE, DemoDataMissing
from patron.app.imports.feed import Loaded, load_events
from patron.app.imports.feed import Progress as Fed
from patron.app.imports.state import MOMENT, folder_of, write_whole
from patron.kit.problems import Problem
from patron.shops.types import Shop

SEED = 2017
_PEOPLE_AND_CAMPAIGNS = 17_000  # for the estimate of the time left alone


class Brought(msgspec.Struct, frozen=True):
    """What was brought in, and what was left out of the data set and why."""

    notice: str
    baskets_before: int
    baskets_kept: int
    lines_before: int
    lines_kept: int
    dropped: dict[str, int]
    events: int
    new: int
    seconds: float


class _Moment(msgspec.Struct):
    """When the history was placed: a later run must not shift it by another week."""

    now: datetime


def bring_completejourney(house: OpenHouse, shop: Shop, progress: Callable[[int], Fed]) -> Brought:
    """People, campaigns and orders of the data set, shifted to end now. Raises Problem 400 when it
    is not installed."""
    try:
        catalogue = open_catalogue(SEED)
    except DemoDataMissing as error:
        raise Problem(400, "No data", str(error), remedy="pip install 'patron[demo]'") from error
    history = History(catalogue, _placed(house, shop), SEED)
    counts = history.counts
    total = counts.baskets_kept + _PEOPLE_AND_CAMPAIGNS
    loaded: Loaded = load_events(house, shop, history.events(), total, progress(total))
    return Brought(
        NOTICE,
        counts.baskets_before,
        counts.baskets_kept,
        counts.lines_before,
        counts.lines_kept,
        dict(counts.dropped),
        loaded.fed,
        loaded.new,
        loaded.seconds,
    )


def _placed(house: OpenHouse, shop: Shop) -> datetime:
    path = folder_of(house.settings.data_dir, shop.slug) / MOMENT
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Moment).now
    except (OSError, msgspec.MsgspecError):
        moment = _Moment(house.clock.now())
        write_whole(path, moment)
        return moment.now
