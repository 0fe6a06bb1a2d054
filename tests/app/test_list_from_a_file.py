"""A file is sent over HTTP, looked at and started; the worker puts its people on the list."""

import asyncio
import base64
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest

from app.audited import Api, told
from conftest import House
from imports.files import environment
from patron.app.cli.house import OpenHouse
from patron.app.imports.run import Run
from patron.app.lists import importing
from patron.app.lists.uploads import Upload, Uploads
from patron.kit.problems import bad_request
from patron.kit.settings import Settings

AT = "/api/lists/fair"
TEXT = "E-Mail;Name;Newsletter\nzoë@x.example;Zoë;yes\nnobody;Nemo;\nbob@x.example;Bob;no\n"


def sent(text: bytes, **more: Any) -> dict[str, Any]:
    return {"file": "fair 2026.csv", "content": base64.b64encode(text).decode(), **more}


def test_a_file_over_http(house: House, tmp_path: Path) -> None:
    uploads = Uploads(tmp_path, "acme")

    async def imported() -> None:
        """As the worker does it."""
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "patron.app.lists.importing", "lists", "acme"],
            env=environment(house, tmp_path), capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    async def story(api: Api) -> None:
        await api.call("POST", "/api/lists", json={"name": "Fair"})
        body = sent(TEXT.encode("cp1252"), consent_from="stand 12")
        answer = await api.call("POST", f"{AT}/imports", json=body)
        assert answer.status_code == 201, answer.text
        shown = answer.json()
        assert shown["state"] == "shown" and not uploads.waits(house.clock.now())
        assert [c["field"] for c in shown["preview"]["columns"]] == [
            "email", "name", "accepts_email",
        ]  # fmt: skip
        assert shown["preview"]["file"] == "fair 2026.csv"
        assert shown["preview"]["sample"][0]["traits"]["name"] == "Zoë"
        counts = ("rows", "added", "unknown", "already", "repeated", "invalid")
        assert [shown["forecast"][name] for name in counts] == [3, 2, 2, 0, 0, 1]
        assert (await api.call("GET", AT)).json()["members"] == 0

        at = f"{AT}/imports/{shown['id']}"
        assert (await api.call("GET", at)).json() == shown
        assert (await api.call("GET", f"{at}/report")).status_code == 404
        started = await api.call("POST", f"{at}/start")
        assert (started.status_code, started.json()["state"]) == (202, "started")
        assert uploads.waits(house.clock.now())
        await imported()
        done = (await api.call("GET", at)).json()
        assert (done["state"], done["error"]) == ("done", None)
        assert done["result"]["list"] == {"list": "fair", "added": 2, "members": 2}
        assert done["result"]["problems"]["the row names nobody"] == 1
        report = (await api.call("GET", f"{at}/report")).text
        assert "3,E-Mail,nobody,is no e-mail address" in report
        members = (await api.call("GET", f"{AT}/members")).json()["items"]
        assert {m["source"][:13] for m in members} == {"fair 2026.csv"}
        assert (await api.call("POST", f"{at}/start")).json()["state"] == "done"
        assert list((tmp_path / "shops/acme/imports/uploads").rglob("file-*")) == []
        zoe = (await api.call("GET", "/api/profiles/email:zoë@x.example")).json()
        assert zoe["reach"]["email"]["consent"] == "granted"
        again = (await api.call("POST", f"{AT}/imports", json=body)).json()
        assert (again["forecast"]["already"], again["forecast"]["added"]) == (2, 0)
        await api.call("POST", f"{AT}/imports/{again['id']}/start")
        await imported()
        told_again = (await api.call("GET", f"{AT}/imports/{again['id']}")).json()["result"]
        assert told_again["new"] == 0 and told_again["list"]["members"] == 2

    told(house, tmp_path, story)


