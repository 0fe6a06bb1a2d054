"""Whatever fits the OpenAPI document, and what does not, never makes the server fail."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from running import Running, running

EXAMPLES = 12
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def shop() -> Iterator[Running]:
    with running() as house:
        house.open_shop()
        house.start()
        yield house


def fuzz(shop: Running, tmp_path: Path, *words: str) -> str:
    """What Schemathesis found on the routes that `words` choose; fails on a server error."""
    program = Path(sys.executable).with_name("schemathesis")
    command = [
        str(program), "--no-color", "run", f"{shop.url}/api/openapi.json",
        "--checks", "not_a_server_error", "--phases", "examples,coverage,fuzzing",
        "--max-examples", str(EXAMPLES), "--generation-deterministic",
        "--no-shrink", "--continue-on-failure", "--request-timeout", "20",
        "--suppress-health-check", "all", "--warnings", "off",
        *words,
    ]  # fmt: skip
    knows_mails = {**os.environ, "SCHEMATHESIS_HOOKS": "fuzzed_mails", "PYTHONPATH": str(HERE)}
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, timeout=500, env=knows_mails
    )
    report = done.stdout + done.stderr
    assert done.returncode == 0, report[-6_000:]
    return report


def tried(report: str) -> int:
    """How many requests the report says were made."""
    return max(int(n) for n in re.findall(r"(\d[\d,]*) generated", report.replace(",", "")))


def test_no_route_of_the_api_fails(shop: Running, tmp_path: Path) -> None:
    report = fuzz(
        shop, tmp_path, "--exclude-path-regex", "^/v1/",
        "-H", f"Authorization: Bearer {shop.server_key}",
    )  # fmt: skip
    assert tried(report) > 300, report[-2_000:]


def test_no_hot_door_fails(shop: Running, tmp_path: Path) -> None:
    report = fuzz(
        shop, tmp_path, "--include-path-regex", "^/v1/", "--auth", f"{shop.write_key}:",
    )  # fmt: skip
    assert tried(report) > 100, report[-2_000:]
