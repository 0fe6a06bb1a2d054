"""The documentation says what the code does: generated pages are current, nothing is left out."""

import importlib.util
import inspect
import re
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pages
import pytest
from litestar.routes import HTTPRoute

import patron
from patron.app.server import Web, build_api
from patron.events.ecommerce import EMAIL_EVENTS, SPEC
from patron.events.reading.dialects import GA4_NAMES, V1_NAMES
from patron.events.types import EventType
from patron.journeys.definition import KINDS
from patron.kit.clock import SystemClock
from patron.kit.settings import Settings, describe
from patron.segments.rules.language import FORMS
from patron.segments.rules.operators import OPERATORS
from patron.shops.types import ShopSettings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
ROOMS = sorted(
    p.name for p in Path(patron.__file__).parent.iterdir() if (p / "__init__.py").exists()
)
PAGES = sorted(
    [*DOCS.rglob("*.md"), *(ROOT / n for n in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"))]
)
SOURCES = sorted(Path(patron.__file__).parent.rglob("*.py"))
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


@cache
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("patron_docs", DOCS / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["patron_docs"] = module
    spec.loader.exec_module(module)
    return module


@cache
def commands() -> dict[str, set[str]]:
    found: dict[str, Any] = generator().commands()
    return {
        name: {option for p in command.params for option in (*p.opts, *p.secondary_opts)}
        for name, command in found.items()
    }


def text(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


@pytest.mark.parametrize("name", sorted(p.name for p in (DOCS / "reference").glob("*.md")))
def test_a_generated_page_is_what_the_code_says(name: str) -> None:
    assert name in generator().PAGES, f"nothing writes docs/reference/{name}: delete it"
    assert text(f"reference/{name}") == generator().PAGES[name](), "run `make docs`"


def test_every_generated_page_is_there() -> None:
    missing = [name for name in generator().PAGES if not (DOCS / "reference" / name).exists()]
    assert missing == []


def test_every_name_of_a_closed_list_has_its_meaning_and_no_other_has() -> None:
    meanings = generator().words()
    assert set(meanings) == {*generator().LISTS, "shop"}
    assert set(meanings["shop"]) == set(ShopSettings.__struct_fields__)
    for name, (_, _, members) in generator().LISTS.items():
        assert set(meanings[name]) == {str(one.value) for one in members}, name


def test_settings_commands_routes_and_events_have_their_place() -> None:
    assert pages.undescribed(text("reference/settings.md"), [one.key for one in describe()]) == []
    names = [f"patron {name}" for name in commands()]
    assert pages.undescribed(text("reference/cli.md"), names) == []
    document = generator().application()
    routes = [
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method in operations
        if method in ("get", "post", "put", "patch", "delete")
    ]
    assert pages.undescribed(text("reference/routes.md"), routes) == []
    events = text("reference/events.md")
    assert pages.undescribed(events, [*SPEC, *EMAIL_EVENTS, *EventType]) == []
    assert [name for name in (*V1_NAMES, *GA4_NAMES) if f"`{name}`" not in events] == []


def test_a_route_that_reads_a_body_says_which() -> None:
    """What a handler takes from the request itself is nothing that Litestar could know of."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), database_url="postgresql://nowhere")
        api = build_api(Web(settings, SystemClock()))
    described = generator().application()["paths"]
    reading = {
        (method.lower(), route.path_format)
        for route in api.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if "data" in handler.parsed_fn_signature.parameters
        or re.search(r"request\.(body|stream|json|form)\(", inspect.getsource(handler.fn))
        for method in handler.http_methods
    }
    assert {("post", "/api/suppressions/import"), ("post", "/api/lists/{key}/imports")} <= reading
    untold = [key for key in reading if not _has_body(described[key[1]][key[0]])]
    assert untold == []
    doors = [operation["post"] for path, operation in described.items() if path.startswith("/v1/")
             and "post" in operation]  # fmt: skip
    assert doors and all(_has_body(one) for one in doors)


def _has_body(operation: dict[str, Any]) -> bool:
    content = operation.get("requestBody", {}).get("content", {})
    return any(one.get("schema") for one in content.values())


def test_every_setting_is_read_by_something() -> None:
    source = "\n".join(p.read_text("utf-8") for p in SOURCES)
    keys = [*(one.key for one in describe()), *ShopSettings.__struct_fields__]
    assert [key for key in keys if not re.search(rf"settings\.{key}\b", source)] == []


def test_operators_and_node_types_have_their_place() -> None:
    assert pages.undescribed(text("conditions.md"), OPERATORS) == []
    assert [form for form in FORMS if f'| `{{"{form}": ' not in text("conditions.md")] == []
    assert [kind for kind in KINDS if f'| `{{"{kind}": ' not in text("journeys.md")] == []


def test_every_room_has_its_row_and_those_not_built_are_called_so() -> None:
    page = text("architecture.md")
    built, _, unbuilt = page.partition("## Not built yet")
    assert pages.undescribed(built, ROOMS) == []
    assert [room for room in re.findall(r"^\| `(\w+)` \|", unbuilt, re.M) if room in ROOMS] == []
    contract = (ROOT / ".importlinter").read_text("utf-8")
    planned = re.findall(r"^    \(?.*$", contract, re.MULTILINE)
    names = {name for line in planned for name in re.findall(r"\((\w+)\)", line)}
    names -= {"routes", "tasks", "walk", "store", "types"}
    assert pages.undescribed(unbuilt, sorted(names)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere_and_quoted_commands_exist(page: Path) -> None:
    assert page.exists(), f"{page.name} is missing"
    assert pages.dead_links(page) == []
    quoted = page.read_text("utf-8")
    assert pages.dead_files(quoted, (ROOT, ROOT / "src", ROOT / "src/patron")) == []
    assert pages.unknown_commands(quoted, commands(), TARGETS) == []


def test_every_page_is_found_from_the_first_one() -> None:
    seen: set[Path] = set()
    ahead = [DOCS / "index.md"]
    while ahead:
        page = ahead.pop()
        if page in seen:
            continue
        seen.add(page)
        for link in re.findall(r"\]\(([^)#\s]+\.md)", page.read_text("utf-8")):
            ahead.append((page.parent / link).resolve())
    assert [p.name for p in sorted(DOCS.rglob("*.md")) if p not in seen] == []