def test_files_that_are_refused_and_files_that_go(house: House, tmp_path: Path) -> None:
    uploads = Uploads(tmp_path, "acme")

    async def story(api: Api) -> None:
        await api.call("POST", "/api/lists", json={"name": "Fair"})
        nobody = await api.call("POST", f"{AT}/imports", json=sent(b"a,b\n1,2\n"))
        assert nobody.status_code == 400
        assert "no column of the file is the" in nobody.json()["detail"]
        empty = await api.call("POST", f"{AT}/imports", json=sent(b""))
        assert empty.status_code == 400 and str(tmp_path) not in empty.text
        path = sent(b"email\na@x.example\n", file="../../etc/passwd")
        assert (await api.call("POST", f"{AT}/imports", json=path)).status_code == 400
        mapped = {"kind": "profiles", "columns": {"email": "b"}, "options": {"others": "drop"}}
        body = sent(b"a,b\nx,a@x.example\n", map=mapped)
        first = (await api.call("POST", f"{AT}/imports", json=body)).json()
        assert [c["field"] for c in first["preview"]["columns"]] == [None, "email"]
        for options in (
            {"date_format": "%d %d"}, {"date_format": "%Q"}, {"delimiter": "::"},
            {"encoding": "undefined"}, {"encoding": "nothing"}, {"time_zone": "../x"},
        ):  # fmt: skip
            text = b"a,b,created_at\nx,a@x.example,01.02.2026\n"
            wrong = sent(text, map={**mapped, "options": options})
            refused = await api.call("POST", f"{AT}/imports", json=wrong)
            assert refused.status_code in (201, 400), (options, refused.text)
            if refused.status_code == 201:
                uploads.remove(UUID(refused.json()["id"]))
        long = sent(b"email\na@x.example\n", file="字" * 200)
        kept = (await api.call("POST", f"{AT}/imports", json=long)).json()
        uploads.remove(UUID(kept["id"]))
        unknown = "/api/lists/fair/imports/01890000-0000-7000-8000-000000000001"
        assert (await api.call("GET", unknown)).status_code == 404
        assert len(list(uploads.every())) == 1
        # Somebody is erased: the file that was only shown may name her.
        await api.call("POST", "/api/lists", json={"name": "Press"})
        elsewhere = f"/api/lists/press/imports/{first['id']}"
        assert (await api.call("GET", elsewhere)).status_code == 404
        assert uploads.forget() == 1 and list(uploads.every()) == []
        second = (await api.call("POST", f"{AT}/imports", json=body)).json()
        now = house.clock.now()
        assert uploads.sweep(now + timedelta(hours=23)) == 0
        assert uploads.sweep(now + timedelta(hours=25)) == 1
        assert (await api.call("GET", f"{AT}/imports/{second['id']}")).status_code == 404

    told(house, tmp_path, story)


class Upheld:
    """An upload that was started, and what the worker makes of it."""

    def __init__(self, house: House, folder: Path) -> None:
        self.house, self.folder = house, folder
        self.uploads = Uploads(folder, "acme")
        settings = Settings(data_dir=folder, database_url=house.url)
        self.open = OpenHouse(settings, house.url, house.clock, house.signer)
        self.id = UUID(told(house, folder, self._sent))

    async def _sent(self, api: Api) -> str:
        await api.call("POST", "/api/lists", json={"name": "Fair"})
        body = sent(b"email\na@x.example\n")
        one = (await api.call("POST", f"{AT}/imports", json=body)).json()["id"]
        await api.call("POST", f"{AT}/imports/{one}/start")
        return str(one)

    def now(self) -> Upload:
        note = self.uploads.read(self.id)
        assert note is not None
        return note.upload

    def waits(self) -> bool:
        return self.uploads.waits(self.house.clock.now())

    def imported(self) -> list[str]:
        return importing.bring_all(self.open, self.house.acme)


def breaks(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def broken(_: Any) -> None:
        raise error

    monkeypatch.setattr(Run, "run", broken)


def test_what_breaks_off_is_tried_again_ever_more_seldom(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Upheld(house, tmp_path)
    # Neither an outage nor a worker that stops is an attempt.
    for passing in (psycopg.OperationalError("away"), SystemExit(0)):
        breaks(monkeypatch, passing)
        with pytest.raises(type(passing)):
            file.imported()
        assert (file.now().state, file.now().attempts, file.waits()) == ("started", 0, True)

    breaks(monkeypatch, KeyError("a mistake of ours"))
    for attempt, rest in enumerate(importing.RESTS[:-1], 1):
        file.imported()
        assert (file.now().state, file.now().attempts) == ("started", attempt)
        assert file.now().error == "it broke off: KeyError('a mistake of ours')"
        assert file.now().again_at == house.clock.now() + rest
        assert file.imported() == [] and not file.waits()
        house.clock.advance(rest)
    # The last attempt takes the process along.
    note = file.uploads.read(file.id)
    assert note is not None
    file.uploads.write(msgspec.structs.replace(note, attempts=len(importing.RESTS)))
    file.imported()
    assert (file.now().state, file.now().error) == ("failed", importing.DIED)

    async def again(api: Api) -> None:
        started = await api.call("POST", f"{AT}/imports/{file.id}/start")
        assert (started.status_code, started.json()["state"]) == (202, "started")
        assert (started.json()["attempts"], started.json()["error"]) == (0, None)

    told(house, tmp_path, again)
    monkeypatch.undo()
    file.imported()
    assert (file.now().state, file.now().error) == ("done", None)
    assert not file.uploads.file(file.now()).exists()


def test_a_file_at_fault_is_not_started_again(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Upheld(house, tmp_path)
    breaks(monkeypatch, bad_request("row 1 says nothing", remedy="say something"))
    file.imported()

    async def again(api: Api) -> None:
        failed = (await api.call("GET", f"{AT}/imports/{file.id}")).json()
        assert (failed["state"], failed["error"]) == ("failed", "row 1 says nothing")
        refused = await api.call("POST", f"{AT}/imports/{file.id}/start")
        assert (refused.status_code, refused.json()["remedy"]) == (
            409, "correct it and send it again",
        )  # fmt: skip

    told(house, tmp_path, again)
