"""Which group's best-sellers are meant: of her country, or of a segment she is in."""

from collections.abc import Mapping, Sequence

from patron.recommend.placements.definition import Area
from patron.recommend.popular.types import Groups
from patron.recommend.rules.types import Plain

SEGMENT = "segment:"
"""Before a segment's key in the name of its group; countries are in capitals."""


class Areas:
    """The groups called `names`, of segments the smallest first."""

    def __init__(self, names: Sequence[str]) -> None:
        self._numbers = {name: number for number, name in enumerate(names)}

    def group(self, area: Area, customer: Mapping[str, Plain]) -> int | None:
        """The number of hers; None where none is asked for, known or large enough to be counted by
        itself, so that the whole shop's counts. Of several segments the smallest, which says most
        about her."""
        if area is Area.COUNTRY:
            said = customer.get("country")
            return self._numbers.get(said.strip().upper()) if isinstance(said, str) else None
        if area is Area.SEGMENT:
            keys = customer.get("segments")
            if not isinstance(keys, list | tuple):
                return None
            known = [self._numbers[SEGMENT + k] for k in keys if SEGMENT + k in self._numbers]
            return min(known, default=None)
        return None


def of_members(groups: Groups) -> dict[int, dict[str, Plain]]:
    """By member what is said of her: her country, and the keys of her segments."""
    segments: dict[int, list[str]] = {}
    found: dict[int, dict[str, Plain]] = {}
    for member, group in zip(groups.member.tolist(), groups.group.tolist(), strict=True):
        name = groups.names[group]
        said = found.setdefault(member, {})
        if name.startswith(SEGMENT):
            segments.setdefault(member, []).append(name.removeprefix(SEGMENT))
            said["segments"] = segments[member]
        else:
            said["country"] = name
    return found
