"""Settings of an installation: environment `PATRON_*` over `patron.toml` over defaults.

A secret may stand in a file of its own: `PATRON_SMTP_PASSWORD_FILE=/run/secrets/smtp`, or
`smtp_password_file` in patron.toml. An empty value counts as not given.
"""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, inspect

from patron.kit.log import mask
from patron.kit.setting_values import (
    converted,
    described,
    expects,
    is_secret,
    read,
    reason,
)

PREFIX = "PATRON_"
HIDDEN = "[hidden]"

_SECRET: dict[str, Any] = {"secret": True}

Port = Annotated[int, Meta(ge=1, le=65535)]


class SettingsError(Exception):
    """One line a problem; each names the setting, its value and what to do."""


class Settings(Struct, frozen=True, kw_only=True):
    """What an installation is told; sizes in bytes, times in seconds, unless a name says more."""

    data_dir: Annotated[
        Path,
        Meta(description="Folder of everything Patron keeps; in patron.toml relative to that file"),
    ] = Path("patron-data")
    database_url: Annotated[
        str | None,
        Meta(
            description="PostgreSQL server to use (15 or newer); without it Patron runs its own",
            extra=_SECRET,
        ),
    ] = None
    listen_host: Annotated[
        str, Meta(description="Address to listen on; 0.0.0.0 for every network of the machine")
    ] = "127.0.0.1"
    listen_port: Annotated[Port, Meta(description="Port to listen on")] = 8080
    public_url: Annotated[
        str,
        Meta(description="Where browsers and mails reach Patron; follows listen_port if not given"),
    ] = "http://127.0.0.1:8080"
    secret: Annotated[
        str | None,
        Meta(
            description="Signs links and sessions; without it one is made in data_dir",
            extra=_SECRET,
        ),
    ] = None

    trusted_proxies: Annotated[
        str | None,
        Meta(description="Reverse proxies whose X-Forwarded headers count: networks with commas"),
    ] = None
    browser_library: Annotated[
        Path | None,
        Meta(description="The dist/umd folder of @segment/analytics-next, which pages load"),
    ] = None

    smtp_host: Annotated[
        str | None, Meta(description="Mail server; without it no mail leaves the house")
    ] = None
    smtp_port: Annotated[Port, Meta(description="Port of the mail server")] = 587
    smtp_user: Annotated[str | None, Meta(description="User name at the mail server")] = None
    smtp_password: Annotated[
        str | None, Meta(description="Password at the mail server", extra=_SECRET)
    ] = None
    smtp_security: Annotated[
        Literal["starttls", "tls", "none"],
        Meta(description="How the connection is protected: starttls (587), tls (465) or none"),
    ] = "starttls"
    mail_from: Annotated[
        str | None, Meta(description="Address mails come from, unless the shop has its own")
    ] = None
    mail_from_name: Annotated[str | None, Meta(description="Name shown beside mail_from")] = None
    mail_reply_to: Annotated[str | None, Meta(description="Address answers go to")] = None
    owner_email: Annotated[
        str | None,
        Meta(description="Address of the owner: test mails, and every mail during rehearsal"),
    ] = None
    dkim_domain: Annotated[str | None, Meta(description="Domain that signs the mails")] = None
    dkim_selector: Annotated[
        str | None, Meta(description="Selector under which the public key stands in the DNS")
    ] = None
    dkim_key: Annotated[
        str | None,
        Meta(
            description="Private key of the signature: PEM text, or path of a file", extra=_SECRET
        ),
    ] = None

    log_format: Annotated[
        Literal["text", "json"], Meta(description="Lines for people, or a JSON object a line")
    ] = "text"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error", "critical"],
        Meta(description="The least important lines that are written"),
    ] = "info"

    ingest_pending_limit: Annotated[
        int,
        Meta(ge=2**20, description="Bytes of events one process may hold before they are on disk"),
    ] = 64 * 2**20
    ingest_backlog_limit: Annotated[
        int,
        Meta(ge=1000, description="Events accepted but not yet walked, above which callers wait"),
    ] = 5_000_000
    ingest_reserved_share: Annotated[
        float,
        Meta(ge=0, le=0.9, description="Part of both limits that public keys cannot fill"),
    ] = 0.2
    event_retention_months: Annotated[
        int, Meta(ge=1, description="Months of events kept in PostgreSQL; the lake keeps more")
    ] = 13
    lake_retention_months: Annotated[
        int,
        Meta(
            ge=0,
            description="Months of events kept in the lake, no fewer than in PostgreSQL; 0: all."
            " What goes is gone: models and conditions over all time count without it",
        ),
    ] = 0
    rejected_retention_days: Annotated[
        int,
        Meta(ge=1, description="Days that refused events are listed and can be run again"),
    ] = 7
    dead_letter_retention_days: Annotated[
        int,
        Meta(
            ge=0,
            description="Days that events which made the walk fail are kept; 0: until replayed."
            " Then they are lost",
        ),
    ] = 90
    message_retention_months: Annotated[
        int,
        Meta(
            ge=0,
            description="Months after which ended messages and runs lose address, story and reasons"
            " (0: never); results stay",
        ),
    ] = 24
    cart_retention_months: Annotated[
        int,
        Meta(ge=0, description="Months after which a closed cart is deleted; 0: never"),
    ] = 24
    anonymous_retention_months: Annotated[
        int,
        Meta(
            ge=0,
            description="Months after which a visitor without a name who has not come back is"
            " forgotten (0: never); should she come, she is new",
        ),
    ] = 24
    audit_retention_months: Annotated[
        int, Meta(ge=0, description="Months of the audit log; 0: all. What goes cannot be proven")
    ] = 24
    import_report_retention_days: Annotated[
        int,
        Meta(
            ge=0,
            description="Days after which reports and standings of imports are deleted (0: never);"
            " the same file is then read anew, and adds nothing twice",
        ),
    ] = 90
    cut_file_retention_days: Annotated[
        int,
        Meta(
            ge=0,
            description="Days after which events that a restore cut off are deleted (0: never); who"
            " has not imported them by then has lost them",
        ),
    ] = 90
    erasure_rewrite_hour: Annotated[
        int,
        Meta(
            ge=0,
            le=23,
            description="Hour of the shop's night from which what an erasure leaves in PostgreSQL's"
            " files is written over",
        ),
    ] = 3
    lake_flush_events: Annotated[
        int, Meta(ge=1, description="Events that wait for the lake before they are written")
    ] = 50_000
    lake_flush_seconds: Annotated[
        float, Meta(gt=0, description="Longest time an event waits for the lake")
    ] = 60
    training_seconds: Annotated[
        int, Meta(ge=0, le=7200, description="Longest a night's search for better models takes")
    ] = 120
    send_max_in_flight: Annotated[
        int, Meta(ge=1, le=1000, description="Mails handed to the mail server at the same time")
    ] = 8
    send_lease_seconds: Annotated[
        float,
        Meta(
            ge=4,
            le=3600,
            description="After this long a mail whose sender died is in doubt (ambiguous);"
            " bounds the mail server's answers too",
        ),
    ] = 240

    webhook_networks: Annotated[
        str | None,
        Meta(description="Private networks that webhooks may go to, with commas; else none"),
    ] = None
    feed_networks: Annotated[str | None, Meta(description="As webhook_networks, for feeds")] = None
    webhook_history_days: Annotated[
        int, Meta(ge=1, le=365, description="Days that what webhooks were told is kept")
    ] = 7

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{key}={value}' for key, value in shown(self).items())})"


