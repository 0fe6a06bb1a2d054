"""Which single-byte encoding the lines of a file are in, judged by the letters of languages.

The same bytes are letters in a dozen encodings, and a statistic of a few accented letters tells
little. What tells much: whether all of them are letters of *one* language, whether signs stand
between letters (`K‰se`) and whether capitals follow small letters (`Kšln`, `KÖln`).
"""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache

_CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюя"
_WEST = (
    "äöüßé", "àâæçéèêëîïôœùûüÿ", "áéíóúüñºª", "ãáàâçéêíóôõúüª", "àèéìíòóù", "åäöéü",
    "æøåéöü", "ëïéèêöüáó", "áðéíóúýþæö", "àçèéíïòóúü·", "äõöüšž",
)  # fmt: skip
_MIDDLE = (
    "ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "ăâîşţ", "čćđšž",
)  # fmt: skip
_EAST = (_CYRILLIC + "ё", _CYRILLIC + "іїєґ", _CYRILLIC + "ђјљњћџ", _CYRILLIC + "ўіё")
_GREEK = ("αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ",)
_TURKISH = ("çğıöşüâîİ",)
_BALTIC = ("āčēģīķļņšūž", "ąčęėįšųūž", "äõöüšž")

# Languages written in each encoding, and how much less often shops still write it.
_ENCODINGS = (
    ("cp1252", _WEST, 0.0), ("cp1250", _MIDDLE, 0.02), ("cp1251", _EAST, 0.02),
    ("cp1253", _GREEK, 0.02), ("cp1254", _TURKISH, 0.02), ("cp1257", _BALTIC, 0.02),
    ("iso8859_2", _MIDDLE, 0.04), ("iso8859_15", _WEST, 0.04), ("iso8859_5", _EAST, 0.04),
    ("koi8_r", _EAST, 0.04), ("cp850", _WEST, 0.06), ("cp852", _MIDDLE, 0.06),
    ("mac_roman", _WEST, 0.06),
)  # fmt: skip
_SIGNS = frozenset("€£°´’‘“”„–—…•®©™½¼¾²³±×·¿¡«»§\xa0")
_SIGN_IN_WORD = re.compile(r"(?<=[^\W\d_])[^\w\s\x00-\x7f’·´\xad–](?=[^\W\d_])")
_TWO_SCRIPTS = re.compile("[A-Za-z][\u0370-\u04ff]|[\u0370-\u04ff][A-Za-z]")
_WORD = re.compile(r"[^\W\d_]+")
SURE = 0.8  # of one: every letter beyond ASCII is one of the language's


def judge(sample: bytes) -> str | None:
    """The encoding of `sample`, lines that are no UTF-8; None where no language fits it."""
    best, name = max(
        ((_fit(sample, *one), one[0]) for one in _ENCODINGS), key=lambda found: found[0]
    )
    return name if best >= SURE else None


def _fit(sample: bytes, encoding: str, alphabets: tuple[str, ...], rare: float) -> float:
    """How well `sample` in `encoding` is one of its languages: 1 at best, below 0 for noise."""
    text = sample.decode(encoding, "replace")
    high = Counter(c for c in text if ord(c) > 127)
    odd = len(_SIGN_IN_WORD.findall(text)) + len(_TWO_SCRIPTS.findall(text))
    odd = 2 * (odd + sum(_misplaced_capitals(text)))
    signs = sum(count for c, count in high.items() if c in _SIGNS)
    every = frozenset().union(*map(_letters, alphabets))
    best = -1.0
    for alphabet in alphabets:
        own = _letters(alphabet)
        score = 0.0
        for c, count in high.items():
            if c in own:
                score += count
            elif c in every:
                score += count / 2  # a name from next door
            elif c not in _SIGNS:
                score -= 2 * count
        # Signs say nothing where there are letters, and are all there is where there are none.
        best = max(best, (score - odd + signs / 2) / max(1.0, high.total() - signs / 2))
    return best - rare


@cache
def _letters(alphabet: str) -> frozenset[str]:
    return frozenset(alphabet + alphabet.upper())


def _misplaced_capitals(text: str) -> Iterator[int]:
    """For each word that is not in capitals: its letters beyond ASCII in the wrong case."""
    for word in _WORD.findall(text):
        if word.isascii() or word.isupper() or word.islower():
            continue
        tail = word[1:]
        if tail.islower():
            continue
        pairs = zip(word, tail, strict=False)
        yield sum(a.islower() and b.isupper() and max(ord(a), ord(b)) > 127 for a, b in pairs)
