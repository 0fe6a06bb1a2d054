"""Memory that is used for a moment is given back to the system when it is freed."""

import ctypes

_M_MMAP_THRESHOLD = -3  # of malloc.h
LARGE_BYTES = 1_000_000


def give_back_early() -> bool:
    """Have blocks from a megabyte on be mapped one by one, for good; whether the C library can.

    glibc maps large blocks too, but takes each one that is freed as a sign that such are wanted
    again, and cuts the next ones, up to 32 MB, out of heaps that never shrink: a process that
    counts for a second on one of several threads keeps what it needed then (`mallopt(3)`). It costs
    a count about a fifth more time.
    """
    try:
        return bool(ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES))
    except (OSError, AttributeError):
        return False  # another C library, which has rules of its own
