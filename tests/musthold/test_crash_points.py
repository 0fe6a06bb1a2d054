"""kill -9 at every named point, while a cart is on its way to being answered.

Real processes on a clock of the test: the web process, the worker or the lake's job dies exactly
there. Afterwards nothing that was acknowledged is missing or there twice, and she has one mail; or,
where nobody can know that, one message in doubt and no second mail.
"""

import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

import patron
from musthold.slow_motion import SlowMotion, in_slow_motion
from postbox import mailbox
from running import HANG, eventually

SENT, IN_DOUBT = "sent", "ambiguous"
LAKE = "lake.appended"
BY_HAND = "profiles.told"
SEGMENTS = {
    f"segments.{name}"
    for name in ("fired", "told", "filled", "table_written", "predicted", "compared")
}
"""Where test_segments_in_time dies."""


@dataclass(frozen=True)
class Death:
    """Who dies where, and what is left: the state of her message and the mails she got."""

    role: str
    point: str
    state: str = SENT
    mails: int = 1

    @property
    def customer(self) -> str:
        return f"{self.role}-{self.point}".replace(".", "-")

    def __str__(self) -> str:
        return f"{self.role} at {self.point}"


WHILE_SHE_SHOPS = [
    Death("web", "inbox.committed"),
    Death("worker", "walk.taken"),
    Death("worker", "walk.before_commit"),
    Death("worker", "walk.committed"),
]
WHEN_THE_HOUR_IS_OVER = [
    Death("worker", "journeys.claimed"),
    Death("worker", "journeys.carried"),
    Death("worker", "journeys.told"),
    Death("worker", "journeys.fired"),
    Death("worker", "delivery.claimed"),
    Death("worker", "delivery.handing_over", IN_DOUBT, mails=0),
    Death("worker", "delivery.handed_over", IN_DOUBT, mails=1),
    Death("worker", "delivery.finished"),
    Death("worker", "inbox.committed"),  # the event that tells of the mail
    Death("worker", "delivery.told"),
]
DEATHS = [*WHILE_SHE_SHOPS, *WHEN_THE_HOUR_IS_OVER]

slow = pytest.mark.slow


@pytest.fixture(scope="module")
def town() -> Iterator[SlowMotion]:
    three_days = 3 * 24 * 3600
    with mailbox() as box, in_slow_motion(box, lake_flush_seconds=three_days) as town:
        yield town


def test_every_point_that_there_is_has_its_death_here() -> None:
    folder = Path(patron.__file__).parent
    named = re.compile(r"await reach\(\s*\"([^\"]+)\"\s*\)")
    every = re.compile(r"await reach\(")
    there: set[str] = set()
    for path in folder.rglob("*.py"):
        source = path.read_text("utf-8")
        if "from patron.kit.pauses import reach" in source:
            found = named.findall(source)
            assert len(found) == len(every.findall(source)), f"{path.name}: name points by words"
            there.update(found)
    assert there == {LAKE, BY_HAND, *SEGMENTS, *(death.point for death in DEATHS)}


def comes_back(town: SlowMotion, role: str) -> None:
    town.conductor.wait(lambda: town.conductor.count(role) == 1, f"a new {role}", HANG)


def ends_as(town: SlowMotion, who: str, death: Death) -> None:
    """Let every lease of the dead end, and look at what became of her message."""
    comes_back(town, death.role)
    town.inside.walked()
    town.conductor.advance(minutes=5)
    eventually(lambda: town.messages(who) == [death.state], f"{death.state}: {who}")
    assert town.mails(who) == death.mails
    town.ended[who] = (death.state, death.mails)


@slow
@pytest.mark.parametrize("death", WHILE_SHE_SHOPS, ids=str)
def test_while_her_cart_comes_in(town: SlowMotion, death: Death) -> None:
    who = town.customer(death.customer)
    with (
        ThreadPoolExecutor(1) as browser,
        town.conductor.hold(death.point, death.role) as held,
    ):
        said = browser.submit(town.leaves, who)
        held.kill()
    assert (said.result() > 1) == (death.role == "web"), "only what was not answered is repeated"
    comes_back(town, death.role)
    town.inside.walked()
    assert town.runs(who) == [("waiting", None)]
    town.conductor.advance(hours=1, seconds=1)
    ends_as(town, who, death)


@slow
@pytest.mark.parametrize("death", WHEN_THE_HOUR_IS_OVER, ids=str)
def test_while_she_is_answered(town: SlowMotion, death: Death) -> None:
    who = town.customer(death.customer)
    town.leaves(who)
    town.inside.walked()
    with town.conductor.hold(death.point, death.role) as held:
        town.conductor.advance(hours=1, seconds=1)
        held.kill()
    ends_as(town, who, death)


@slow
def test_while_it_is_told_what_was_written_on_her_by_hand(town: SlowMotion) -> None:
    who = town.customer("tagged")
    with town.conductor.hold(BY_HAND, "worker") as held:
        tagged = town.shop.call("POST", f"/api/profiles/user_id:{who}/tags", json={"tag": "vip"})
        assert tagged.status_code in (200, 201), tagged.text
        held.kill()
    comes_back(town, "worker")
    untold = "SELECT count(*) FROM untold"
    eventually(lambda: town.inside.value(untold) == 0, "nothing being left to tell")
    town.inside.walked()
    assert town.inside.events("name = 'Profile Tagged'") == 1


@slow
def test_while_the_lake_is_written_and_in_the_end_all_is_there_once(town: SlowMotion) -> None:
    fence = town.customer("fence")
    with town.conductor.hold(LAKE, "job") as held:
        town.conductor.advance(days=3, seconds=1)
        held.kill()
    # She is answered three days after all others: whoever was to get a second mail has it by then.
    town.leaves(fence)
    town.inside.walked()
    town.conductor.advance(hours=1, seconds=1)
    eventually(lambda: town.messages(fence) == [SENT], "the last mail")
    assert town.mails(fence) == 1
    for who, (state, mails) in town.ended.items():
        assert (town.messages(who), town.mails(who)) == ([state], mails)
    untold = "SELECT count(*) FROM outbox WHERE untold IS NOT NULL"
    eventually(lambda: town.inside.value(untold) == 0, "the events about all mails")
    town.inside.walked()
    told = Counter(town.told)
    assert set(told.values()) == {1}
    log = town.inside.logged()
    assert {name: times for name, times in log.items() if not name.startswith("patron-")} == told
    assert set(log.values()) == {1}
    assert town.inside.events("name = 'Email Sent'") == town.inside.states()[SENT]
    town.conductor.advance(days=3, seconds=1)
    eventually(lambda: town.inside.in_lake() == log, "the lake as the log")
    assert town.inside.dead_letters() == []
