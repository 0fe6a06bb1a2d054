"""Counting loops are compiled where numba is installed; everywhere else numpy does the same."""

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import TypeVar, cast

F = TypeVar("F", bound=Callable[..., object])


@cache
def possible() -> bool:
    """Whether loops can be compiled here: the extra `fast` is installed."""
    return find_spec("numba") is not None


def compiled(function: F) -> F:
    """`function` as machine code that runs without the interpreter's lock. It is compiled at its
    first call and kept beside its source, or in the user's cache folder where that is read-only;
    where neither can be written to, each process compiles it anew."""
    import numba

    # A dispatcher is called as the function is, so callers see the types that it declares.
    try:
        return cast(F, numba.njit(cache=True, nogil=True)(function))
    except RuntimeError:  # numba found no folder for its cache
        return cast(F, numba.njit(nogil=True)(function))
