"""A whole installation for benchmarks: the one that the tests use."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from running import Running, eventually, running

__all__ = ["Running", "eventually", "running"]
