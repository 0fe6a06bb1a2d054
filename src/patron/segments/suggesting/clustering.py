"""Parts people into groups of those who are alike: k-means, with k by the silhouette.

k-means++ seeding (D. Arthur, S. Vassilvitskii, SODA 2007) and Lloyd's steps, several times from a
fixed seed, so that the same people are parted alike each time. The silhouette (P. Rousseeuw, 1987)
of a sample says how well apart the groups are: (b - a) / max(a, b) of a person's mean distance a to
her own group and b to the nearest other.
"""

import msgspec
import numpy as np

from patron.segments.suggesting.types import Bools, Floats, Longs

LEAST, MOST = 2, 8
TRIES, STEPS = 6, 60
SAMPLED = 1_200
APART = 0.2
"""A mean silhouette below this is no structure; people are alike all through."""
NEARLY = 0.05
"""Of numbers of groups that are so nearly as well apart the smallest is taken."""
SEED = 20_070_107


class Parted(msgspec.Struct):
    """To which group each belongs, and how well the groups are apart: -1 to 1."""

    groups: Longs
    count: int
    apart: float


def part(points: Floats) -> Parted | None:
    """Groups of rows that are alike; None when they are not well apart. Memory is that of the
    points, and of the distances among 1,200 of them."""
    draw = np.random.default_rng(SEED)
    sample = draw.choice(len(points), min(SAMPLED, len(points)), replace=False)
    among = _distances(points[sample], points[sample])
    found: list[Parted] = []
    for k in range(LEAST, min(MOST, len(points) // 10) + 1):
        groups = _k_means(points, k, draw)
        found.append(Parted(groups, k, _silhouette(np.sqrt(among), groups[sample])))
    best = max((one.apart for one in found), default=-1.0)
    if best < APART:
        return None
    return next(one for one in found if one.apart >= best - NEARLY)


def _distances(points: Floats, centres: Floats) -> Floats:
    """Squared distances, rows of `points` to rows of `centres`."""
    squared = (points**2).sum(1)[:, None] - 2 * points @ centres.T + (centres**2).sum(1)
    distances: Floats = np.maximum(squared, 0.0)
    return distances


def _k_means(points: Floats, k: int, draw: np.random.Generator) -> Longs:
    least, found = np.inf, np.zeros(len(points), np.int64)
    for _ in range(TRIES):
        centres = _seeds(points, k, draw)
        groups = found
        for step in range(STEPS):
            distances = _distances(points, centres)
            nearest = distances.argmin(1)
            if step and np.array_equal(nearest, groups):
                break
            groups = nearest
            centres = _means(points, groups, centres)
        cost = float(distances.min(1).sum())
        if cost < least:
            least, found = cost, groups
    return found


def _seeds(points: Floats, k: int, draw: np.random.Generator) -> Floats:
    """Each next seed is drawn by its squared distance to those there are."""
    chosen = [points[draw.integers(len(points))]]
    for _ in range(1, k):
        nearest = _distances(points, np.array(chosen)).min(1)
        total = nearest.sum()
        odds = None if total == 0 else nearest / total
        chosen.append(points[draw.choice(len(points), p=odds)])
    return np.array(chosen)


def _means(points: Floats, groups: Longs, before: Floats) -> Floats:
    means = before.copy()
    for group in range(len(before)):
        if (own := groups == group).any():
            means[group] = points[own].mean(0)
    return means


def _silhouette(distances: Floats, groups: Longs) -> float:
    """The mean over all; a group of one counts 0."""
    members: list[Bools] = [groups == group for group in np.unique(groups)]
    if len(members) < 2:
        return -1.0
    sums = np.stack([distances[:, own].sum(1) for own in members], axis=1)
    sizes = np.array([own.sum() for own in members], np.float64)
    mine = np.argmax(np.stack(members, axis=1), axis=1)
    rows = np.arange(len(groups))
    inside = sums[rows, mine] / np.maximum(sizes[mine] - 1, 1)
    means = sums / sizes
    means[rows, mine] = np.inf
    outside = means.min(1)
    scores = (outside - inside) / np.maximum(np.maximum(inside, outside), 1e-12)
    scores[sizes[mine] == 1] = 0.0
    return float(scores.mean())
