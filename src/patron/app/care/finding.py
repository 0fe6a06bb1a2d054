"""One thing that `patron doctor` has looked at."""

from typing import Literal

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """`remedy` is there unless it is well."""

    what: str
    state: Literal["ok", "warning", "failed"]
    detail: str
    remedy: str | None = None
