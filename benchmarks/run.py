"""Runs every benchmark, or one: `make bench`, `make bench NAME=walk`.

Each prints one JSON object a figure. What follows the name is handed to it, such as input files.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
NAMES = ("ingest_ack", "walk", "sustained", "freshness", "memory", "start", "import",
         "segment_live", "segment_full", "recommend_session", "recommend_query",
         "recommend_fit", "recommend_refresh", "recommend_rank",
         "recommend_complement", "recommend_sequence", "recommend_basket",
         "recommend_replenish", "recommend_blend", "recommend_batch",
         "recommend_http")  # fmt: skip

MODULES = {"import": "import_lines"}
"""A word of the language names no module."""


def main() -> int:
    asked, *arguments = sys.argv[1:] or [""]
    if asked and asked not in NAMES:
        sys.stderr.write(f"there is no benchmark {asked!r}; there are: {', '.join(NAMES)}\n")
        return 2
    failed = 0
    for name in [asked] if asked else NAMES:
        done = subprocess.run(
            [sys.executable, HERE / f"{MODULES.get(name, name)}.py", *arguments], cwd=HERE
        )
        failed += done.returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
