"""How an import is shown: what was understood before it, what came of it after."""

from typing import Any

import msgspec
from rich.markup import escape
from rich.table import Table

from patron.app.cli.output import table
from patron.app.imports.listing import Forecast
from patron.app.imports.plan import Plan
from patron.app.imports.run import Outcome

_REPAIRS = {
    "texts": "texts that had been decoded wrongly",
    "bytes": "bytes that are not of the file's encoding",
}


def preview_lines(plan: Plan, told: Forecast | None = None) -> list[str | Table]:
    """The preview: the file, its columns, the first rows as understood, and what to know."""
    seen, opened = plan.survey, plan.table
    encoding = f", {opened.encoding}" if opened.encoding else ""
    rows = f", about {opened.total:,} row{'s'[: opened.total - 1]}" if opened.total else ""
    like = f", looks like an export of {plan.system}" if plan.system else ""
    about = f"{opened.format}{encoding}, {seen.size:,} bytes{rows}{like}"
    lines: list[str | Table] = [
        f"{plan.path.name}: {about}",
        table(
            ("column", "is read as", "type", "example"),
            [(c.name, c.field or "(left out)", c.type, c.example) for c in plan.columns],
            "no columns",
        ),
    ]
    if plan.mapping.values:
        constants = ", ".join(f"{key} = {value}" for key, value in plan.mapping.values.items())
        lines.append(f"constants: {constants}")
    options = msgspec.to_builtins(plan.mapping.options)
    if options:
        lines.append("options: " + ", ".join(f"{key} = {value}" for key, value in options.items()))
    lines.append(_sample(plan))
    lines += [f"note: {note}" for note in plan.notes]
    lines += [f"repaired: {before!r} to {after!r}" for before, after in plan.mended]
    lines += [
        f"row {f.row}, {f.column or 'row'}: {f.value!r} {f.problem}; {f.remedy}"
        for f in plan.faults
    ]
    if told is not None:
        lines.append(
            f"{told.added:,} of {told.rows:,} rows put somebody on the list {told.list!r}"
            f" ({told.unknown:,} of them new to the shop); {told.already:,} name somebody who is on"
            f" it, {told.repeated:,} somebody once more, {told.invalid:,} nobody"
        )
    # Brackets in a file are no markup.
    return [escape(line) if isinstance(line, str) else line for line in lines]


def preview_value(plan: Plan, told: Forecast | None = None) -> dict[str, Any]:
    """The preview for programs."""
    return {
        "file": str(plan.path),
        "kind": plan.kind,
        "format": plan.table.format,
        "encoding": plan.table.encoding,
        "rows": plan.table.total,
        "looks_like": plan.system,
        "guessed": plan.guessed,
        "columns": [msgspec.to_builtins(column) for column in plan.columns],
        "map": msgspec.to_builtins(plan.mapping),
        "sample": plan.sample,
        "notes": plan.notes,
        "repaired": plan.mended,
        "faults": [msgspec.to_builtins(fault) for fault in plan.faults],
        "forecast": msgspec.to_builtins(told),
    }


def outcome_lines(outcome: Outcome) -> list[str]:
    """What an import came to, in sentences; brackets in a file are no markup."""
    things = "products" if outcome.kind == "products" else "events"
    if outcome.already_done:
        return [
            f"This file was imported with this map at {outcome.already_done}: nothing to do.",
            "Give --again to read it once more; what is known is not added twice.",
        ]
    lines = []
    if outcome.resumed_at:
        lines.append(f"Went on after row {outcome.resumed_at:,}.")
    since = " since it went on" if outcome.resumed_at else ""
    pace = f", {outcome.rows / outcome.seconds:,.0f} rows/s" if outcome.seconds > 1 else ""
    lines.append(
        f"{outcome.rows:,} rows became {outcome.events:,} {things},"
        f" {outcome.new:,} of them new{since} ({outcome.seconds:.1f} s{pace})."
    )
    if (came := outcome.list) is not None:
        lines.append(
            f"{came.added:,} people came onto the list {came.list!r}; {came.members:,} are on it."
        )
    lines += [f"repaired: {count:,} {_REPAIRS[name]}" for name, count in outcome.repaired.items()]
    lines += [f"{count:,} {reason}" for reason, count in outcome.left_out.items()]
    if outcome.faults:
        lines.append(f"{outcome.faults:,} values could not be used; all of them: {outcome.report}")
        ranked = sorted(outcome.problems.items(), key=lambda item: -item[1])[:10]
        lines += [f"  {count:,} x {problem}" for problem, count in ranked]
        first = outcome.examples[0]
        lines.append(f"  the first in row {first.row}: {first.value!r}; {first.remedy}")
    return [escape(line) for line in lines]


def _sample(plan: Plan) -> Table | str:
    if plan.kind == "products":
        rows = [
            (p["id"], p.get("title", ""), p.get("price", ""), p.get("currency", ""))
            for p in plan.sample
        ]
        return table(("product", "title", "price (minor units)", "currency"), rows, "no row")
    cells = [
        (
            event.get("timestamp", "now"),
            event.get("userId") or event.get("anonymousId") or _address(event),
            event.get("event") or event["type"],
            _details(event),
        )
        for event in plan.sample
    ]
    return table(("when (UTC)", "who", "what", "details"), cells, "No row could be used.")


def _address(event: dict[str, Any]) -> str:
    ids = event.get("context", {}).get("externalIds") or [{}]
    return str(ids[0].get("id", ""))


def _details(event: dict[str, Any]) -> str:
    properties = event.get("properties") or event.get("traits") or {}
    products = properties.get("products")
    said = {key: value for key, value in properties.items() if not isinstance(value, list | dict)}
    text = ", ".join(f"{key} {value}" for key, value in list(said.items())[:6])
    return f"{text}, {len(products)} products" if products else text
