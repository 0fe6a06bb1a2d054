"""`patron demo` as a newcomer runs it: loaded, played, stopped, gone on with."""

import email
import email.policy
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from patron.app.demo.catalogue import Catalogue
from ports import free_port
from postgres_fixture import server_folder

PATRON = str(Path(sys.executable).parent / "patron")
LOAD_SECONDS = 1_500  # on a machine that does other things as well


class Newcomer:
    """Somebody with a folder of her own who types commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "demo"
        self.environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith("PATRON_")},
            "PATRON_DATA_DIR": str(self.folder),
            "PATRON_LISTEN_PORT": str(free_port()),
        }
        self.log = folder / "terminal.txt"

    def starts(self, *words: str) -> subprocess.Popen[bytes]:
        with self.log.open("wb") as log:
            return subprocess.Popen(
                [PATRON, "demo", *words], env=self.environ, stdout=subprocess.PIPE, stderr=log
            )

    def plays(self) -> dict[str, Any]:
        """The summary of a demo that ran to its end."""
        with self.starts("--until-done", "--json") as demo:
            out, _ = demo.communicate(timeout=LOAD_SECONDS)
        assert demo.returncode == 0, self.screen()
        summary: dict[str, Any] = json.loads(out)
        return summary

    def screen(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def asks(self, *words: str) -> Any:
        environ = self.environ | {"PATRON_CONFIG": str(self.folder / "patron.toml")}
        done = subprocess.run(
            [PATRON, *words, "--json"], env=environ, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def mails(self) -> list[str]:
        """Whom the demo's mail server has mails for."""
        paths = sorted((self.folder / "mails").glob("*.eml"))
        parsed = [email.message_from_bytes(p.read_bytes(), policy=email.policy.default)
                  for p in paths]  # fmt: skip
        return [str(mail["To"]) for mail in parsed]

    def left_running(self) -> list[str]:
        found = []
        for process in psutil.process_iter(["cmdline", "environ"]):
            told = f"{process.info['cmdline']} {process.info['environ']}"
            if str(self.folder) in told and process.pid != os.getpid():
                found.append(str(process.info["cmdline"]))
        return found


@pytest.fixture(scope="module")
def newcomer() -> Iterator[Newcomer]:
    with server_folder() as folder:
        yield Newcomer(folder)


@pytest.mark.slow
@pytest.mark.timeout(3 * LOAD_SECONDS)
def test_the_demo_keeps_its_promises_and_goes_on_from_there(
    newcomer: Newcomer, catalogue: Catalogue
) -> None:
    interrupted(newcomer)
    first = newcomer.plays()
    assert "begins anew" in newcomer.screen()
    promised(newcomer, first)
    best = sorted((p for p in catalogue.products if p), key=lambda p: -p.sold)[:20]
    assert not {p.product_id for p in best} & {pick["id"] for pick in first["shopper"]["picks"]}
    checked_by_hand(newcomer, first["result"])
    assert {"catalogue", "history", "days"} <= first["seconds"].keys()
    second = newcomer.plays()
    promised(newcomer, second)
    assert "days" not in second["seconds"], "a loaded demo is not loaded again"
    assert second["shopper"]["email"] != first["shopper"]["email"]
    assert len(newcomer.mails()) == 4
    doubts = newcomer.asks("message", "list", "--state", "ambiguous")
    assert {d["id"] for d in doubts} == {s["crash"]["message_id"] for s in (first, second)}


def interrupted(newcomer: Newcomer) -> None:
    """She stops it in the middle of loading: it ends at once and leaves nothing running. Until
    then nobody else loads it."""
    demo = newcomer.starts()
    assert demo.stdout is not None
    seen = b""
    while b"Products on the shelves" not in seen:
        seen += os.read(demo.stdout.fileno(), 4096)
        assert demo.poll() is None, newcomer.screen()
    refused_beside(newcomer)  # somewhere in the middle, wherever that is
    demo.send_signal(signal.SIGINT)
    rest, _ = demo.communicate(timeout=120)
    assert demo.returncode == 0, newcomer.screen()
    assert b"Stopped" in rest
    assert newcomer.left_running() == []


def refused_beside(newcomer: Newcomer) -> None:
    """A second demo in the folder of one that runs is refused, and erases nothing."""
    second = subprocess.run(
        [PATRON, "demo", "--reset", "--yes"],
        env=newcomer.environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert second.returncode == 1
    assert "already" in second.stderr
    assert (newcomer.folder / "demo.json").stat().st_mode & 0o077 == 0  # it holds a server key


def checked_by_hand(newcomer: Newcomer, told: dict[str, Any]) -> None:
    """The command that the demo names shows its number again, and the truth lies in a file."""
    again = newcomer.asks(*told["again"].split())
    found = [again["proof"]["extra"][name] for name in ("value", "low", "high")]
    assert found == [told[name] for name in ("extra", "low", "high")]
    truth = json.loads((newcomer.folder / "truth.json").read_text("utf-8"))
    assert truth["planted"]["expected_extra"] == told["planted"]
    assert truth["mailed"] > 2_000
    ours = "message_id NOT LIKE 'cj-%' AND source <> 4"  # 4: Patron's own words
    labelled = "body LIKE '%\"generated\":true%'"
    asked = f"SELECT count(*) n FROM events WHERE ({ours}) <> ({labelled})"
    assert newcomer.asks("lake", "sql", asked) == [{"n": 0}], "labelled is what is made up"


def promised(newcomer: Newcomer, told: dict[str, Any]) -> None:
    shopper, crash, result = told["shopper"], told["crash"], told["result"]
    assert shopper["seconds_to_mail"] < 60
    assert len(shopper["picks"]) == 4
    assert all(pick["lift"] >= 2 for pick in shopper["picks"])
    assert shopper["mails"] == 1
    assert shopper["exit_reason"] == "ordered"
    assert "ordered" in shopper["why_not"]
    assert newcomer.mails().count(crash["email"]) == 1
    assert newcomer.mails().count(shopper["email"]) == 1
    assert (crash["mails"], crash["ambiguous"]) == (1, 1)
    assert crash["killed"] != crash["restarted"]
    story = newcomer.asks("message", "why", crash["message_id"])
    assert story["state"] == "ambiguous"
    # The arms are drawn anew in each demo, so one interval in twenty misses the truth. Twice its
    # half width is four standard errors, which chance passes once in ten thousand demos.
    half = (result["high"] - result["low"]) / 2
    assert half > 0
    assert abs(result["extra"] - result["planted"]) < 2 * half
    assert result["verdict"] in ("proven", "too_early")
    assert result["sent"] > 2_000
    assert "education" in told["notice"]
    assert newcomer.left_running() == []


def test_a_folder_that_is_not_the_demos_is_never_touched(tmp_path: Path) -> None:
    newcomer = Newcomer(tmp_path)
    newcomer.folder.mkdir()
    precious = newcomer.folder / "precious.txt"
    precious.write_text("a real shop", "utf-8")
    for words in (("--reset", "--yes"), ()):
        with newcomer.starts(*words) as demo:
            demo.communicate(timeout=60)
        assert demo.returncode == 1
        assert "not the demo's" in newcomer.screen()
        assert precious.read_text("utf-8") == "a real shop"
