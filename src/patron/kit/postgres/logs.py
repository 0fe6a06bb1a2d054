"""The server's log files: told while it starts, and kept within bounds while it runs."""

import contextlib
import re
import threading
from pathlib import Path

KEPT_BYTES = 50 * 2**20
"""What all log files together may hold, the one being written left out."""

_LINE = re.compile(r"^\S+ \S+ \S+ \[\d+\] (?P<level>[A-Z]+):\s+(?P<text>.*)$")
_WORTH_TELLING = re.compile(
    "database system was (interrupted|not properly)|redo |syncing data|resetting unlogged"
    "|consistent recovery state"
)


class Tail:
    """What the server writes from now on: to the log files of `folder` and to `first_words`.

    `first_words` receives what is said before the log collector runs.
    """

    def __init__(self, folder: Path, first_words: Path) -> None:
        self._folder = folder
        self._first_words = first_words
        self._read = {path: path.stat().st_size for path in self._files()}
        self.complaints: list[str] = []

    def progress(self) -> list[str]:
        """New lines about recovery, without time and pid; complaints are collected besides."""
        told = []
        for line in self._lines():
            found = _LINE.match(line)
            if found is None:
                if line.startswith("postgres: "):
                    self.complaints.append(line)
            elif found["level"] in ("FATAL", "PANIC", "ERROR"):
                self.complaints.append(found["text"])
            elif _WORTH_TELLING.match(found["text"]):
                told.append(found["text"])
        return told

    def _files(self) -> list[Path]:
        files = sorted(self._folder.glob("postgres-*.log"))
        return [*files, self._first_words] if self._first_words.exists() else files

    def _lines(self) -> list[str]:
        lines: list[str] = []
        for path in self._files():
            start = self._read.get(path, 0)
            try:
                with path.open("rb") as file:
                    file.seek(start)
                    whole, newline, _ = file.read().rpartition(b"\n")
            except FileNotFoundError:
                continue
            self._read[path] = start + len(whole) + len(newline)
            lines += whole.decode("utf-8", "replace").splitlines()
        return lines


def trim(folder: Path, kept_bytes: int = KEPT_BYTES) -> list[Path]:
    """Remove the oldest log files until the rest fits; returns what was removed.

    PostgreSQL begins a new file every 10 MB and every day, but never removes one.
    """
    total = 0
    removed = []
    for path in sorted(folder.glob("postgres-*.log"), reverse=True)[1:]:
        # Another Patron process may be trimming too.
        with contextlib.suppress(FileNotFoundError):
            total += path.lstat().st_size
            if total > kept_bytes:
                path.unlink()
                removed.append(path)
    return removed


class Trimmer:
    """Trims the log files of `folder` once a minute until told to stop."""

    EVERY_SECONDS = 60.0

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="patron-postgres-logs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            trim(self._folder)
            if self._ended.wait(self.EVERY_SECONDS):
                return
