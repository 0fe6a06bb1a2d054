"""What is kept about a person as a page that she can read, print and keep: no script, no links."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

from patron.shops.types import Shop

SECTIONS = {
    "profile": "Who you are to us",
    "traits_written": "What we were told about you, and when",
    "consents": "What you agreed to and took back",
    "suppressions": "Addresses we do not write to",
    "segments": "Groups you are and were in",
    "lists": "Lists you are on",
    "predictions": "What we expect of you",
    "alike": "What we compare you with other customers by",
    "experiments": "By which of our offers we compare",
    "last_words": "Where you were last, and which variants of our pages you saw",
    "carts": "Your carts",
    "messages": "What we sent you, or did not",
    "runs": "What went on by itself",
    "events": "What you did, newest first",
    "merges": "Visits we took for yours",
    "refusals": "Names we kept apart from you",
}
"""In this order; whatever else there is stands behind them under its own name."""
_STYLE = """
:root { color-scheme: light dark; --ink: #1d2521; --paper: #fff; --soft: #5b6660; --line: #d9dfdb }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ece9; --paper: #151a17; --soft: #9aa6a0; --line: #333c37 } }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 60rem; color: var(--ink);
  background: var(--paper); font: 16px/1.5 system-ui, sans-serif }
h1 { font-size: 1.6rem; margin: .5rem 0 }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .5rem }
p, .none { color: var(--soft) }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: .9rem; min-width: 100% }
th, td { text-align: left; vertical-align: top; padding: .35rem .8rem .35rem 0;
  border-bottom: 1px solid var(--line); overflow-wrap: break-word }
th { color: var(--soft); font-weight: 600; white-space: nowrap }
td table { min-width: 0; font-size: 1em } td td, td th { border: 0; padding: 0 .6rem .1rem 0 }
ul { margin: 0; padding-left: 1.1rem }
@media (max-width: 40rem) {
  .pairs, .pairs > tbody, .pairs > tbody > tr, .pairs > tbody > tr > * { display: block }
  .pairs > tbody > tr > th { border: 0; padding-bottom: 0 }
  td { min-width: 5rem } td .pairs td, td .pairs th { display: inline-block; min-width: 0 }
  td .pairs > tbody > tr > th::after { content: ": " } }
@media print { body { max-width: none } }
"""


def readable(everything: Mapping[str, Any], shop: Shop, now: datetime) -> str:
    """A whole HTML document; times are the shop's."""
    zone = ZoneInfo(shop.time_zone)
    titles = {**SECTIONS, **{key: _plain(key) for key in everything if key not in SECTIONS}}
    parts = [
        f"<h2>{escape(title)}</h2>{_section(everything[key], zone)}"
        for key, title in titles.items()
        if key in everything
    ]
    name = escape(shop.name)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}: your data'
        '</title><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="robots" content="noindex"><style>{_STYLE}</style></head><body>'
        f"<h1>Everything {name} keeps about you</h1>"
        f"<p>As of {_moment(now, zone)}. Times are those of {escape(shop.time_zone)}.</p>"
        f"{''.join(parts)}</body></html>"
    )


def _section(value: Any, zone: ZoneInfo) -> str:
    if value in (None, [], {}, ""):
        return '<p class="none">Nothing.</p>'
    return f'<div class="wide">{_value(value, zone)}</div>'


def _value(value: Any, zone: ZoneInfo) -> str:
    if isinstance(value, Mapping):
        return _pairs(value, zone)
    if isinstance(value, list):
        rows = [one for one in value if isinstance(one, Mapping)]
        if rows and len(rows) == len(value):
            return _rows(rows, zone)
        return f"<ul>{''.join(f'<li>{_value(one, zone)}</li>' for one in value)}</ul>"
    if value is None or value == "":
        return '<span class="none">–</span>'
    if isinstance(value, bool):
        return "yes" if value else "no"
    return escape(_moment(value, zone) if isinstance(value, str) else str(value))


def _pairs(value: Mapping[str, Any], zone: ZoneInfo) -> str:
    told = [
        f"<tr><th>{escape(_plain(key))}</th><td>{_value(one, zone)}</td></tr>"
        for key, one in value.items()
        if one not in (None, [], {}, "")
    ]
    return (
        f'<table class="pairs">{"".join(told)}</table>' if told else '<span class="none">–</span>'
    )


def _rows(rows: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> str:
    """A table with a column for whatever any of the rows tells."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    kept = [name for name in names if any(row.get(name) not in (None, [], {}, "") for row in rows)]
    head = "".join(f"<th>{escape(_plain(name))}</th>" for name in kept)
    body = "".join(
        f"<tr>{''.join(f'<td>{_value(row.get(name), zone)}</td>' for name in kept)}</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _plain(name: str) -> str:
    words = str(name).replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def _moment(value: str | datetime, zone: ZoneInfo) -> str:
    """A time as one reads it; other text as it is."""
    if isinstance(value, datetime):
        when = value
    elif len(value) < 20 or value[4:5] != "-" or value[10:11] != "T":
        return value
    else:
        try:
            when = datetime.fromisoformat(value)
        except ValueError:
            return value
    local = when.astimezone(zone)
    return f"{local.day} {local:%b} {local.year}, {local:%H:%M}"
