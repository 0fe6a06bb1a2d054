"""What an erased person may have left outside her shop's tables: in files, and in kept answers."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from patron.profiles.erasure.store import ADDRESSES


def told_as(identifiers: Iterable[tuple[str, str]]) -> list[str]:
    """What to look for in JSON put into small letters: an address wherever it stands; any other
    name as a whole text only, because "42" is in half of all prices and times."""
    return [
        (value if kind in ADDRESSES else msgspec.json.encode(value).decode()).lower()
        for kind, value in identifiers
    ]


def erase(folder: Path, words: list[str]) -> int:
    """Remove the lines that hold one of `words` (see `told_as`) from the files a restore left; how
    many."""
    removed = 0
    for path in sorted(folder.glob("*.jsonl")) if folder.is_dir() else []:
        draft = path.with_suffix(".draft")
        gone = 0
        with path.open("rb") as file, draft.open("wb") as kept:
            for line in file:
                text = line.decode("utf-8", "replace").lower()
                if any(word in text for word in words):
                    gone += 1
                else:
                    kept.write(line)
        if gone:
            draft.replace(path)
            removed += gone
        else:
            draft.unlink()
    return removed
