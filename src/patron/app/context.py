"""What a running process has at hand: settings, secret, clock, database."""

import os
import secrets
from pathlib import Path

from patron.app.installing import write_secret_once
from patron.app.under_test import clock_of
from patron.events.inbox import InboxLimits
from patron.kit.clock import Clock
from patron.kit.postgres.place import make_folder
from patron.kit.settings import Settings, load
from patron.kit.signing import Signer

CONFIG = "patron.toml"


def read_settings() -> Settings:
    """The settings of this process: environment over `patron.toml` over defaults."""
    named = os.environ.get("PATRON_CONFIG")
    path = Path(named or CONFIG)
    environ = {name: text for name, text in os.environ.items() if name != "PATRON_CONFIG"}
    return load(path if named or path.exists() else None, environ)


def the_clock(role: str = "command") -> Clock:
    """The clock of this process, which is a `role` ("web", "worker" …)."""
    return clock_of(role)


def open_signer(settings: Settings) -> Signer:
    """The signer of this installation; its secret is made at the first start.

    Losing the secret makes every link in mails already sent stop working, so it is kept beside the
    data and belongs into the backup.
    """
    if settings.secret:
        return Signer(settings.secret.encode())
    path = settings.data_dir / "secret"
    if not path.exists():
        make_folder(path.parent)
        write_secret_once(path, secrets.token_bytes(32))
    return Signer(path.read_bytes())


def worker_figures(settings: Settings) -> Path:
    """The file with the worker's figures in the Prometheus text format, a few seconds old."""
    return settings.data_dir / "run" / "worker.prom"


def inbox_limits(settings: Settings) -> InboxLimits:
    """The bounds of the inbox as the settings have them."""
    return InboxLimits(
        pending_bytes=settings.ingest_pending_limit,
        backlog_events=settings.ingest_backlog_limit,
        reserved_share=settings.ingest_reserved_share,
    )
