"""Loops are compiled wherever numba is, also where nothing can be kept for the next start."""

import pytest

from patron.recommend import compiling


@pytest.mark.skipif(not compiling.possible(), reason="numba, the extra `fast`, is not installed")
def test_a_function_without_a_place_for_its_cache_is_compiled_all_the_same() -> None:
    namespace: dict[str, object] = {}
    exec("def twice(n): return 2 * n", namespace)
    twice = namespace["twice"]
    assert callable(twice)
    assert compiling.compiled(twice)(21) == 42
