"""Visitors of a fair come from a file onto a list: shown first, put on once, and who agreed to what
is not invented."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from conftest import House
from imports.files import PROGRAM, counts, environment, imported, logged, write_csv
from imports.test_interruption import STRUCK
from imports.test_lists import consent_of
from patron.app.cli.main import build
from patron.app.imports.reading.encoding import survey
from patron.kit.db import Tx
from patron.profiles import store as profiles
from patron.profiles.erasure import store as erasure
from patron.segments.lists import keeping, store

HEADER = ["Kundennummer", "E-Mail", "Telephone", "Name", "Newsletter", "Booth"]


def patron(house: House, data: Path, *words: str, fails: bool = False) -> Any:
    """`patron list …`: its JSON, or what it says on failing."""
    asked = ["list", *words, "--shop", "acme", *([] if fails else ["--json"])]
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment(house, data))
    try:
        done = CliRunner().invoke(build("list"), asked)
    finally:
        os.environ.clear()
        os.environ.update(before)
    assert bool(done.exit_code) is fails, done.output
    return " ".join(done.stderr.split()) if fails else json.loads(done.stdout)


def on_it(house: House, key: str = "fair") -> list[tuple[str | None, str | None, str]]:
    """User id, name and source of everybody on a list."""

    async def look(tx: Tx) -> list[tuple[str | None, str | None, str]]:
        one = await store.by_key(tx, key)
        assert one is not None
        rows, _ = await store.members(tx, one.id, None, 10_000)
        assert one.members == len(rows)
        return [(m.user_id or m.email, m.name, m.source) for m in await keeping.shown(tx, rows)]

    return sorted(house.unit(look), key=str)


def of_the_fair(path: Path) -> Path:
    """As spreadsheets of old write it: semicolons, Windows-1252."""
    rows = [
        ["7", "ann@example.com", "", "Ann Lee", "yes", "A1"],
        ["", "bob@example.com", "", "Bob", "no", ""],
        ["", "Zoë.Kühn@example.com", "", "Zoë Kühn", "yes", "A2"],
        ["", "zoë.kühn@example.com", "", "Zoe", "", ""],
        ["", "", "", "Nobody", "yes", ""],
        ["", "not an address", "", "Wrong", "", ""],
        ["9", "max@example.com", "(617) 555-0123", "=1+1", "yes", "=A3"],
    ]
    path.write_bytes("".join(";".join(row) + "\n" for row in [HEADER, *rows]).encode("cp1252"))
    return path


def exported(house: House, data: Path) -> str:
    return subprocess.run(
        [*PROGRAM, "list", "export", "fair", "--bom", "--shop", "acme"],
        env=environment(house, data), cwd=data, capture_output=True, timeout=120,
    ).stdout.decode("utf-8")  # fmt: skip


def test_a_fair_becomes_a_list(house: House, tmp_path: Path) -> None:
    known = write_csv(
        tmp_path / "known.csv",
        ["user_id", "email", "first_name", "last_name"],
        [["7", "ann@example.com", "Ann", "Lee"], ["8", "bob@example.com", "Bob", "Ray"]],
    )
    imported(house, tmp_path, "profiles", str(known))
    made = patron(house, tmp_path, "create", "Fair", "--description", "Spring of 2026")
    assert (made["key"], made["members"]) == ("fair", 0)
    assert "exists already" in patron(house, tmp_path, "create", "Fair", fails=True)
    assert "give 1 to 120" in patron(house, tmp_path, "rename", "fair", " ", fails=True)
    put = patron(house, tmp_path, "add", "fair", "email:BOB@example.com", "user_id:99")
    assert put == {"added": 1, "already": 0, "unknown": ["user_id:99"]}
    file = of_the_fair(tmp_path / "fair.csv")
    shown = patron(house, tmp_path, "import", "fair", str(file))
    assert shown["forecast"] == {
        "list": "fair", "rows": 7, "added": 3, "unknown": 2, "already": 1, "repeated": 1,
        "invalid": 2,
    }  # fmt: skip
    assert shown["encoding"] in ("cp1250", "cp1252")  # these letters are the same in both
    assert shown["columns"][1]["field"] == "email"
    assert shown["columns"][5]["field"] == "traits.Booth"
    assert any("--consent-from" in note for note in shown["notes"])
    assert len(on_it(house)) == 1  # a preview writes nothing

    outcome = patron(house, tmp_path, "import", "fair", str(file), "--yes")
    assert outcome["list"] == {"list": "fair", "added": 3, "members": 4}
    assert outcome["left_out"] == {
        "a yes to mail that nobody says where it was given (left out)": 3
    }
    assert outcome["problems"] == {"the row names nobody": 2, "E-Mail: is no e-mail address": 1}
    report = Path(outcome["report"]).read_text("utf-8")
    assert "7,E-Mail,not an address,is no e-mail address,correct it or leave it blank" in report
    source = f"fair.csv {outcome_digest(outcome)}"
    assert on_it(house) == [
        ("7", "Ann Lee", source),
        ("8", "Bob", "patron list"),
        ("9", "=1+1", source),
        ("Zoë.Kühn@example.com", "Zoë Kühn", source),
    ]
    # A yes was not believed, a no was.
    assert consent_of(house, "7")[1] == consent_of(house, "9")[1] == "none"
    assert consent_of(house, "8")[1] == "withdrawn"
    again = patron(house, tmp_path, "import", "fair", str(file), "--yes", "--again")
    assert (again["new"], again["list"]["added"]) == (0, 3)

    text = exported(house, tmp_path)
    assert text.startswith("\ufeffprofile_id,user_id,email,phone,name,added_at,source\r\n")
    assert ",9,max@example.com,+16175550123,'=1+1," in text
    assert "Zoë.Kühn@example.com" in text

    # Who says where it was given is believed; the list's own row says so once.
    told = patron(
        house, tmp_path, "import", "fair", str(file), "--yes", "--consent-from", "stand 12"
    )
    assert told["list"]["members"] == 4
    assert consent_of(house, "7") == ("ann@example.com", "granted")
    word = next(e for e in logged(house, "name = 'Email Subscribed'") if e["user"] == "7")
    assert word["body"]["properties"]["where"] == "stand 12"


def outcome_digest(outcome: dict[str, Any]) -> str:
    return survey(Path(outcome["file"])).digest[:8]


def test_a_list_again_a_list_deleted_and_whoever_was_erased(house: House, tmp_path: Path) -> None:
    patron(house, tmp_path, "create", "Fair")
    file = write_csv(
        tmp_path / "f.csv", ["email", "Size"], [["a@x.example", 1], ["b@x.example", 2]]
    )
    bare = tmp_path / "bare.toml"
    bare.write_text('[columns]\nemail = "email"\n[options]\nothers = "drop"\n')
    with_map = ("import", "fair", str(file), "--yes", "--map", str(bare))
    first = patron(house, tmp_path, *with_map)
    assert first["list"]["added"] == 2
    assert all("Size" not in e["body"]["traits"] for e in logged(house, "name = 'Identified'"))
    gone = patron(house, tmp_path, "remove", "fair", "email:a@x.example", "email:c@x.example")
    assert gone == {"removed": 1, "not_on_it": 0, "unknown": ["email:c@x.example"]}
    told = patron(house, tmp_path, *with_map, "--again")
    assert (told["new"], told["list"]["members"]) == (0, 1)
    other = write_csv(tmp_path / "g.csv", ["email"], [["a@x.example"], ["b@x.example"]])
    assert patron(house, tmp_path, "import", "fair", str(other), "--yes")["list"]["members"] == 2
    out = tmp_path / "out.csv"
    done = patron(house, tmp_path, "export", "fair", "--to", str(out))
    assert done == {"list": "fair", "people": 2, "file": str(out)}
    assert len(out.read_text("utf-8").splitlines()) == 3
    listed = patron(house, tmp_path, "export", "fair")
    assert {one["email"] for one in listed} == {"a@x.example", "b@x.example"}
    [hers] = patron(house, tmp_path, "of", "email:a@x.example")
    assert (hers["key"], hers["source"][:5]) == ("fair", "g.csv")

    async def erase(tx: Tx) -> None:
        root = await profiles.find(tx, "email:a@x.example")
        assert root is not None
        origins = await profiles.origins(tx, root)
        assert [one["key"] for one in await store.export(tx, origins)] == ["fair"]
        await erasure.erase(tx, root, house.signer, house.clock.now())
        assert await store.erase(tx, origins) == 1

    house.unit(erase)
    third = write_csv(tmp_path / "h.csv", ["email"], [["a@x.example"], ["b@x.example"]])
    assert patron(house, tmp_path, "import", "fair", str(third), "--yes")["list"]["members"] == 1
    assert patron(house, tmp_path, "delete", "fair")["members"] == 1
    assert "there is no list yet" in patron(house, tmp_path, "members", "fair", fails=True)
    patron(house, tmp_path, "create", "Fair")
    anew = patron(house, tmp_path, "import", "fair", str(other), "--yes")
    assert (anew["already_done"], anew["list"]["members"]) == (None, 1)
    assert "--map" in patron(
        house, tmp_path, "import", "fair", str(write_csv(tmp_path / "x.csv", ["a"], [])),
        fails=True,
    )  # fmt: skip


def test_killed_in_the_middle_everybody_comes_onto_the_list_once(
    house: House, tmp_path: Path
) -> None:
    patron(house, tmp_path, "create", "Fair")
    file = write_csv(
        tmp_path / "f.csv", ["email", "name"], ([f"p{n}@x.example", f"P {n}"] for n in range(3_000))
    )
    for commits in (2, 3):
        done = subprocess.run(
            [sys.executable, "-c", STRUCK, str(commits), str(signal.SIGKILL), "list", "import",
             "fair", str(file), "--shop", "acme", "--yes"],
            env=environment(house, tmp_path), cwd=tmp_path, capture_output=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == -signal.SIGKILL, done.stderr
    outcome = patron(house, tmp_path, "import", "fair", str(file), "--yes")
    assert outcome["list"] == {"list": "fair", "added": 3_000, "members": 3_000}
    assert counts(house) == {"Identified": 3_000, "Added to List": 3_000}
