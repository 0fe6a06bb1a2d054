"""Regular expressions that cannot be made to run away.

RE2 searches in time linear in the text, whatever the expression; its memory is bounded here.
"""

from typing import Any

import re2

LONGEST = 200
_MEMORY = 1 << 18

_options = re2.Options()
_options.max_mem = _MEMORY
_options.case_sensitive = False
_options.log_errors = False


def compiled(pattern: str) -> Any:
    """The expression, ready to be searched with, without regard to case.

    Raises ValueError, saying why, for one that is wrong, too long or needs too much memory.
    """
    if not pattern or len(pattern) > LONGEST:
        raise ValueError(f"must be 1 to {LONGEST} characters long")
    try:
        return re2.compile(pattern, _options)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        raise ValueError(
            said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        ) from (None)
    except UnicodeEncodeError:
        raise ValueError("is no text") from None


def occurs(pattern: Any, text: str) -> bool:
    return pattern.search(text) is not None
