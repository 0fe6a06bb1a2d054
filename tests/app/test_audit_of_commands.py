"""What somebody at the command line reads and changes stands in the audit log too."""

import json
import os
import pwd
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from app.test_commands import commands
from conftest import NOON, House
from patron.app.audit import commands as noted
from patron.app.cli.main import build
from patron.profiles import walk
from patron.shops.audit import store
from patron.shops.audit.types import Asked, Entry
from profiles.stories import identified

ADA = "ada@x.example"


@pytest.fixture
def asked(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command on the house's database; its exit status and what it printed."""
    monkeypatch.setenv("PATRON_DATABASE_URL", house.url)
    monkeypatch.setenv("PATRON_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SUDO_USER", "grace")
    monkeypatch.setenv("SSH_CONNECTION", "203.0.113.9 50000 10.0.0.1 22")

    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(build(words[0]), [*words])
        return done.exit_code, done.stdout

    return run


def log(house: House) -> list[Entry]:
    found = house.unit(lambda tx: store.listed(tx, Asked(), None, 99))
    return sorted(found, key=lambda entry: entry.at)


def test_a_command_is_written_down_with_who_and_whom(house: House, asked: Any) -> None:
    she = identified("42", email=ADA)
    house.unit(lambda tx: walk.resolve(tx, house.acme, [she], NOON, house.signer))
    shop = ("--shop", "acme", "--json")
    assert asked("profile", "show", f"email:{ADA}", *shop)[0] == 0
    assert asked("profile", "show", "email:nobody@x.example", *shop)[0] == 1
    assert asked("events", "rejected", "--limit", "5", *shop)[0] == 0
    assert asked("shop", "set", "postal_address", "Mill Lane 4", *shop)[0] == 0
    assert asked("lake", "status", *shop)[0] == 0
    shown, missed, list_, change = log(house)
    user = pwd.getpwuid(os.geteuid()).pw_name
    assert (shown.actor.id, shown.actor.name) == ("grace", f"grace as {user}")
    assert shown.actor.place.endswith(" from 203.0.113.9")
    assert (shown.action, shown.change, shown.outcome) == ("patron profile show", False, "done")
    assert shown.subject is not None and shown.subject.startswith("profile:")
    assert (missed.subject, missed.outcome) == (None, "refused")
    assert (list_.count, list_.detail) == (0, {"limit": 5})
    assert (change.action, change.change) == ("patron shop set", True)
    assert "Mill Lane" not in str(change.detail)
    assert ADA not in str(log(house))
    status, said = asked("audit", "--changes", *shop)
    assert (status, [line["action"] for line in json.loads(said)]) == (0, ["patron shop set"])
    hers = json.loads(asked("audit", f"email:{ADA}", *shop)[1])
    assert [line["action"] for line in hers] == ["patron audit", "patron profile show"]


def test_what_is_done_to_the_whole_house_stands_in_every_shop(
    house: House, asked: Any, tmp_path: Path
) -> None:
    assert asked("backup", str(tmp_path / "b.tar"), "--json")[0] == 0
    for shop in house.shops:
        (entry,) = house.unit(lambda tx: store.listed(tx, Asked(), None, 9), shop)
        assert (entry.action, entry.detail) == ("patron backup", {"file": "(file)"})


def test_commands_that_are_left_out_exist() -> None:
    every = {" ".join(path) for path, _ in commands(get_command(build()))}
    assert every >= noted.IMPERSONAL
