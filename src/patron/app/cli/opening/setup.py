"""`patron init`: from nothing to a shop, a snippet and a first event."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
import typer
from rich.prompt import Prompt

from patron.app.cli.house import open_house
from patron.app.cli.opening.answers import country_of, usable
from patron.app.cli.output import Json, clear_errors, complain, console, fail, show
from patron.app.context import CONFIG, read_settings
from patron.app.founding import Founded, found
from patron.app.installing import LIBRARY, curl, snippet, write_config, write_secret
from patron.kit.postgres.place import make_folder
from patron.kit.problems import Problem
from patron.shops.found import changed
from patron.shops.types import ShopSettings

Ask = Annotated[bool, typer.Option("--yes", help="Take the defaults instead of asking.")]


class Installed(msgspec.Struct, frozen=True):
    """What a new installation prints: the shop and its keys, and what to paste where."""

    founded: Founded
    config: str
    snippet: str
    curl: str


class Answers(msgspec.Struct, frozen=True):
    """What `patron init` wants to know."""

    name: str
    currency: str
    time_zone: str
    locale: str
    phone_region: str
    shop_url: str
    owner: str
    public_url: str
    smtp_host: str
    smtp_port: str
    smtp_security: str
    smtp_user: str
    smtp_password: str
    mail_from: str


QUESTIONS = {
    "name": ("The shop's name", None),
    "currency": ("Currency (ISO 4217)", "EUR"),
    "time_zone": ("Time zone (IANA)", "Europe/Berlin"),
    "locale": ("How prices are written: en, de, fr … (mails are in English)", "en"),
    "phone_region": ("Country of phone numbers that name none (ISO 3166)", None),
    "shop_url": ("The shop's web address", None),
    "owner": ("Your e-mail address (receives every message until you go live)", None),
    "public_url": ("Where browsers will reach Patron", None),
    "smtp_host": ("Mail server (empty: set it later)", ""),
    "smtp_port": ("Its port", "587"),
    "smtp_security": ("Its protection: starttls, tls or none", "starttls"),
    "smtp_user": ("User name there", ""),
    "smtp_password": ("Password there", ""),
    "mail_from": ("Address mails come from", None),
}
HERE = ("127.0.0.1", "localhost")
OPTIONS = {"shop_url": "--url", "smtp_host": "--smtp", "smtp_port": "--smtp"}


def init(
    name: Annotated[str | None, typer.Option(help="The shop's name.")] = None,
    currency: Annotated[str | None, typer.Option(help="ISO 4217, such as EUR.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="IANA, such as Europe/Berlin.")] = None,
    url: Annotated[str | None, typer.Option(help="The shop's web address.")] = None,
    owner: Annotated[str | None, typer.Option(help="Your e-mail address.")] = None,
    smtp: Annotated[str | None, typer.Option(help="Mail server as host:port.")] = None,
    yes: Ask = False,
    as_json: Json = False,
) -> None:
    """Set up an installation in this folder and open its first shop."""
    with clear_errors():
        if Path(CONFIG).exists():
            fail(f"{CONFIG} exists in this folder", "add a shop with `patron shop create`")
        host, _, port = (smtp or "").rpartition(":") if ":" in (smtp or "") else (smtp, "", "")
        given = {
            "name": name, "currency": currency, "time_zone": time_zone, "shop_url": url,
            "owner": owner, "smtp_host": host if smtp else None, "smtp_port": port or None,
        }  # fmt: skip
        answers = _ask(given, ask=not yes)
        installed = _install(answers)
        show(installed, as_json, lambda: "")
        if not as_json:
            _tell(installed)


def _ask(given: dict[str, str | None], *, ask: bool) -> Answers:
    """The answers given, the rest asked for or, with --yes, taken from the defaults. What is asked
    is asked again until it can be used; what was given and cannot be is a Problem."""
    answers: dict[str, str] = {}
    for key, (question, default) in QUESTIONS.items():
        if key == "mail_from":
            default = answers["owner"]
        elif key == "public_url":
            default = read_settings().public_url
        elif key == "phone_region":
            default = country_of(answers["time_zone"])
        if key.startswith("smtp_") and key != "smtp_host" and not answers["smtp_host"]:
            answers[key] = default or ""
            continue
        value = given.get(key)
        while value is None and ask:
            hidden, shown = key == "smtp_password", bool(default)
            said = Prompt.ask(question, default=default, password=hidden, show_default=shown)
            try:
                value = usable(key, str(said or ""))
            except Problem as wrong:
                complain(wrong.document.detail, wrong.document.remedy)
        if value is None and default is None:
            option = OPTIONS.get(key, f"--{key.replace('_', '-')}")
            fail(f"{key} is missing", f"give {option}, or leave out --yes")
        answers[key] = usable(key, str(default if value is None else value))
    return Answers(**answers)


def own_port(public_url: str, usual: int) -> int | None:
    """The port to listen on for an address on this very machine, before which no proxy stands;
    None where the usual one will do."""
    outside = urlsplit(public_url)
    return outside.port if outside.hostname in HERE and outside.port != usual else None


def _install(answers: Answers) -> Installed:
    config = Path(CONFIG)
    settings = read_settings()
    make_folder(settings.data_dir)
    values: dict[str, object] = {
        "data_dir": settings.data_dir,
        "public_url": answers.public_url,
        "owner_email": answers.owner,
        "mail_from": answers.mail_from,
    }
    if (port := own_port(answers.public_url, settings.listen_port)) is not None:
        values["listen_port"] = port
    if answers.smtp_host:
        values |= {
            "smtp_host": answers.smtp_host,
            "smtp_port": int(answers.smtp_port),
            "smtp_security": answers.smtp_security,
            "smtp_user": answers.smtp_user,
        }
        if answers.smtp_password:
            write_secret(settings.data_dir / "smtp-password", answers.smtp_password)
            values["smtp_password_file"] = settings.data_dir / "smtp-password"
    write_config(config, values)
    try:
        with open_house() as house:
            founded = house.run(
                lambda db: found(
                    db,
                    house.clock.now(),
                    name=answers.name,
                    currency=answers.currency,
                    time_zone=answers.time_zone,
                    public_url=answers.shop_url,
                    owner_email=answers.owner,
                    settings=changed(
                        ShopSettings(),
                        {"locale": answers.locale, "phone_region": answers.phone_region},
                    ),
                )
            )
    except BaseException:
        config.unlink()  # half an installation would stand in the way of the next try
        raise
    base = read_settings().public_url
    return Installed(
        founded,
        str(config),
        snippet(base, founded.write_key),
        curl(base, founded.write_key),
    )


def _tell(installed: Installed) -> None:
    made = installed.founded
    console.rule(f"{made.shop.name} is open, in rehearsal")
    console.print(f"Settings are in [bold]{installed.config}[/bold]. Start with `patron serve`.\n")
    console.print(f"write key (public)   {made.write_key}", highlight=False)
    console.print(f"server key (secret)  {made.server_key}   shown this once\n", highlight=False)
    console.print("Paste this into a terminal and watch `patron events tail`:")
    console.print(installed.curl + "\n", highlight=False, markup=False, soft_wrap=True)
    console.print("Paste this into the head of your pages:")
    console.print(installed.snippet + "\n", highlight=False, markup=False, soft_wrap=True)
    folder = read_settings().data_dir / LIBRARY.parents[4]
    console.print(
        "It loads the npm package @segment/analytics-next, which Patron serves. Get it once:\n"
        f"npm install --prefix {folder} @segment/analytics-next\n",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    console.print("`patron doctor` checks everything; `patron golive` lets mails go to customers.")
