"""The training file is read first; the test file is opened when no parameter can change any more.

    frozen.measured(default_train, default_test, freeze, score)

`freeze(train)` returns the parameters as a struct; they are written down as bytes before `score` is
given the test file's path, and what `score` gets is read back from those bytes.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

P = TypeVar("P", bound=msgspec.Struct)

SHARED = Path(__file__).parent.parent.parent / "shared" / "data"


def files(train: Path, test: Path) -> tuple[Path, Path]:
    """The files named on the command line, else these; SystemExit names the one that is absent."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--train", type=Path, default=train)
    asked.add_argument("--test", type=Path, default=test)
    found = asked.parse_args()
    for name in ("train", "test"):
        if not getattr(found, name).exists():
            raise SystemExit(
                f"--{name}: there is no {getattr(found, name)}; give --train and --test"
            )
    return found.train, found.test


def measured(
    train: Path,
    test: Path,
    freeze: Callable[[Path], P],
    score: Callable[[P, Path, Path], None],
) -> None:
    """Choose parameters from `train` alone, then hand them and both files to `score`."""
    params = freeze(train)
    written = msgspec.json.encode(params)
    score(msgspec.json.decode(written, type=type(params)), train, test)
