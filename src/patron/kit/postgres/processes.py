"""Which process serves a data directory, asked of the kernel (/proc), never of a pid file alone.

A pid file outlives its process, and its number may belong to another program by now: after a
restart of a container this is the rule rather than the exception.
"""

import os
from pathlib import Path


def alive(pid: int) -> bool:
    """Whether the process runs; one that ended but was not waited for yet does not."""
    fields = _stat(pid)
    return bool(fields) and fields[0] not in (b"Z", b"X")


def serves(pid: int, data: Path) -> bool:
    """Whether `pid` is the PostgreSQL server of this data directory.

    Its working directory says so, or its command line where root may not look at the former
    (containers lack SYS_PTRACE). Compared by device and inode, so that links do not matter.
    """
    proc = Path(f"/proc/{pid}")
    try:
        if (proc / "comm").read_text().strip() != "postgres":
            return False
        words = (proc / "cmdline").read_bytes().split(b"\0")
        if b"-D" not in words[1:-1]:
            return False
        try:
            return (proc / "cwd").samefile(data)
        except PermissionError:
            return Path(os.fsdecode(words[words.index(b"-D") + 1])).samefile(data)
    except OSError:
        return False


def children(pid: int) -> list[int]:
    """The processes whose parent is `pid`."""
    numbers = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [number for number in numbers if _stat(number)[1:2] == [str(pid).encode()]]


def _stat(pid: int) -> list[bytes]:
    """State, parent pid and so on: what follows the name in /proc/PID/stat."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return []
