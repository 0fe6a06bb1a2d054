"""The page about webhooks: its topics are all there are, its code verifies what is really sent."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from conftest import House
from delivery.telling import Told, told
from patron.delivery.channels.webhook.schedule import _DELAYS
from patron.delivery.channels.webhook.signature import secret_of
from patron.delivery.channels.webhook.types import Topic
from patron.kit.clock import ManualClock, SystemClock
from receiver import Heard

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text("utf-8")


def code(language: str) -> str:
    [found] = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def in_python(secret: str, one: Heard) -> bool:
    names: dict[str, Any] = {}
    exec(code("python"), names)
    return bool(names["verify"](secret, one.headers, one.body))


def in_node(secret: str, one: Heard) -> bool:
    told = json.dumps({"secret": secret, "headers": one.headers, "body": one.body.decode()})
    rest = (
        "const t = JSON.parse(require('node:fs').readFileSync(0));"
        "console.log(verify(t.secret, t.headers, Buffer.from(t.body)));"
    )
    done = subprocess.run(
        ["node", "-e", code("js") + rest], input=told, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip() == "true"


def test_the_code_on_the_page_verifies_what_is_sent(house: House) -> None:
    house.clock = ManualClock(SystemClock().now())
    heard: list[Heard] = []
    secrets: list[str] = []

    async def story(here: Told) -> None:
        crm = await here.register("order.*")
        await here.stage.walk(here.stage.orders("u:zoë", note="Grüße, 漢字"))
        await here.tell()
        heard.extend(here.receiver.heard)
        secrets.append(secret_of(house.signer, crm.id, 1))

    told(house, story)
    [one], [secret] = heard, secrets
    other = secret_of(house.signer, house.acme.id, 1)
    late = {**one.headers, "webhook-timestamp": str(int(one.headers["webhook-timestamp"]) - 301)}
    both = {**one.headers, "webhook-signature": "v1,abcd " + one.headers["webhook-signature"]}
    for verify in (in_python, in_node):
        assert verify(secret, one)
        assert verify(secret, Heard(one.path, both, one.body))
        assert not verify(other, one)
        assert not verify(secret, Heard(one.path, one.headers, one.body.replace(b"1", b"2")))
        assert not verify(secret, Heard(one.path, late, one.body))
        assert not verify(secret, Heard(one.path, {**one.headers, "webhook-id": "x"}, one.body))


def test_every_topic_has_its_row_and_no_other_has() -> None:
    table = PAGE.partition("## Topics")[2].partition("## A message")[0]
    assert re.findall(r"^\| `([\w.]+)` \|", table, re.MULTILINE) == [str(one) for one in Topic]


def test_the_page_knows_the_schedule() -> None:
    said = "5 s, 30 s, 2 min, 10 min, 30 min, 1, 2, 4, 8 and 12 hours"
    assert said in PAGE
    units = {"s": 1, "min": 60, "": 3600, "hours": 3600}
    words = re.findall(r"(\d+) ?(s|min|hours|)(?:,| and|$)", said)
    assert tuple(int(n) * units[unit] for n, unit in words) == _DELAYS
