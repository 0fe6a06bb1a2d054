"""Trees that learn which of the offered products were cared for: LambdaMART.

C. J. C. Burges, From RankNet to LambdaRank to LambdaMART: an overview, MSR-TR-2010-82; trees by
LightGBM (G. Ke et al., NIPS 2017), which only the training loads. What it learned is kept as flat
columns; whoever answers needs no LightGBM.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.recommend.blend.types import Forest

ROUNDS, PATIENCE = 60, 10
"""Trees at most; learning ends when so many in a row bring nothing on what it checks by."""
CHECKED = 5
"""Every fifth question, so that they come from all of the days, is one of these."""
_PARAMS: dict[str, Any] = {
    "objective": "lambdarank",
    "metric": "ndcg",
    "eval_at": [10],
    "lambdarank_truncation_level": 15,
    "learning_rate": 0.12,
    "num_leaves": 15,
    "max_depth": 5,
    "min_data_in_leaf": 40,
    "max_bin": 63,
    "lambda_l2": 5.0,
    "use_missing": False,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "seed": 7,
    "verbose": -1,
}


class Group(msgspec.Struct, frozen=True, eq=False):
    """The products of one question: rows of features, and which of them were wanted."""

    rows: NDArray[np.float64]
    wanted: NDArray[np.bool_]


class NotInstalledError(Exception):
    """LightGBM cannot be loaded; the message says what to do."""


def learned(groups: Sequence[Group]) -> Forest:
    """Trees from questions of which some products were wanted and others not; the same from the
    same. Raises NotInstalledError, and ValueError where there is nothing to tell apart."""
    telling = [one for one in groups if one.wanted.any() and not one.wanted.all()]
    checks, lessons = telling[::CHECKED], [one for n, one in enumerate(telling) if n % CHECKED]
    if not checks or not lessons:
        raise ValueError(f"{len(telling)} questions are too few to learn from")
    lightgbm = loaded()
    data = _data(lightgbm, lessons, None)
    booster = lightgbm.train(
        _PARAMS,
        data,
        num_boost_round=ROUNDS,
        valid_sets=[_data(lightgbm, checks, data)],
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
    )
    dumped = booster.dump_model(num_iteration=booster.best_iteration)
    return flat([one["tree_structure"] for one in dumped["tree_info"]])


def flat(trees: Sequence[dict[str, Any]]) -> Forest:
    """Trees as LightGBM tells them, in columns."""
    root: list[int] = []
    nodes: list[tuple[int, float]] = []
    ways: list[list[int]] = []
    value: list[float] = []

    def planted(tree: dict[str, Any]) -> int:
        if "split_feature" not in tree:
            value.append(float(tree["leaf_value"]))
            return -len(value)
        here = len(nodes)
        nodes.append((int(tree["split_feature"]), float(tree["threshold"])))
        ways.append([0, 0])
        ways[here] = [planted(tree["left_child"]), planted(tree["right_child"])]
        return here

    for tree in trees:
        root.append(planted(tree))
    return Forest(
        np.array(root, np.int32),
        np.array([feature for feature, _ in nodes], np.int32),
        np.array([threshold for _, threshold in nodes], np.float64),
        np.array([left for left, _ in ways], np.int32),
        np.array([right for _, right in ways], np.int32),
        np.array(value, np.float64),
    )


def joined(forests: Sequence[Forest]) -> Forest:
    """All trees of several forests, one after the other."""
    columns: dict[str, list[NDArray[Any]]] = {name: [] for name in Forest.__struct_fields__}
    nodes = leaves = 0
    for one in forests:
        for name in ("feature", "threshold", "value"):
            columns[name].append(getattr(one, name))
        for name in ("root", "left", "right"):
            way = getattr(one, name)
            columns[name].append(np.where(way >= 0, way + nodes, way - leaves).astype(np.int32))
        nodes, leaves = nodes + len(one.feature), leaves + len(one.value)
    if not forests:
        whole, real = np.empty(0, np.int32), np.empty(0)
        return Forest(whole, whole, real, whole, whole, real)
    return Forest(**{name: np.concatenate(parts) for name, parts in columns.items()})


def _data(lightgbm: Any, groups: Sequence[Group], like: Any) -> Any:
    return lightgbm.Dataset(
        np.concatenate([one.rows for one in groups]),
        label=np.concatenate([one.wanted for one in groups]).astype(np.int32),
        group=[len(one.rows) for one in groups],
        reference=like,
        params=_PARAMS,
    )


def loaded() -> Any:
    """LightGBM. Raises NotInstalledError."""
    try:
        import lightgbm
    except ImportError as error:
        raise NotInstalledError("LightGBM is not installed: pip install 'patron[rank]'") from error
    except OSError as error:
        raise NotInstalledError(
            f"LightGBM cannot be loaded ({error}); install the system's libgomp1"
        ) from error
    return lightgbm
