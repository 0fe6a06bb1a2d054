"""Writes `docs/reference/` from the code itself: `make docs`.

Nothing in these pages is typed by hand but the meanings of names in closed lists, which stand in
`words.toml`. `tests/house/test_docs.py` fails when a page differs from what this writes.
"""

import tempfile
import tomllib
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import typer.main

import patron
from patron.app.apidocs import merged
from patron.app.cli.main import build as build_cli
from patron.app.server import Web, build_api
from patron.carts.types import Closed
from patron.delivery.types import Reason
from patron.events.accept import STEPS
from patron.events.ecommerce import EMAIL_EVENTS, SPEC
from patron.events.reading.dialects import GA4_NAMES, V1_NAMES
from patron.events.steps.what import _NAMES as CALL_NAMES
from patron.events.types import Drop, EventType
from patron.events.visit.channel import Channel
from patron.journeys.types import ExitReason, RunState
from patron.kit.clock import SystemClock
from patron.kit.metrics import REGISTRY, Durations, Tallies
from patron.kit.settings import Settings, describe
from patron.messages.types import State
from patron.profiles.claims import ADDRESS_EVENTS
from patron.profiles.consent import WORDS as CONSENT_EVENTS
from patron.profiles.types import ConsentState, Refusal, SuppressionReason
from patron.recommend.placements.builtin import built_in
from patron.recommend.rules.fields import OPERATORS, About, fields
from patron.recommend.rules.language import functions
from patron.recommend.rules.words import OBJECTIONS, REASONS
from patron.shops.audit.types import Outcome
from patron.shops.types import METRICS, Scope, ShopSettings

HERE = Path(__file__).parent
FOLDER = HERE / "reference"
NOTE = "<!-- Written by docs/generate.py. Run `make docs` after a change of the code. -->"

LISTS: dict[str, tuple[str, str, type[StrEnum]]] = {
    "drop": (
        "Why an event is not accepted",
        "Seen with `patron events rejected` and `GET /api/events/rejected`, with the payload, for"
        " seven days.",
        Drop,
    ),
    "gate": (
        "Why a message is not sent, or not yet",
        "The gate asks in a fixed order and the first objection decides. Each is told in words by"
        " `patron message why`.",
        Reason,
    ),
    "state": ("States of a message", "A row of the outbox stands in one of them.", State),
    "run": ("States of a run", "One person's walk through a journey.", RunState),
    "exit": (
        "Why a run ends early",
        "Unless the journey names a reason of its own with `exit`.",
        ExitReason,
    ),
    "refusal": (
        "Why an identifier is kept apart",
        "Shown with a person's merges: `GET /api/profiles/{who}/merges`.",
        Refusal,
    ),
    "suppression": ("Why nothing is sent to an address", "", SuppressionReason),
    "consent": ("States of a word about consent", "", ConsentState),
    "cart": ("Why a cart is closed", "", Closed),
    "outcome": (
        "Outcomes in the audit log",
        "Seen with `patron audit` and `GET /api/audit`.",
        Outcome,
    ),
    "scope": ("What a server key may do", "`patron key create NAME --scope …`", Scope),
}
"""Closed lists: heading, what is to be said about them, the enum. `words.toml` explains each."""


def cell(text: object) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A Markdown table."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return lines + ["| " + " | ".join(cell(value) for value in row) + " |" for row in rows]


