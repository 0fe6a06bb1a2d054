"""The wheel serves where nothing else is: an empty environment with what the lock names."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import outside
from ports import free_port
from postgres_fixture import server_folder
from running import HANG, eventually

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).parent / "uv"
PLAIN = {k: v for k, v in os.environ.items() if not k.startswith(("PATRON_", "VIRTUAL_ENV"))}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not UV.exists(), reason="no uv in this environment: `make test` has it"),
]


def uv(*words: str | Path) -> None:
    done = subprocess.run(
        [UV, *words], cwd=ROOT, env=PLAIN, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, f"uv {words[0]}: {done.stderr[-2_000:]}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    uv("build", "--wheel", "--out-dir", folder)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment that has the wheel and its locked requirements, no more."""
    folder = tmp_path_factory.mktemp("empty") / "venv"
    uv("venv", "--python", sys.executable, folder)
    python = folder / "bin" / "python"
    lock = ROOT / "requirements" / "runtime.txt"
    uv("pip", "install", "--python", python, "--require-hashes", "-r", lock)
    uv("pip", "install", "--python", python, "--no-deps", wheel)
    uv("pip", "check", "--python", python)
    return folder / "bin"


@pytest.fixture
def folder() -> Iterator[Path]:
    with server_folder() as folder:
        yield folder


def test_it_holds_what_the_program_reads_and_nothing_of_the_workshop(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    read = [
        str(path.relative_to(ROOT / "src"))
        for path in (ROOT / "src" / "patron").rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    ]
    assert [name for name in read if name not in names] == []
    assert {name.split("/")[0].split("-")[0] for name in names} == {"patron"}
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_a_shop_is_founded_and_an_event_comes_in(programs: Path, folder: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environ = {**PLAIN, "PATRON_LISTEN_PORT": str(port), "PATH": f"{programs}:/usr/bin:/bin"}
    patron = str(programs / "patron")

    def say(*words: str) -> object:
        done = subprocess.run(
            [patron, *words, "--json"], env=environ, cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    made = say(
        *("init", "--yes", "--name", "Acme", "--currency", "EUR", "--time-zone", "Europe/Berlin"),
        *("--url", "https://acme.example", "--owner", "owner@acme.example"),
    )
    assert isinstance(made, dict)
    assert url in made["snippet"]
    with (folder / "err.log").open("wb") as err:
        serving = subprocess.Popen(
            [patron, "serve"], env=environ, cwd=folder, stdout=err, stderr=err
        )
    try:
        eventually(lambda: is_ready(url), f"start of Patron (see {folder}/err.log)")
        answer = outside.post(
            f"{url}/v1/track",
            json={"anonymousId": "a", "event": "Product Viewed", "properties": {"sku": "tea-1"}},
            auth=(made["founded"]["write_key"], ""),
        )
        assert answer.json() == {"success": True}
        seen = eventually(lambda: say("events", "tail", "--once"), "the event in the log")
        assert isinstance(seen, list)
        assert [event["name"] for event in seen] == ["Product Viewed"]
        assert outside.get(f"{url}/api/docs").status_code == 200
        findings = say("doctor", "--no-mail")
        assert isinstance(findings, list)
        assert [f for f in findings if f["state"] == "failed"] == []
    finally:
        serving.terminate()
        assert serving.wait(HANG) == 0


def is_ready(url: str) -> bool:
    try:
        return outside.get(f"{url}/readyz", timeout=30).status_code == 200
    except httpx.HTTPError:
        return False
