"""Benchmarks choose parameters before the test file is opened; the code leaves no other way."""

import ast
import sys
from pathlib import Path

import msgspec
import pytest

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"
sys.path.append(str(BENCHMARKS))

from frozen import files, measured  # noqa: E402


class Params(msgspec.Struct):
    weights: list[float]


def test_what_is_scored_is_what_was_written_down_before(tmp_path: Path) -> None:
    train, test = tmp_path / "train", tmp_path / "test"
    chosen = Params([0.5, 1.5])
    seen: list[object] = []

    def freeze(only: Path) -> Params:
        seen.append(only)
        return chosen

    def score(params: Params, *paths: Path) -> None:
        chosen.weights.append(9.0)  # who kept hold of them changes nothing any more
        seen.append((params.weights, *paths))

    measured(train, test, freeze, score)
    assert seen == [train, ([0.5, 1.5], train, test)]


def test_a_file_that_is_absent_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmark", "--test", str(tmp_path / "gone")])
    with pytest.raises(SystemExit, match=f"--test: there is no {tmp_path / 'gone'}"):
        files(BENCHMARKS / "frozen.py", BENCHMARKS / "frozen.py")


def test_nothing_that_freezes_parameters_knows_of_the_test_file() -> None:
    looked = 0
    for path in sorted(BENCHMARKS.glob("*.py")):
        tree = ast.parse(path.read_text())
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        told = [call for call in calls if getattr(call.func, "id", "") == "measured"]
        written = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        for call in told:
            looked += 1
            name = call.args[-2]
            assert isinstance(name, ast.Name), path.name
            asked, known = [name.id], set()
            while asked:
                function = asked.pop()
                known.add(function)
                named = {
                    node.id for node in ast.walk(written[function]) if isinstance(node, ast.Name)
                }
                takes = {one.arg for one in written[function].args.args}
                assert not {"test", "score"} & (named | takes), f"{path.name}: {function}"
                asked += (named & written.keys()) - known
    assert looked >= 6