def page(title: str, intro: str, *parts: list[str]) -> str:
    blocks = [NOTE, f"# {title}", intro, *("\n".join(part) for part in parts)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def words() -> dict[str, dict[str, str]]:
    """The meanings in `words.toml`, by list and name."""
    return tomllib.loads((HERE / "words.toml").read_text("utf-8"))


def settings_page() -> str:
    rows = [
        (
            f"`{one.key}`",
            f"`{one.env}`",
            f"`{one.default}`" if one.default is not None else "–",
            f"{one.description}. Takes {one.type}."
            + (f" May be given as a file: `{one.key}_file`." if one.secret else ""),
        )
        for one in describe()
    ]
    blank, meanings = ShopSettings(), words()["shop"]
    shop = [
        (f"`{name}`", _shown(getattr(blank, name)), meanings[name])
        for name in ShopSettings.__struct_fields__
    ]
    return page(
        "Settings",
        "An environment variable wins over `patron.toml` in the folder Patron is started in"
        " (`PATRON_CONFIG` names another file), and that over the default. A wrong value is refused"
        " with its remedy; `patron doctor --settings` shows what is in force.",
        table(("setting", "environment", "default", "meaning"), rows),
        ["## Of a shop"],
        ["Each shop has settings of its own: `GET /api/shop`, `PATCH /api/shop/settings`."],
        table(("setting", "default", "meaning"), shop),
    )


def _shown(default: object) -> str:
    if isinstance(default, dict) or default in (None, []):
        return "–"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def application() -> dict[str, Any]:
    """The API's whole document."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), database_url="postgresql://nowhere")
        api = build_api(Web(settings, SystemClock()))
    return merged(api)


def routes_page() -> str:
    document = application()
    rooms: dict[str, list[tuple[str, str, str]]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if isinstance(operation, dict):
                taken = [scheme for scheme in operation["security"] if scheme]
                asks = [scope for scheme in taken for scope in scheme.get("serverKey", ())]
                who = "a key" if len(taken) > 1 else f"`{asks[0]}`" if asks else "–"
                rooms.setdefault(operation["tags"][0], []).append(
                    (f"`{method.upper()} {path}`", who, operation.get("summary", ""))
                )
    parts = []
    for room, rows in rooms.items():
        # A handler with two paths gives them in no order.
        rows.sort(key=lambda row: row[0].split(" ")[::-1])
        parts += [[f"## {room}"], table(("route", "needs", "what it does"), rows)]
    return page(
        "Routes",
        "Everything the web process answers. `needs` is the scope a server key must have; *a key*"
        " is a write key or a server key with `ingest`; – is open to everybody. Fields and examples"
        " are in `/api/docs` and `/api/openapi.json` of a running Patron.",
        *parts,
    )


def commands() -> dict[str, Any]:
    """Every command by its words ("key create"), as click knows it; groups are not among them."""
    found: dict[str, Any] = {}

    def walk(group: Any, name: str) -> None:
        for word, command in group.commands.items():
            full = f"{name} {word}".strip()
            if hasattr(command, "commands"):
                walk(command, full)
            else:
                found[full] = command

    walk(typer.main.get_command(build_cli()), "")
    return found


def cli_page() -> str:
    parts = []
    for name, command in commands().items():
        told = (command.help or command.short_help or "").strip()
        rows = []
        for parameter in command.params:
            if parameter.name == "help":
                continue
            is_option = parameter.param_type_name == "option"
            shown = ", ".join((*parameter.opts, *parameter.secondary_opts))
            name_shown = f"`{shown}`" if is_option else f"`{parameter.name.upper()}`"
            required = "required" if parameter.required else ""
            rows.append((name_shown, required, getattr(parameter, "help", None) or ""))
        parts += [[f"## patron {name}", "", told]]
        if rows:
            parts.append(table(("argument", "", "meaning"), rows))
    return page(
        "Command line",
        "Commands find `patron.toml` in the folder they are started in. They talk to the database"
        " that `patron serve` runs, or start it for their own time.",
        *parts,
    )


def events_page() -> str:
    earlier: dict[str, list[str]] = {}
    for names in (V1_NAMES, GA4_NAMES):
        for old, new in names.items():
            earlier.setdefault(new, []).append(f"`{old}`")
    spec = [
        (
            f"`{name}`",
            ", ".join(earlier.get(name, [])),
            ", ".join(f"`{key}`" for key in fields),
        )
        for name, fields in SPEC.items()
    ]
    calls = [
        (f"`{kind.value}`", f"`{CALL_NAMES[kind]}`" if kind in CALL_NAMES else "its own")
        for kind in EventType
    ]
    consent = [
        (f"`{name}`", channel, "yes" if granted else "no")
        for name, (channel, granted) in CONSENT_EVENTS.items()
    ]
    steps = [(f"`{step.__name__}`",) for step in STEPS]
    return page(
        "Events",
        "Names are compared without regard to case, blanks and punctuation: `order_completed` is"
        " `Order Completed`. Unknown events and unknown properties are kept as they come.",
        ["## Calls and the names they get"],
        table(("call", "event name"), calls),
        ["## E-commerce"],
        table(("event", "also understood", "known properties"), spec),
        ["## Messages"],
        table(("event",), [(f"`{name}`",) for name in EMAIL_EVENTS]),
        ["## Words about consent"],
        table(("event", "channel unless it says otherwise", "a yes or a no"), consent),
        ["## Events whose `properties.email` is the acting person's own address"],
        table(("event",), [(f"`{name}`",) for name in sorted(ADDRESS_EVENTS)]),
        ["## Which event counts as what, unless the shop's settings say otherwise"],
        table(("metric", "event"), [(f"`{key}`", f"`{name}`") for key, name in METRICS.items()]),
        ["## Channels of a visit"],
        table(("channel",), [(f"`{channel.value}`",) for channel in Channel]),
        ["## Steps of acceptance, in order"],
        table(("step",), steps),
    )


def reasons_page() -> str:
    meanings = words()
    parts: list[list[str]] = []
    for name, (title, intro, members) in LISTS.items():
        rows = [(f"`{one.value}`", meanings[name][one.value]) for one in members]
        parts += [[f"## {title}"], [intro], table(("name", "meaning"), rows)]
    return page(
        "States and reasons",
        "The closed lists. What is decided about an event, a person or a message is one of these"
        " names, with a sentence beside it.",
        *parts,
    )


def metrics_page() -> str:
    for found in walk_packages(patron.__path__, "patron."):
        if found.name.startswith("patron.app.demo") or found.name.endswith("__main__"):
            continue
        import_module(found.name)
    rows = []
    every: dict[int, Any] = {id(c): c for c in REGISTRY._names_to_collectors.values()}
    for one in every.values():
        (told,) = one.describe()
        name = told.name + ("_total" if told.type == "counter" else "")
        known = one.labelled if isinstance(one, Tallies | Durations) else one._labelnames
        labels = ", ".join(f"`{label}`" for label in known)
        rows.append((f"`{name}`", told.type, labels, told.documentation))
    return page(
        "Metrics",
        "Figures in the Prometheus text format. Times are seconds. [Running it](../running.md) says"
        " where they are scraped and what to be woken for.",
        table(("metric", "kind", "labels", "meaning"), sorted(rows)),
    )


def rules_page() -> str:
    parts: list[list[str]] = []
    for about in About:
        rows = [
            (f"`{one.name}`", f"{one.kind}{f', {one.unit}' if one.unit else ''}", one.words,
             f"`{one.example}`")
            for one in fields() if one.about is about
        ]  # fmt: skip
        parts += [[f"## About {about}"], table(("field", "is a", "meaning", "example"), rows)]
    signs = [(f"`{one.name}`", one.words, f"`{one.example}`") for one in OPERATORS]
    calls = [(f"`{one.name}`", one.words, f"`{one.example}`") for one in functions()]
    placements = [
        (f"`{one.key}`", one.name, one.purpose, ", ".join(f"`{step}`" for step in one.chain),
         ", ".join(f"`{step}`" for step in one.fallback) or "–")
        for one in built_in()
    ]  # fmt: skip
    reasons = [(f"`{code}`", said.owner, said.with_product or said.customer or "–")
               for code, said in REASONS.items()]  # fmt: skip
    return page(
        "Rules and placements",
        "What [rules](../recommend.md#rules) may ask for, the placements that are there from the"
        " start, and the codes of answers.",
        *parts,
        ["## Signs and words"],
        table(("sign", "meaning", "example"), signs),
        ["## Functions"],
        table(("function", "meaning", "example"), calls),
        ["## Ready-made placements"],
        table(("key", "name", "for", "chain", "fallback"), placements),
        ["## Why a product is recommended"],
        ["`{product}` is the title of the product that speaks for it."],
        table(("code", "meaning", "what she reads"), reasons),
        ["## Why a product is left out"],
        table(("code", "meaning"), [(f"`{code}`", said) for code, said in OBJECTIONS.items()]),
    )


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "routes.md": routes_page,
    "cli.md": cli_page,
    "events.md": events_page,
    "reasons.md": reasons_page,
    "metrics.md": metrics_page,
    "rules.md": rules_page,
}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, made in PAGES.items():
        (FOLDER / name).write_text(made(), "utf-8")


if __name__ == "__main__":
    main()
