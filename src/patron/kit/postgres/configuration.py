"""The server's configuration: written whole at every start, so that an upgrade brings its own."""

import re
from collections.abc import Mapping
from pathlib import Path

from patron.kit.postgres.errors import PostgresError

CLUSTER = "patron"
"""What Patron's own server calls itself."""

# An owner's own wishes go through ALTER SYSTEM, which PostgreSQL reads after this file.
TUNING = {
    "cluster_name": CLUSTER,
    "max_connections": "100",
    "shared_buffers": "128MB",
    "wal_buffers": "16MB",
    # "On disk" is what the door's answer means.
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    # Checkpoints far apart: each makes the next write of every page a full page in the log.
    "checkpoint_timeout": "15min",
    "max_wal_size": "2GB",
    "min_wal_size": "256MB",
    "wal_compression": "off",
    "wal_level": "replica",
    "max_wal_senders": "4",
    # A process less; nobody subscribes to this server.
    "max_logical_replication_workers": "0",
    "io_workers": "1",
    # Short statements: compiling them costs more than it saves, and parallel ones need /dev/shm,
    # of which a container has 64 MB.
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "random_page_cost": "1.1",
    # Queue tables turn over quickly.
    "autovacuum_naptime": "15s",
    "autovacuum_max_workers": "2",
    # A process that was killed keeps its locks only as long as this.
    "client_connection_check_interval": "5s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_startup_progress_interval": "1s",
    # Neither statements nor details: they would carry customers' data into the log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_line_prefix": "%m [%p] ",
    "logging_collector": "on",
    "log_filename": "postgres-%Y%m%d-%H%M%S.log",
    "log_file_mode": "0600",
    "log_rotation_age": "1d",
    "log_rotation_size": "10MB",
}

ACCESS = "local all all scram-sha-256\nlocal replication all scram-sha-256\n"
"""pg_hba.conf: who comes through the private socket, with the password; no network."""

_NAME = re.compile(r"[a-z_]+(\.[a-z_]+)?")


def text(
    settings: Mapping[str, str], *, socket_folder: Path, log_folder: Path, access_file: Path
) -> str:
    """postgresql.conf; `settings` win over TUNING, but not over where socket and access are.

    Raises PostgresError for a setting whose name or value no configuration file can hold.
    """
    fixed = {
        "listen_addresses": "",
        "unix_socket_directories": '"' + str(socket_folder).replace('"', '""') + '"',
        "unix_socket_permissions": "0700",
        "hba_file": str(access_file),
        "log_directory": str(log_folder),
    }
    lines = ["# Written by Patron at every start. Change a value with ALTER SYSTEM."]
    for name, value in {**TUNING, **settings, **fixed}.items():
        if not _NAME.fullmatch(name) or "\n" in value:
            raise PostgresError(
                f"PostgreSQL setting {name!r} = {value!r} cannot be written to a configuration "
                "file; give a name such as shared_buffers and a value of one line"
            )
        quoted = value.replace("\\", "\\\\").replace("'", "''")
        lines.append(f"{name} = '{quoted}'")
    return "\n".join(lines) + "\n"
