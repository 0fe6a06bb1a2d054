"""The records of history, from the sorted copy, as the walk would have left them."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np

from patron.events.sorted.layout import FORGOTTEN, Folder, Manifest
from patron.events.sorted.writing import people, ranged
from patron.segments.full.scan import Part, Piece, Scan
from patron.segments.keeping import Left
from patron.segments.live.columns import cut, joined
from patron.segments.live.listening import NOTHING, Heard, Listener
from patron.segments.live.streams import Kept, Stream

ROWS_AT_ONCE = 500_000


def history(
    folder: Folder,
    manifest: Manifest,
    streams: Sequence[tuple[int, Stream]],
    kept: Mapping[int, Kept],
    now: int,
) -> Iterator[tuple[Left, int]]:
    """What is needed of the records of some people, and how many events they were."""
    listener = Listener(streams)
    scan = Scan(folder, manifest, listener)
    known = folder.known(manifest)
    whose = [folder.mapped(run, "who") for run in scan.runs]
    for begin, end in people(whose, ROWS_AT_ONCE) if whose else ():
        pieces: list[Piece] = [
            (run, ranged(who, begin, end)) for run, who in zip(scan.runs, whose, strict=True)
        ]
        part = Part(scan, pieces, begin, None)
        heard = Heard(part, scan.known)
        parts = [NOTHING]
        for number, stream in streams:
            left = heard.touched(stream) if stream.kind != "event" else heard.left(stream)
            left.stream[:] = number
            parts.append(cut(left.ordered(), kept, now))
        records = joined(*parts)
        # Who was erased has no id any more, and her records are nobody's.
        records = records.take(known[records.who + begin] != FORGOTTEN)
        numbers, place = np.unique(records.who, return_inverse=True)
        origins = folder.origin((numbers + begin).tolist())
        rows = len(part.at)
        yield Left(origins, msgspec.structs.replace(records, who=place)), rows