class SettingDoc(Struct, frozen=True):
    """One setting as the documentation and `patron doctor` show it."""

    key: str
    env: str
    type: str
    default: str | None
    description: str
    secret: bool


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings of file `path` (None: no file) and of `environ`, which wins.

    Raises SettingsError that lists every problem at once.
    """
    problems: list[str] = []
    given: dict[str, Any] = {}
    sources = [_from_environment(environ, problems)]
    if path is not None:
        sources.insert(0, _from_file(path, problems))
    for source in sources:
        for key, raw, origin, base in source:
            try:
                given[key] = converted(key, _FIELDS[key], _TYPES[key], raw, base)
            except ValueError as error:
                value = "a value" if is_secret(_FIELDS[key]) else repr(raw)
                problems.append(f"{key} = {value} ({origin}) is not right: {error}")
    if "public_url" not in given and "listen_port" in given:
        given["public_url"] = f"http://127.0.0.1:{given['listen_port']}"
    problems += _disagreements(Settings(**given))
    if problems:
        raise SettingsError("\n".join(problems))
    return Settings(**given)


def describe() -> list[SettingDoc]:
    """Every setting, in the order in which a reader should meet them."""
    return [
        SettingDoc(
            key=field.name,
            env=PREFIX + field.name.upper(),
            type=expects(field),
            default=None if field.default is None else str(field.default),
            description=described(field),
            secret=is_secret(field),
        )
        for field in _FIELDS.values()
    ]


def shown(settings: Settings) -> dict[str, str]:
    """The values as text for people; secrets hidden, of the database's URL only the password."""
    values = {}
    for key, field in _FIELDS.items():
        value = getattr(settings, key)
        if value is None:
            values[key] = ""
        elif key == "database_url":
            values[key] = mask(value)
        else:
            values[key] = HIDDEN if is_secret(field) else str(value)
    return values


