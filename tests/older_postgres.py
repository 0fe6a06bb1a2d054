"""A PostgreSQL server of another version than Patron's own, from the machine's packages."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ports import free_port
from postgres_fixture import server_folder

DEBIAN = Path("/usr/lib/postgresql")
VERSIONS = ("15", "16")


def programs() -> Path:
    """The `bin` folder of an older PostgreSQL; installs Debian's when root may. Skips without."""
    found = _found()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        # Without a cluster of Debian's own, which would start a server.
        subprocess.run(
            ["sh", "-c", "mkdir -p /etc/postgresql-common && grep -qs create_main_cluster"
             " /etc/postgresql-common/createcluster.conf || echo 'create_main_cluster = false'"
             " >> /etc/postgresql-common/createcluster.conf"], check=False,
        )  # fmt: skip
        for words in (["update"], ["install", "-y", "--no-install-recommends", "postgresql-15"]):
            subprocess.run(["apt-get", "-q", *words], env=quiet, capture_output=True, check=False)
        found = _found()
    if found is None:
        pytest.skip(f"no PostgreSQL {' or '.join(VERSIONS)} below {DEBIAN}: apt install postgresql")
    return found


def _found() -> Path | None:
    folders = [DEBIAN / version / "bin" for version in VERSIONS]
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


@contextmanager
def older_server() -> Iterator[str]:
    """The URL of an empty database on such a server, on loopback; stopped at the end."""
    bin_folder, port = programs(), free_port()
    account: dict[str, Any] = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}
    with server_folder() as folder:
        if account:
            shutil.chown(folder, "nobody", "nogroup")
        data = folder / "data"
        made = [str(bin_folder / "initdb"), "-D", str(data), "-U", "patron", "-A", "trust",
                "-E", "UTF8", "--no-sync"]  # fmt: skip
        subprocess.run(made, capture_output=True, check=True, cwd=folder, **account)
        options = (
            f"-c port={port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
        )
        control = [str(bin_folder / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log")]
        start = [*control, "-o", options, "start"]
        subprocess.run(start, stdout=subprocess.DEVNULL, check=True, cwd=folder, **account)
        try:
            yield f"postgresql://patron@127.0.0.1:{port}/postgres"
        finally:
            stop = [*control, "-m", "immediate", "stop"]
            subprocess.run(stop, capture_output=True, check=True, cwd=folder, **account)
