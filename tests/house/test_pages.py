"""Each rule for the documentation finds its bad sample and passes its good one."""

from pathlib import Path

import pages

COMMANDS = {"serve": set(), "key create": {"--scope"}}


def test_undescribed() -> None:
    page = "# Settings\n\n| `listen_port` | 8080 |\n\n## patron serve\n"
    assert pages.undescribed(page, ["listen_port", "patron serve"]) == []
    assert pages.undescribed(page, ["listen_host", "listen"]) == ["listen_host", "listen"]


def test_invented() -> None:
    assert pages.invented("| `old` | gone |\n| `new` | here |", {"new"}) == ["old"]


def test_dead_links(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    (tmp_path / "other.md").write_text("# Keys and scopes\n")
    page.write_text(
        "[good](other.md) [good](other.md#keys-and-scopes) [web](https://shop.example)\n"
        '<img src="gone.svg"> [gone](gone.md) [bad](other.md#locks)\n'
        "```sh\n# [not a link](here.md)\n```\n"
    )
    assert pages.dead_links(page) == [
        "page.md: gone.svg does not exist",
        "page.md: gone.md does not exist",
        "page.md: other.md#locks: there is no such heading",
    ]


def test_unknown_commands() -> None:
    good = "```sh\nPATRON_X=1 .venv/bin/patron serve && make test # patron nonsense\n```\n"
    assert pages.unknown_commands(good, COMMANDS, {"test"}) == []
    bad = (
        "```sh\npatron key create till \\\n  --scopes ingest\npatron keys list\nmake tests\n"
        "patron serve --loud\n```\n```\npatron other\n```\n"
    )
    assert pages.unknown_commands(bad, COMMANDS, {"test"}) == [
        "patron key create --scopes",
        "patron keys list",
        "make tests",
        "patron serve --loud",
    ]
