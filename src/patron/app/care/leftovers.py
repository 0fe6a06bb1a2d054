"""What an erased person may have left outside the database: in the files of a restore."""

from collections.abc import Callable
from pathlib import Path


def erase(folder: Path, named: Callable[[bytes], bool]) -> int:
    """Remove the lines that name her from the files a restore left; how many."""
    removed = 0
    for path in sorted(folder.glob("*.jsonl")) if folder.is_dir() else []:
        draft = path.with_suffix(".draft")
        gone = 0
        with path.open("rb") as file, draft.open("wb") as kept:
            for line in file:
                if named(line):
                    gone += 1
                else:
                    kept.write(line)
        if gone:
            draft.replace(path)
            removed += gone
        else:
            draft.unlink()
    return removed
