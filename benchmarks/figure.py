"""The form in which every benchmark tells its results: one JSON object a line."""

import json
import math


def show(
    figure: str, value: float, unit: str, *, reference: float | None = None, note: str = ""
) -> None:
    """Print one figure; `reference` is the value of the yardstick measured in the same run."""
    ratio = value / reference if reference else None
    line = {
        "figure": figure,
        "value": _rounded(value),
        "unit": unit,
        "reference": None if reference is None else _rounded(reference),
        "ratio": None if ratio is None else round(ratio, 3),
        "note": note,
    }
    print(json.dumps(line), flush=True)


def _rounded(value: float) -> float:
    """Four significant digits: more would pretend to a precision that no run repeats."""
    if value == 0 or not math.isfinite(value):
        return value
    return round(value, 3 - math.floor(math.log10(abs(value))))
