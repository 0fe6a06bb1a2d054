"""How often somebody looks for work who is not told that there is some."""

SLOWER = 1.1


class Pace:
    """Soon after there was work, later and later when all is quiet: an idle house costs little."""

    def __init__(self, soon: float, late: float) -> None:
        """`soon`, `late`: seconds of the first rest after work, and of the longest."""
        self._soon, self._late = soon, late
        self._next = soon

    def after(self, found: int | None) -> float:
        """Seconds to rest; `found` is how much work there was, and after some there is no rest."""
        rest = 0.0 if found else self._next
        self._next = self._soon if found else min(self._late, rest * SLOWER)
        return rest
