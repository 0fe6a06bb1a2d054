"""What texts have in common, kept until a text changes.

To compare the texts of a large catalog takes more than all else that is counted of it, and most
days none of them changes: prices and stock are no part of them. So the outcome is kept with a
digest of the texts, and of Patron's version. It names no person, and whoever removes it loses only
the time to make it anew; the models' folder, in which it lies, is in no backup.
"""

import hashlib
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron import VERSION
from patron.kit.log import logger
from patron.recommend.pairs import counting
from patron.recommend.pairs.types import Sets
from patron.recommend.similar import content
from patron.recommend.similar.words import Words, words

log = logger(__name__)

FORMAT = 1


class Shared(msgspec.Struct, frozen=True):
    """Words of texts, and pairs of texts that share rare ones: of each text the likest, in rising
    order of the first."""

    words: Words
    one: NDArray[np.int32]
    other: NDArray[np.int32]


def shared(texts: Sequence[str], kept: Path | None, *, compiled: bool | None = None) -> Shared:
    """The words of texts and who shares them, out of the file `kept` where that is of the same."""
    digest = "" if kept is None else _digest(texts)
    if kept is not None:
        found = _read(kept, digest, len(texts))
        if found is not None:
            return found
    of = words(texts)
    found = Shared(of, *content.by_words(of, compiled=compiled))
    if kept is not None:
        _write(kept, digest, found, len(texts))
    return found


def _digest(texts: Sequence[str]) -> str:
    said = hashlib.blake2b(f"{FORMAT} {VERSION} {len(texts)}\n".encode(), digest_size=16)
    for text in texts:
        told = text.encode(errors="surrogatepass")
        said.update(b"%d " % len(told) + told)
    return said.hexdigest()


def _read(kept: Path, digest: str, texts: int) -> Shared | None:
    """None where there is none, or of other texts. A zip archive has a checksum for each part."""
    try:
        with kept.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            if str(file["digest"]) != digest:
                return None
            told: dict[str, Any] = {name: file[name] for name in file.files if name != "digest"}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        log.warning("texts are compared anew", extra={"file": str(kept), "reason": str(error)})
        return None
    one = np.repeat(np.arange(texts, dtype=np.int32), np.diff(told["shared"]))
    nothing = Sets(np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0), texts)
    of = Words(
        told["start"], told["word"], told["weight"], nothing, int(told["known"]), told["length"]
    )
    return Shared(of, one, told["other"])


def _write(kept: Path, digest: str, found: Shared, texts: int) -> None:
    of = found.words
    kept.parent.mkdir(parents=True, exist_ok=True)
    draft = kept.with_suffix(".new")
    with draft.open("wb") as file:
        np.savez(
            file,
            digest=np.array(digest),
            start=of.start,
            word=of.word,
            weight=of.weight,
            known=np.array(of.known),
            length=of.length,
            shared=counting.starts(found.one, texts),
            other=found.other,
        )
    draft.replace(kept)
