"""A template and a model become a mail, or a RenderError: nothing half done is ever sent."""

import re
from collections.abc import Collection, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import minijinja
import mrml

from patron.messages.links import strangers
from patron.messages.types import BUILT_IN, Rendered, Template

FUEL = 500_000  # a cart of 12 with four picks takes about 4,000
LONGEST_SUBJECT = 200
# Gmail cuts a mail off at 102 KB.
LARGEST_HTML = 100_000

_BUILT_IN = files("patron.messages") / "templates"
_NO_INCLUDES = mrml.ParserOptions(include_loader=mrml.noop_loader())
# By default mrml fetches well-known fonts from Google in the reader's mail program.
_NO_FONTS = mrml.RenderOptions(fonts={})
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_REFERENCE = re.compile(r"&#(92|\d{3,7});")
_BLANKS = re.compile(r"\n{3,}")


class RenderError(Exception):
    """The mail cannot be made; the message says what is missing or wrong."""


@cache
def built_in(name: str) -> Template:
    """The template `name` that comes with Patron; RenderError when there is none."""
    if name not in BUILT_IN:
        raise RenderError(f"template {name!r} does not exist")
    folder = _BUILT_IN / name
    parts = ("subject.txt", "preheader.txt", "body.mjml", "body.txt")
    return Template(name, *((folder / part).read_text("utf-8") for part in parts))


def render(template: Template, model: Mapping[str, Any], hosts: Collection[str]) -> Rendered:
    """The mail of `template` filled with `model`, whose links lead only to `hosts`.

    Strings of the model are data: they are escaped, on one line, without control characters.
    """
    clean = _one_line(model)
    subject = " ".join(_fill(template, "subject.txt", clean).split())
    if not subject:
        raise RenderError(f"template {template.name}: the subject is empty")
    clean["subject"] = subject[:LONGEST_SUBJECT]
    clean["preheader"] = " ".join(_fill(template, "preheader.txt", clean).split())
    page = _layout(template, _fill(template, "body.mjml", clean))
    text = _BLANKS.sub("\n\n", _fill(template, "body.txt", clean)).strip() + "\n"
    if len(page.encode()) > LARGEST_HTML:
        raise RenderError(f"template {template.name}: the mail has more than {LARGEST_HTML} bytes")
    foreign = strangers(page, text, hosts)
    if foreign:
        raise RenderError(
            f"template {template.name}: a link leads to {foreign[0][:80]}, which is not among the"
            " shop's hosts"
        )
    return Rendered(clean["subject"], clean["preheader"], page, text)


def _fill(template: Template, part: str, model: Mapping[str, Any]) -> str:
    try:
        filled = _compiled(template).render_template(part, **model)
    except minijinja.TemplateError as error:
        raise RenderError(f"template {template.name}/{part}: {error}") from error
    # Its escaping hides slashes too, which HTML does not need and mail filters take for disguise.
    return filled.replace("&#x2f;", "/") if part.endswith(".mjml") else filled


@lru_cache(maxsize=64)
def _compiled(template: Template) -> minijinja.Environment:
    """The parts of a template, read once for all mails; a faulty one says so when it is filled."""
    parts = {
        "subject.txt": template.subject,
        "preheader.txt": template.preheader,
        "body.mjml": template.body,
        "body.txt": template.text,
    }
    return minijinja.Environment(
        loader=parts.get,
        undefined_behavior="strict",
        auto_escape_callback=lambda name: "html" if name.endswith(".mjml") else False,
        debug=False,  # its reports would print the customer's data
        trim_blocks=True,
        lstrip_blocks=True,
        fuel=FUEL,
    )


def _layout(template: Template, markup: str) -> str:
    # mrml writes backslashes, vowel signs and other combining characters of an attribute as Rust
    # would, "\u{e49}"; as references it leaves them alone, and we read them back.
    plain = markup.encode("ascii", "xmlcharrefreplace").decode().replace("\\", "&#92;")
    try:
        output = mrml.to_html(plain, _NO_INCLUDES, _NO_FONTS)
    except OSError as error:  # what mrml raises for markup it cannot read
        raise RenderError(f"template {template.name}/body.mjml: {error}") from error
    return _REFERENCE.sub(lambda found: chr(int(found[1])), str(output.content))


def _one_line(value: Any) -> Any:
    if isinstance(value, str):
        return _CONTROL.sub(" ", value.encode("utf-8", "replace").decode()).strip()
    if isinstance(value, Mapping):
        return {str(key): _one_line(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_one_line(inner) for inner in value]
    return value
