"""The program's commands: each can speak to a program as well as to a person."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from patron import VERSION
from patron.app.cli import bench, output
from patron.app.cli.given import in_utc, json_in
from patron.app.cli.main import build
from patron.kit.problems import Problem


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


def test_a_benchmark_prints_its_figures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    figure = {"figure": "walk", "value": 12000, "unit": "events/s", "reference": 48000,
              "ratio": 0.25, "note": "as ever"}  # fmt: skip
    said = f"import sys\nprint({json.dumps(figure)!r})\nsys.exit(len(sys.argv) - 2)"
    (tmp_path / "run.py").write_text(said)
    monkeypatch.setattr(bench, "SOURCE", tmp_path)
    told = CliRunner().invoke(build("bench"), ["bench", "walk", "--json"])
    assert (told.exit_code, json.loads(told.stdout)) == (0, figure)
    shown = CliRunner().invoke(build("bench"), ["bench", "walk", "events.jsonl"])
    assert shown.exit_code == 1
    assert "12,000 events/s" in shown.stdout


def test_benchmarks_that_are_there_have_their_names() -> None:
    refused = CliRunner().invoke(build("bench"), ["bench", "nonsense"])
    assert refused.exit_code == 2


def test_without_the_source_there_is_nothing_to_measure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bench, "SOURCE", tmp_path)
    refused = CliRunner().invoke(build("bench"), ["bench"])
    assert refused.exit_code == 1
    assert "clone the repository" in refused.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"a": "K\xf6ln"}', "rule.json is no text in UTF-8"),
        (b"[" * 100_000, "rule.json is nested too deep to be read"),
        (b" ", "rule.json is empty"),
        (b'{"a"', "rule.json is no JSON"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "rule.json"
    file.write_bytes(content)
    with pytest.raises(Problem, match=said) as refused:
        json_in(str(file), "a condition", "conditions.md")
    assert "docs/conditions.md" in (refused.value.document.remedy or "")
    with pytest.raises(Problem, match=f"{tmp_path} cannot be read: Is a directory"):
        json_in(str(tmp_path), "a condition", "conditions.md")


def test_a_moment_is_in_utc_unless_it_says_otherwise() -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert in_utc(noon.replace(tzinfo=None)) == noon
    assert in_utc(datetime.fromisoformat("2026-03-02T13:00+01:00")) == noon


def test_what_is_to_be_copied_is_never_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = output.Terminal(width=40, file=StringIO())
    monkeypatch.setattr(output, "console", narrow)
    key, url = "rfm-needs-attention", f"http://127.0.0.1:8080/{'x' * 90}"
    output.show(None, False, lambda: output.table(("segment", "name"), [(key, "a b " * 30)], ""))
    output.show(None, False, lambda: f"Here: {url}")
    output.show(None, False, lambda: "word " * 20)
    lines = narrow.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines[1].startswith(key) and f"Here: {url}" in lines
    assert all(len(line) <= 40 for line in lines if url not in line)
