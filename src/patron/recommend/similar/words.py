"""Texts as sets of words, each weighed by how rare it is."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.recommend.pairs import counting
from patron.recommend.pairs.types import Sets

WORK, WORK_EACH = 10_000_000, 100
"""Pairs of products that are compared for their words, about, and how many more for each product;
the commonest words are left out to keep to it, as they tell least."""


class Words(msgspec.Struct, frozen=True):
    """Product i has the words `word[start[i]:start[i+1]]` with their weights; the sum of the
    squared weights of each product is 1, of one without words 0."""

    start: NDArray[np.int64]
    word: NDArray[np.int32]
    weight: NDArray[np.float64]
    rare: Sets  # for each rare word its products; the weight is that of the word, squared
    known: int  # how many different words there are
    length: NDArray[np.float64]  # what a product's weights were divided by


def words(texts: Sequence[str]) -> Words:
    """Words without case, accents and punctuation; where a script has no blanks, its characters.

    A word weighs log(1 + N / n), with N texts of which n have it (Spärck Jones 1972,
    doi:10.1108/eb026526). How often a text has it does not count: titles repeat to be found.
    """
    item, word, size = _split(texts)
    key = counting.distinct(item * max(size, 1) + word)
    item, word = np.divmod(key, max(size, 1))
    spread = np.bincount(word, minlength=size)
    rarity = np.log1p(len(texts) / np.maximum(spread, 1))
    length = np.sqrt(np.bincount(item, weights=rarity[word] ** 2, minlength=len(texts)))
    # Comparing all products with a word costs the square of their number.
    cost = np.cumsum(np.sort(spread).astype(np.float64) ** 2)
    allowed = int(np.searchsorted(cost, WORK + WORK_EACH * len(texts), side="right"))
    largest = int(np.sort(spread)[allowed - 1]) if allowed else 0
    rare = counting.sets(word, item.astype(np.int32), len(texts), largest, rarity**2)
    return Words(
        counting.starts(item.astype(np.int32), len(texts)),
        word.astype(np.int32),
        rarity[word] / length[item],
        rare,
        size,
        length,
    )


def _split(texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Text and word of every word, and how many words there are."""
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = pc.utf8_lower(pc.utf8_normalize(pa.array(texts, pa.large_string()), form="NFKD"))
    plain = pc.replace_substring_regex(plain, r"\p{M}+", "")
    plain = pc.replace_substring_regex(
        plain, r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}])", r" \1 "
    )
    plain = pc.utf8_trim(pc.replace_substring_regex(plain, r"[^\p{L}\p{N}]+", " "), " ")
    parts = pc.split_pattern(plain, " ")
    item = pc.list_parent_indices(parts).to_numpy()
    flat = pc.list_flatten(parts)
    there = pc.not_equal(flat, "").to_numpy(zero_copy_only=False)
    coded = pc.dictionary_encode(flat)
    word = coded.indices.to_numpy(zero_copy_only=False)
    return item[there].astype(np.int64), word[there].astype(np.int64), len(coded.dictionary)
