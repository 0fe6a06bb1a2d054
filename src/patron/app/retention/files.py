"""What is kept in files and goes by age: cut-off events, reports and standings of imports."""

import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from patron.app.imports.state import MOMENT

_CUT = re.compile(r"cut-(\d{8}T\d{6})-\d+\.jsonl")
_MONTH = re.compile(r"month=(\d{4})-(\d{2})")


class Files(msgspec.Struct, frozen=True):
    """The files of one kind, in one folder."""

    folder: Path

    def aged(self) -> list[tuple[datetime, Path]]:
        """Every file with its age, the oldest first. A file that a restore wrote says its moment in
        its name; of others it is when they were last written."""
        found = []
        for path in self.folder.iterdir() if self.folder.is_dir() else []:
            if path.name == MOMENT or not path.is_file():
                continue
            named = _CUT.fullmatch(path.name)
            if named:
                at = datetime.strptime(named[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
            else:
                at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            found.append((at, path))
        return sorted(found)

    def expire(self, before: datetime) -> int:
        """Delete what is older; how many files."""
        old = [path for at, path in self.aged() if at < before]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def oldest(self) -> datetime | None:
        """Since when there is something; of a lake, the first month that has files."""
        months = [
            datetime(int(found[1]), int(found[2]), 1, tzinfo=UTC)
            for path in (self.folder.iterdir() if self.folder.is_dir() else [])
            if (found := _MONTH.fullmatch(path.name)) and any(path.glob("*.parquet"))
        ]
        ages = [at for at, _ in self.aged()]
        return min([*months, *ages], default=None)
