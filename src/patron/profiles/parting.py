"""Taking a merge back: which origins leave, and under which root.

Every merge links two origins that were roots of different people, so the merges that stand form a
forest over the origins, and the people are its trees. Taking one link away splits one tree in two,
whatever was merged or undone before or since.
"""

from collections.abc import Iterable
from uuid import UUID


def tree_of(origin: UUID, links: Iterable[tuple[UUID, UUID]]) -> set[UUID]:
    """Everything that `links` (pairs of origins, in any order) connect to `origin`."""
    beside: dict[UUID, list[UUID]] = {}
    for one, other in links:
        beside.setdefault(one, []).append(other)
        beside.setdefault(other, []).append(one)
    found, open_ends = {origin}, [origin]
    while open_ends:
        for near in beside.get(open_ends.pop(), ()):
            if near not in found:
                found.add(near)
                open_ends.append(near)
    return found


def parted(
    root: UUID, winner: UUID, loser: UUID, links: Iterable[tuple[UUID, UUID]]
) -> tuple[UUID, set[UUID]]:
    """(new root, the origins that leave) when the merge of `loser` into `winner` is taken back.

    `root` is the person's root so far and stays on its side; `links` are the merges that still
    stand, without this one.
    """
    links = list(links)
    side = tree_of(loser, links)
    if root in side:
        return winner, tree_of(winner, links)
    return loser, side
