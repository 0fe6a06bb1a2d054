"""Rules for the documentation as small functions over text: each returns what breaks it."""

import re
import shlex
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|(?:src|href|srcset)=\"([^\"]+)\"")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def undescribed(page: str, names: Iterable[str]) -> list[str]:
    """Those of `names` with neither a heading nor a table row of their own."""
    shown = set(re.findall(r"^\| `(.+?)` \|", page, re.MULTILINE))
    shown |= {heading.strip("` ") for heading in _HEADING.findall(page)}
    return [name for name in names if name not in shown]


def invented(page: str, names: Collection[str]) -> list[str]:
    """Rows of the page that none of `names` has any more."""
    return [name for name in re.findall(r"^\| `(.+?)` \|", page, re.MULTILINE) if name not in names]


def dead_links(page: Path) -> list[str]:
    """Relative links of a Markdown page that lead to no file, or to no heading of one."""
    found = []
    for written in _LINK.findall(_FENCE.sub("", page.read_text("utf-8"))):
        link = written[0] or written[1]
        if re.match(r"[a-z][a-z0-9+.-]*:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists():
            found.append(f"{page.name}: {link} does not exist")
        elif anchor and anchor not in anchors(target.read_text("utf-8")):
            found.append(f"{page.name}: {link}: there is no such heading")
    return found


def dead_files(page: str, roots: Iterable[Path]) -> list[str]:
    """Python files that `page` names with a folder and that stand below none of `roots`."""
    named = set(re.findall(r"`((?:[\w.-]+/)+[\w.-]+\.py)`", page))
    return sorted(name for name in named if not any((root / name).exists() for root in roots))


def anchors(page: str) -> set[str]:
    """The names by which headings are linked to."""
    return {
        re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in _HEADING.findall(page)
    }


def unknown_commands(
    page: str, commands: Mapping[str, Collection[str]], targets: Collection[str]
) -> list[str]:
    """Commands in `sh` blocks that do not exist: `patron …` with its options, and `make …`.

    `commands` has the options of each command by its words ("key create").
    """
    found = []
    for line in _shell_lines(page):
        words = line
        while words and re.fullmatch(r"[A-Z_]+=\S*|sudo|\$", words[0]):
            words = words[1:]
        if not words:
            continue
        program = words[0].rpartition("/")[2]
        if program == "make":
            found += [
                f"make {word}"
                for word in words[1:]
                if re.fullmatch(r"[a-z]+", word) and word not in targets
            ]
        elif program == "patron":
            found += _unknown_patron(words[1:], commands)
    return found


def _shell_lines(page: str) -> list[list[str]]:
    lines: list[list[str]] = []
    for language, block in _FENCE.findall(page):
        if language == "sh":
            for line in block.replace("\\\n", " ").splitlines():
                for part in re.split(r"\s(?:&&|\|\||\|)\s", line):
                    lines.append(shlex.split(part, comments=True))
    return lines


def _unknown_patron(words: list[str], commands: Mapping[str, Collection[str]]) -> list[str]:
    name = next(
        (" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in commands),
        None,
    )
    if name is None:
        return ["patron " + " ".join(words[:2])]
    options = [word.partition("=")[0] for word in words if word.startswith("--")]
    return [
        f"patron {name} {option}"
        for option in options
        if option not in commands[name] and option != "--help"
    ]
