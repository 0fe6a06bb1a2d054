"""What lists for known customers are measured against: `implicit`'s cosine, ALS and BPR as they
come, fitted on the same purchases and asked about the same customers."""

import time

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from patron.recommend.types import Interactions

FACTORS = 64


def matrix(history: Interactions) -> sparse.csr_matrix:
    """People × products: how often each product was bought."""
    cells = np.ones(len(history), np.float32), (history.person, history.item)
    return sparse.csr_matrix(sparse.coo_matrix(cells, shape=(history.people, history.items)))


def implicit_peers(
    history: Interactions,
    asked: Interactions,
    people: NDArray[np.int64],
    n: int,
    *,
    exclude_had: bool,
) -> dict[str, tuple[NDArray[np.int32], float]]:
    """For each peer the best `n` of `people`, who had what `asked` says, and the seconds it took to
    fit. With `exclude_had` nothing they had is offered."""
    from implicit.als import AlternatingLeastSquares
    from implicit.bpr import BayesianPersonalizedRanking
    from implicit.nearest_neighbours import CosineRecommender
    from threadpoolctl import threadpool_limits

    held, known = matrix(history), matrix(asked)
    found = {}
    with threadpool_limits(1, "blas"):  # implicit asks for this itself: it is ten times faster so
        models = {
            "implicit_cosine": CosineRecommender(K=100),
            "implicit_als": AlternatingLeastSquares(factors=FACTORS, random_state=1),
            "implicit_bpr": BayesianPersonalizedRanking(factors=FACTORS, random_state=1),
        }
        for name, model in models.items():
            began = time.perf_counter()
            model.fit(held, show_progress=False)
            seconds = time.perf_counter() - began
            rows = model.recommend(
                people, known[people], N=n, filter_already_liked_items=exclude_had
            )[0]
            found[name] = (np.asarray(rows, np.int32), seconds)
    return found
