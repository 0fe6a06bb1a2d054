"""Real processes on a clock of the test: an hour of a shop's life passes when the test says so."""

import json
import time
from collections.abc import Iterator

import pytest

from musthold.inside import soon
from musthold.slow_motion import TEN, SlowMotion, address, in_slow_motion
from postbox import mailbox
from running import Running, eventually, running

pytestmark = pytest.mark.slow

A_FEW_ROUNDS = 1.0  # seconds of ours: timers and sending look at the clock ten times in each


@pytest.fixture(scope="module")
def town() -> Iterator[SlowMotion]:
    with mailbox() as box, in_slow_motion(box) as town:
        yield town


def test_a_cart_of_ten_is_answered_at_eleven(town: SlowMotion) -> None:
    who = town.customer("ada")
    assert town.conductor.now == TEN
    town.leaves(who)
    town.inside.walked()
    town.conductor.advance(minutes=59)
    assert not soon(lambda: bool(town.messages(who)), A_FEW_ROUNDS)
    assert town.runs(who) == [("waiting", None)]
    town.conductor.advance(minutes=2)
    jumped = time.monotonic()
    eventually(lambda: town.mails(who) == 1, "the mail")
    assert time.monotonic() - jumped < 60, "a timer slept instead of looking at the clock"
    (mail,) = town.box.to(address(who))
    assert mail["Date"].datetime == town.conductor.now
    eventually(lambda: town.messages(who) == ["sent"], "the provider's answer in the ledger")


def test_a_held_out_cart_is_judged_at_the_same_hour_and_gets_none(town: SlowMotion) -> None:
    who = town.customer("hilda", treated=False)
    town.leaves(who)
    town.inside.walked()
    town.conductor.advance(minutes=61)
    eventually(lambda: town.messages(who) == ["held_out"], "the judgement")
    assert town.mails(who) == 0


# At the first point only the frontier keeps the timer back; at the second her run is locked too.
@pytest.mark.parametrize("point", ["walk.taken", "walk.before_commit"])
def test_her_order_is_older_than_her_timer_and_not_yet_read(town: SlowMotion, point: str) -> None:
    who = town.customer(f"olga-{point}")
    other = town.customer(f"nora-{point}")
    town.leaves(who)
    town.inside.walked()
    town.conductor.advance(minutes=50)
    with town.conductor.hold(point, "worker") as held:
        town.orders(who)  # acknowledged; the walk has it in hand and has committed nothing
        held.awaited()
        town.conductor.advance(minutes=11)
        fired = town.conductor.passed["worker", "journeys.claimed"]
        assert not soon(lambda: bool(town.messages(who)), A_FEW_ROUNDS)
        assert town.runs(who) == [("waiting", None)]
        assert town.conductor.passed["worker", "journeys.claimed"] == fired
    town.inside.walked()
    assert town.runs(who) in ([("exited", "cart_closed")], [("exited", "ordered")])
    # Timers fire, for somebody else: hers has had its chance.
    town.leaves(other)
    town.inside.walked()
    town.conductor.advance(minutes=61)
    eventually(lambda: town.mails(other) == 1, "the mail of somebody else")
    assert town.messages(who) == []
    assert town.mails(who) == 0


def test_doctor_says_that_the_time_is_invented(town: SlowMotion) -> None:
    done = town.shop.command("doctor", "--no-mail", "--json")
    assert done.returncode == 1
    (clock,) = [one for one in json.loads(done.stdout) if one["what"] == "clock"]
    assert clock["state"] == "failed"
    assert "PATRON_TEST_SOCKET" in clock["remedy"]


def refused(house: Running) -> str:
    """What `patron serve` says when it does not start."""
    done = house.command("serve")
    said = " ".join(done.stderr.split())
    assert done.returncode == 1
    assert "remove it from the environment" in said
    return said


def test_a_shop_that_others_can_reach_or_that_reaches_others_is_not_conducted() -> None:
    with running(test_socket="/a/socket", public_url="https://patron.shop.example") as house:
        assert "public_url is patron.shop.example" in refused(house)
    with running(test_socket="/a/socket", smtp_host="mail.shop.example") as house:
        assert "smtp_host is mail.shop.example" in refused(house)


def test_a_socket_without_a_test_behind_it_is_refused() -> None:
    with running(test_socket="/no/such/socket") as house:
        assert "PATRON_TEST_SOCKET = /no/such/socket" in refused(house)
        assert not (house.folder / "data" / "postgres").exists()
