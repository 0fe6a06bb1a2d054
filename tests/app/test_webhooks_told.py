"""Webhooks over HTTP and by command; and a whole house whose worker dies while it tells."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.audited import Api, told
from conductor import conducting
from conftest import NOON, House
from imports.files import environment
from patron.app.cli.main import build
from receiver import receiver
from running import eventually, running


def test_a_webhook_over_http(house: House, tmp_path: Path) -> None:
    async def story(api: Api) -> None:
        body = {"key": "crm", "url": "https://crm.example/hook", "topics": ["order.*"]}
        made = await api.call("POST", "/api/webhooks", json=body)
        assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
        assert made.json()["secret"].startswith("whsec_")
        assert made.json()["webhook"]["topics"][0] == "order.completed"
        assert (await api.call("POST", "/api/webhooks", json=body)).status_code == 409
        wrong = await api.call("POST", "/api/webhooks", json={**body, "topics": ["orders"]})
        assert (wrong.status_code, wrong.json()["path"]) == (400, "topics")
        inside = {**body, "key": "in", "url": "https://127.0.0.1:5432/"}
        refused = await api.call("POST", "/api/webhooks", json=inside)
        assert refused.status_code == 400 and "webhook_networks" in refused.json()["remedy"]
        at = "/api/webhooks/crm"
        tried = (await api.call("POST", f"{at}/test")).json()
        assert tried["status_code"] is None and "crm.example" in tried["answer"]
        changed = await api.call("PATCH", at, json={"topics": ["profile.erased"]})
        assert changed.json()["topics"] == ["profile.erased"]
        turned = await api.call("POST", f"{at}/rotate")
        assert turned.json()["secret"] != made.json()["secret"]
        off = (await api.call("POST", f"{at}/disable")).json()
        assert (off["status"], off["reason"]) == ("off", "switched off by hand")
        on = await api.call("POST", f"{at}/enable", json={"catch_up": True})
        assert on.json()["status"] == "on"
        again = await api.call("POST", f"{at}/replay", json={})
        assert again.json()["again"] == 0
        later = await api.call("POST", f"{at}/replay", json={"since": "2026-03-01T00:00:00Z"})
        assert later.json()["again"] is None
        unknown = {"delivery": "01890000-0000-7000-8000-000000000001"}
        assert (await api.call("POST", f"{at}/replay", json=unknown)).status_code == 404
        empty = (await api.call("GET", f"{at}/deliveries?state=failed")).json()
        assert empty == {"items": [], "next_cursor": None}
        assert [one["key"] for one in (await api.call("GET", "/api/webhooks")).json()["items"]] == [
            "crm"
        ]
        assert (await api.call("DELETE", at)).status_code == 200
        gone = await api.call("GET", at)
        assert (gone.status_code, gone.json()["remedy"]) == (404, "there is none yet")

    told(house, tmp_path, story)


def test_a_webhook_by_command(house: House, tmp_path: Path, monkeypatch: Any) -> None:
    for name in [name for name in os.environ if name.startswith("PATRON_")]:
        monkeypatch.delenv(name)
    for name, value in environment(house, tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATRON_WEBHOOK_NETWORKS", "127.0.0.0/8")

    def patron(*words: str, code: int = 0) -> Any:
        asked = ["webhook", *words, "--shop", "acme", "--json"]
        done = CliRunner().invoke(build("webhook"), asked)
        assert done.exit_code == code, done.output
        return json.loads(done.stdout) if done.stdout else done.stderr

    with receiver() as listener:
        made = patron("add", "crm", listener.url, "--topic", "order.*")
        assert made["secret"].startswith("whsec_")
        heard = patron("test", "crm")
        assert (heard["status_code"], listener.topics()) == (204, ["webhook.test"])
        listener.always = (500, {}, b"broken")
        assert patron("test", "crm", code=1)["answer"] == "broken"
    assert patron("change", "crm", "--topic", "*")["topics"][0] == "profile.updated"
    assert patron("disable", "crm")["status"] == "off"
    assert patron("enable", "crm", "--catch-up")["status"] == "on"
    assert patron("rotate", "crm")["secret"] != made["secret"]
    assert patron("replay", "crm")["again"] == 0
    assert patron("replay", "crm", "--since", "2026-03-01")["again"] is None
    assert patron("deliveries", "crm") == []
    shown = CliRunner().invoke(build("webhook"), ["webhook", "list", "--shop", "acme"])
    assert "crm" in shown.stdout
    assert patron("remove", "crm")["waiting"] == 0
    assert "there is none yet" in patron("test", "crm", code=1)


@pytest.mark.slow
def test_a_worker_that_dies_while_it_tells_leaves_it_to_the_next(tmp_path: Path) -> None:
    with (
        receiver() as listener,
        conducting(at=NOON) as conductor,
        running(test_socket=conductor.path, webhook_networks="127.0.0.0/8") as house,
    ):
        house.open_shop(live=False)
        house.start()
        body = {"key": "crm", "url": listener.url, "topics": ["order.*"]}
        assert house.call("POST", "/api/webhooks", json=body).status_code == 201
        listener.answers = ["silence"]
        house.track("Order Completed", {"order_id": "o1", "total": 10}, userId="ann")
        eventually(lambda: listener.heard, "the first attempt")
        house.kill("worker")
        house.track("Order Completed", {"order_id": "o2", "total": 10}, userId="bob")
        eventually(lambda: len(listener.heard) == 2, "what another did")
        conductor.advance(seconds=61)
        eventually(lambda: len(listener.heard) == 3, "the first once more")
        first, other, again = listener.heard
        assert again.id == first.id != other.id and again.body == first.body

        def states() -> set[str]:
            found = house.call("GET", "/api/webhooks/crm/deliveries").json()["items"]
            return {one["state"] for one in found}

        eventually(lambda: states() == {"delivered"}, "all told")
