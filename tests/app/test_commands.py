"""The program's commands: each can speak to a program as well as to a person."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from patron import VERSION
from patron.app.cli.main import build


def commands(found: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not hasattr(found, "commands"):
        yield path, found
        return
    for name, one in found.commands.items():
        yield from commands(one, (*path, name))


def test_every_command_answers_in_json() -> None:
    mute = [
        " ".join(path)
        for path, command in commands(get_command(build()))
        if not any("--json" in param.opts for param in command.params)
    ]
    assert mute == []


@pytest.mark.parametrize(
    ("options", "said"), [((), VERSION), (("--json",), json.dumps({"version": VERSION}))]
)
def test_the_version_is_told(options: tuple[str, ...], said: str) -> None:
    answer = CliRunner().invoke(build("version"), ["version", *options])
    assert (answer.exit_code, answer.stdout.strip()) == (0, said)
