"""What Patron's session recommendations are measured against, on the same history.

Plain VMIS-kNN (Kersbergen et al. 2022: 500 newest visits a product, 100 neighbours, linear decays)
and the cosine of the product seen last are written out here; ALS, BPR and cosine over the whole
visit are those of `implicit`, as they come. As none of them was trained on the visit that asks, it
is folded into ALS, and BPR gets the mean of its products' vectors.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from patron.recommend.session.sessions import Visits

Ask = Callable[[NDArray[np.int32]], NDArray[np.int32]]
"""From the products of a visit, oldest first, to the best 20."""

K = 20
FACTORS = 64


def matrix(past: Visits, items: int) -> sparse.csr_matrix:
    """Visits × products, 1 where a product was seen."""
    ones = np.ones(len(past.items), np.float32)
    held = sparse.csr_matrix((ones, past.items, past.start), (len(past), items), copy=True)
    held.sum_duplicates()
    held.data[:] = 1.0
    return held


def vmis(past: Visits, items: int, recent: int = 500, neighbours: int = 100) -> Ask:
    """VMIS-kNN with the parameters of its paper."""
    by_item = matrix(past, items).tocsc()
    newest = [
        by_item.indices[by_item.indptr[i] : by_item.indptr[i + 1]][::-1][:recent]
        for i in range(items)
    ]
    rarity = np.log(len(past) / np.maximum(np.diff(by_item.indptr), 1))
    visits = [past.items[past.start[s] : past.start[s + 1]] for s in range(len(past))]

    def ask(seen: NDArray[np.int32]) -> NDArray[np.int32]:
        similar: dict[int, float] = {}
        latest: dict[int, int] = {}
        place = {item: k + 1 for k, item in enumerate(seen.tolist()) if item >= 0}
        for item, k in sorted(place.items(), key=lambda pair: -pair[1]):
            for session in newest[item].tolist():
                similar[session] = similar.get(session, 0.0) + k / len(seen)
                latest.setdefault(session, k)
        near = sorted(similar, key=lambda s: (-similar[s], -s))[:neighbours]
        scores: dict[int, float] = {}
        for session in near:
            back = len(seen) - latest[session] + 1
            weight = similar[session] * (1.0 - 0.1 * back if back < 10 else 0.0)
            for item in set(visits[session].tolist()):
                scores[item] = scores.get(item, 0.0) + weight * float(rarity[item])
        return np.array(sorted(scores, key=lambda i: (-scores[i], i))[:K], np.int32)

    return ask


def cosine_of_last(past: Visits, items: int) -> Ask:
    """The products whose visits are most alike those of the product seen last."""
    held = matrix(past, items)
    norm = np.sqrt(np.asarray(held.sum(axis=0)).ravel()).clip(1.0)
    by_item = held.T.tocsr()

    def ask(seen: NDArray[np.int32]) -> NDArray[np.int32]:
        last = int(seen[-1])
        if last < 0:
            return np.zeros(0, np.int32)
        row = (by_item[last] @ held).tocoo()
        scores = row.data / norm[row.col]
        return np.asarray(row.col[np.lexsort((row.col, -scores))[:K]], np.int32)

    return ask


def implicit_peers(past: Visits, items: int) -> dict[str, Ask]:
    """`implicit`'s cosine, ALS and BPR, fitted on the same visits."""
    from implicit.als import AlternatingLeastSquares
    from implicit.bpr import BayesianPersonalizedRanking
    from implicit.nearest_neighbours import CosineRecommender
    from threadpoolctl import threadpool_limits

    held = matrix(past, items)
    with threadpool_limits(1, "blas"):  # implicit asks for this itself: it is ten times faster so
        cosine = CosineRecommender(K=100, num_threads=1)
        als = AlternatingLeastSquares(factors=FACTORS, random_state=1, num_threads=1)
        bpr = BayesianPersonalizedRanking(factors=FACTORS, random_state=1, num_threads=1)
        for model in (cosine, als, bpr):
            model.fit(held, show_progress=False)

    def folded(model: object, recalculate: bool) -> Ask:
        def ask(seen: NDArray[np.int32]) -> NDArray[np.int32]:
            known = np.unique(seen[seen >= 0])
            row = sparse.csr_matrix(
                (np.ones(len(known), np.float32), known, [0, len(known)]), shape=(1, items)
            )
            found = model.recommend(  # type: ignore[attr-defined]
                0, row, N=K, filter_already_liked_items=False, recalculate_user=recalculate
            )[0]
            return np.asarray(found, np.int32)

        return ask

    def mean(seen: NDArray[np.int32]) -> NDArray[np.int32]:
        known = seen[seen >= 0]
        if not len(known):
            return np.zeros(0, np.int32)
        scores = bpr.item_factors @ bpr.item_factors[known].mean(axis=0)
        best = np.argpartition(-scores, K)[:K]
        return np.asarray(best[np.argsort(-scores[best], kind="stable")], np.int32)

    return {"implicit_cosine": folded(cosine, False), "implicit_als": folded(als, True),
            "implicit_bpr": mean}  # fmt: skip