def unknown_variables(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Variables that look like a misspelt setting, each with the name probably meant."""
    names = {PREFIX + key.upper() for key in _keys()}
    found = []
    for name in environ:
        if name.startswith(PREFIX) and name not in names:
            meant = difflib.get_close_matches(name, names, n=1, cutoff=0.85)
            found += [(name, meant[0])] if meant else []
    return found


_Given = Iterator[tuple[str, Any, str, Path]]
"""Key, raw value, where it comes from (for messages), and what its paths are relative to."""


def _from_environment(environ: Mapping[str, str], problems: list[str]) -> _Given:
    values = {
        key: (environ[name], f"environment {name}")
        for key in _keys()
        if environ.get(name := PREFIX + key.upper(), "") != ""
    }
    yield from _with_files(values, Path(), problems)


def _from_file(path: Path, problems: list[str]) -> _Given:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}; check the path") from error
    except ValueError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}; correct that line") from error
    values = {}
    for key, raw in table.items():
        if key not in _keys():
            meant = difflib.get_close_matches(key.lower(), _keys(), n=1)
            remedy = f"did you mean {meant[0]}?" if meant else "remove it, or see `patron doctor`"
            problems.append(f"{key} ({path}) is not a setting; {remedy}")
        elif raw != "":
            values[key] = (raw, str(path))
    yield from _with_files(values, path.parent, problems)


def _with_files(values: Mapping[str, tuple[Any, str]], base: Path, problems: list[str]) -> _Given:
    """The values, those of `…_file` read from their file."""
    for key, (raw, origin) in values.items():
        if key in _FIELDS:
            yield key, raw, origin, base
            continue
        target = key.removesuffix("_file")
        try:
            text = read(base / str(raw))
            # The same twice is no contradiction: a parent process hands on what it has read.
            if target in values and values[target][0] != text:
                problems.append(
                    f"{target} and {key} are both given ({origin}) and differ; remove one of them"
                )
                continue
            yield target, text, f"{origin}, file {raw}", base
        except (OSError, ValueError) as error:
            problems.append(
                f"{key} = {raw!r} ({origin}) cannot be read: {reason(error)}; "
                "give the path of a text file that Patron may read"
            )


def _disagreements(settings: Settings) -> list[str]:
    """Settings that are right one by one and wrong together."""
    found = []
    signing = ("dkim_domain", "dkim_selector", "dkim_key")
    missing = [key for key in signing if getattr(settings, key) is None]
    if 0 < len(missing) < len(signing):
        found.append(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing: mails are "
            f"signed with {', '.join(signing)} together; give all three or none"
        )
    if (settings.smtp_user is None) != (settings.smtp_password is None):
        names = ["smtp_user", "smtp_password"]
        given, other = names if settings.smtp_user is not None else names[::-1]
        found.append(f"{given} is given without {other}; give both or neither")
    if 0 < settings.lake_retention_months < settings.event_retention_months:
        found.append(
            f"lake_retention_months = {settings.lake_retention_months} is less than"
            f" event_retention_months = {settings.event_retention_months}: events leave PostgreSQL"
            " for the lake; keep them there as long, or for ever (0)"
        )
    return found


def _fields() -> dict[str, inspect.Field]:
    kind = inspect.type_info(Settings)
    assert isinstance(kind, inspect.StructType)
    return {field.name: field for field in kind.fields}


_FIELDS = _fields()
_TYPES = {field.name: field.type for field in msgspec.structs.fields(Settings)}


def _keys() -> list[str]:
    """Every name that may be given, `…_file` of the secrets among them."""
    return [*_FIELDS, *(f"{key}_file" for key, field in _FIELDS.items() if is_secret(field))]
