"""Her own shop: init, the printed curl, doctor's test mail, rehearsal, golive."""

import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from rich.prompt import Prompt

from patron.app.cli.opening.setup import _ask, own_port
from patron.kit.stopping import endings
from ports import free_port
from postbox import mailbox
from postgres_fixture import server_folder
from running import HANG, PATRON, Running, eventually, running


def patron(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PATRON_")}
    return subprocess.run(
        [PATRON, *words], cwd=folder, env=environ, capture_output=True, text=True, timeout=120
    )


def test_init_prints_what_to_paste_and_it_works() -> None:
    with server_folder() as folder, mailbox() as box:
        made = patron(
            folder, "init", "--yes", "--name", "Hollin Tea", "--url", "https://tea.example",
            "--owner", "me@tea.example", "--smtp", f"127.0.0.1:{box.port}", "--json",
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        installed: dict[str, Any] = json.loads(made.stdout)
        config = folder / "patron.toml"
        port = free_port()
        text = config.read_text("utf-8").replace('"starttls"', '"none"')
        config.write_text(
            text.replace("http://127.0.0.1:8080", f"http://127.0.0.1:{port}")
            + f"\nlisten_port = {port}\n",
            "utf-8",
        )
        house = Running(folder)
        house.environ = {k: v for k, v in os.environ.items() if not k.startswith("PATRON_")}
        house.url = f"http://127.0.0.1:{port}"
        serve = subprocess.Popen([PATRON, "serve"], cwd=folder, stderr=subprocess.DEVNULL)
        try:
            eventually(house.ready, "the start of Patron")
            curl = installed["curl"].replace("127.0.0.1:8080", f"127.0.0.1:{port}")
            said = subprocess.run(["bash", "-c", curl], capture_output=True, text=True, check=True)
            assert json.loads(said.stdout) == {"success": True}

            def arrived() -> bool:
                tail = patron(folder, "events", "tail", "--once", "--json")
                return "Product Viewed" in [e["name"] for e in json.loads(tail.stdout)]

            assert eventually(arrived, "the first event")
            looked = patron(folder, "doctor", "--json")
            findings = {f["what"]: f for f in json.loads(looked.stdout)}
            assert looked.returncode == 0, looked.stdout
            assert findings["mail"]["state"] == "ok"
            assert findings["patron"] == told_of_port(port, "ok", "takes calls")
            assert findings["hollin-tea: mode"]["detail"].startswith("rehearsal")
            assert box.to("me@tea.example")[0]["Subject"] == "Patron: a test mail"
        finally:
            serve.send_signal(endings()[-1])  # she closes the terminal
            assert serve.wait(HANG) == 0
        looked = json.loads(patron(folder, "doctor", "--no-mail", "--json").stdout)
        assert told_of_port(port, "warning", "takes no calls") in looked
        again = patron(folder, "init", "--yes", "--name", "X", "--url", "https://x.example")
        assert again.returncode == 1
        assert "patron shop create" in again.stderr


def told_of_port(port: int, state: str, what: str) -> dict[str, Any]:
    remedy = None if state == "ok" else "start it: `patron serve`; if it runs, see its log"
    detail = f"{what} on 127.0.0.1:{port}"
    return {"what": "patron", "state": state, "detail": detail, "remedy": remedy}


def test_a_port_that_is_taken_is_named_at_once() -> None:
    with running() as house, socket.create_server(("127.0.0.1", house.port)):
        refused = house.command("serve")
        assert refused.returncode == 1
        assert f"nothing can listen on port {house.port} of 127.0.0.1" in refused.stderr
        assert "set listen_port" in refused.stderr
        assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("address", "port"),
    [("http://127.0.0.1:8090", 8090), ("http://localhost:8090/", 8090), ("http://localhost", None),
     ("http://127.0.0.1:8080", None), ("https://patron.shop.example:8443", None)],
)  # fmt: skip
def test_an_address_on_this_machine_says_where_to_listen(address: str, port: int | None) -> None:
    assert own_port(address, 8080) == port


def test_a_wrong_answer_is_named_and_leaves_nothing_behind() -> None:
    with server_folder() as folder:
        words = ["init", "--yes", "--name", "Tea", "--url", "tea", "--owner", "me@tea.example"]
        refused = patron(folder, *words)
        assert refused.returncode == 1
        assert "'tea' is not a web address" in refused.stderr
        assert "https://shop.example" in refused.stderr
        assert not (folder / "patron.toml").exists()
        words[5] = "https://tea.example"
        for more, said in (
            (("--currency", "EURO"), "'EURO' is not an ISO 4217 code"),
            (("--time-zone", "Berlin"), "'Berlin' is unknown"),
            (("--smtp", "127.0.0.1:smtp"), "port 'smtp' is not a number"),
        ):
            assert said in patron(folder, *words, *more).stderr
        assert "give --url" in patron(folder, *words[:4]).stderr
        assert list(folder.iterdir()) == []
        assert patron(folder, *words).returncode == 0
        (which,) = json.loads(patron(folder, "shop", "list", "--json").stdout)
        assert which["settings"]["phone_region"] == "DE"  # where the clocks of Berlin hang


def test_what_is_asked_is_asked_again_until_it_can_be_used(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = [
        "Café Öde", "EURO", "eur", "Berlin", "Europe/Berlin", "de", "DE", "tea", "https://t.example",
        "me", "me@t.example", "http://127.0.0.1:8080", "smtp.t.example", "x", "465", "ssl", "tls",
        "", "", "shop@t.example",
    ]  # fmt: skip
    answers = iter(said)
    monkeypatch.setattr(Prompt, "ask", lambda *_, **__: next(answers))
    given = _ask({}, ask=True)
    assert next(answers, None) is None
    assert (given.name, given.currency, given.time_zone) == ("Café Öde", "EUR", "Europe/Berlin")
    assert (given.shop_url, given.owner) == ("https://t.example", "me@t.example")
    assert (given.smtp_port, given.smtp_security) == ("465", "tls")
    errors = capsys.readouterr().err
    for wrong in ("EURO", "Berlin", "tea", "me", "x", "ssl"):
        assert f"'{wrong}'" in errors


def test_in_rehearsal_mails_go_to_the_owner_until_golive() -> None:
    with (
        mailbox() as box,
        running(**box.settings) as house,
    ):
        house.open_shop(live=False)
        house.start()
        journey = house.call("GET", "/api/journeys/abandoned_cart").json()
        journey["definition"]["steps"][0]["wait"] = {"seconds": 1}
        journey["definition"]["holdout"] = 0
        house.call(
            "PUT",
            "/api/journeys/abandoned_cart",
            json={"name": journey["name"], "definition": journey["definition"]},
        )
        for who in ("ada", "ben"):
            address = f"{who}@people.example"
            house.track("Email Subscribed", {"email": address, "text": "yes"}, userId=who)
            house.track(
                "Product Added",
                {"cart_id": who, "product_id": "tea", "name": "Tea", "price": 4, "quantity": 1},
                userId=who,
            )
            if who == "ada":
                mail = eventually(lambda: box.to("owner@acme.example"), "the rehearsal mail")[0]
                assert "ada@people.example" in str(mail)
                assert house.run("golive")["mode"] == "live"
        eventually(lambda: box.to("ben@people.example"), "the first real mail")
        assert box.to("ada@people.example") == []


def test_a_wrong_setting_names_key_value_and_remedy() -> None:
    with running(listen_port="eighty") as house:
        refused = house.command("shop", "list")
        assert refused.returncode == 1
        said = refused.stderr.replace("\n", " ")
        assert "listen_port = 'eighty'" in said
        assert "1 to 65535" in said or "1 and 65535" in said
