"""The gate: which rule speaks first, for every combination of facts."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patron.delivery import gate, words
from patron.delivery.types import Delay, Facts, Go, Reason, Skip
from patron.profiles.types import Reach
from patron.segments.rules.language import Answer
from patron.shops.types import Mode

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ANNA = Reach("Anna@example.com", "anna@example.com", True, "granted", None)
FINE = Facts(
    now=NOW,
    mode=Mode.LIVE,
    owner="owner@acme.example",
    purpose="marketing",
    reach=ANNA,
    expires_at=NOW + timedelta(hours=24),
    cart="open",
    condition=Answer(True, []),
)


def but(**changes: object) -> Facts:
    return msgspec.structs.replace(FINE, **changes)


def reach(**changes: object) -> Facts:
    return but(reach=msgspec.structs.replace(ANNA, **changes))


# In the order of the promise: each violates one rule and nothing else.
VIOLATIONS: list[tuple[Reason, dict[str, object]]] = [
    (Reason.NO_OWNER, {"mode": Mode.REHEARSAL, "owner": ""}),
    (Reason.NO_CONSENT, {"consent": "none"}),
    (Reason.SUPPRESSED, {"suppressed": "hard_bounce"}),
    (Reason.NO_ADDRESS, {"address": None, "address_key": None}),
    (Reason.TOO_LATE, {"expires_at": NOW}),
    (Reason.CART_CLOSED, {"cart": "order"}),
    (Reason.CONDITION, {"condition": Answer(False, ["she ordered at 11:50"])}),
    (Reason.RESTORED, {"begun": NOW - timedelta(hours=2), "restored_at": NOW - timedelta(hours=1)}),
    (Reason.SAME_JOURNEY, {"last_of_source": NOW - timedelta(hours=23)}),
    (Reason.TOO_OFTEN, {"last_marketing": NOW - timedelta(hours=15)}),
    (Reason.ORDERS_SILENT, {"orders_silent_since": NOW - timedelta(hours=9)}),
    (Reason.WALK_BEHIND, {"walk_lag": timedelta(seconds=6)}),
]
OF_REACH = {"consent", "suppressed", "address", "address_key"}


def violate(chosen: list[int]) -> Facts:
    facts = FINE
    for index in chosen:
        changes = VIOLATIONS[index][1]
        of_reach = {key: value for key, value in changes.items() if key in OF_REACH}
        others = {key: value for key, value in changes.items() if key not in OF_REACH}
        facts = msgspec.structs.replace(
            facts, reach=msgspec.structs.replace(facts.reach, **of_reach), **others
        )
    return facts


def test_nothing_objects_and_it_goes_to_the_customer() -> None:
    decision = gate.decide(FINE)
    assert isinstance(decision, Go)
    assert decision.to == "Anna@example.com"
    assert decision.recipient.address_key == "anna@example.com"
    assert not decision.rehearsal


@given(st.sets(st.integers(0, len(VIOLATIONS) - 1), min_size=1))
def test_the_first_rule_in_the_promised_order_decides(broken: set[int]) -> None:
    decision = gate.decide(violate(sorted(broken)))
    assert not isinstance(decision, Go)
    assert decision.reason == VIOLATIONS[min(broken)][0]


@given(st.sets(st.integers(0, len(VIOLATIONS) - 1), min_size=1))
def test_every_objection_has_words_for_the_owner(broken: set[int]) -> None:
    facts = violate(sorted(broken))
    decision = gate.decide(facts)
    zone = ZoneInfo("America/New_York")
    if isinstance(decision, Delay):
        said = words.of_delay(decision, facts, zone)
        assert said.startswith("Waiting: ")
        assert decision.until > facts.now
    else:
        assert isinstance(decision, Skip)
        said = words.of_skip(decision, facts, zone)
        assert said.startswith("Not sent: ")
    assert said.endswith(".")
    assert "@" not in said


def test_in_rehearsal_it_goes_to_the_owner_and_counts_for_the_customer() -> None:
    decision = gate.decide(but(mode=Mode.REHEARSAL))
    assert isinstance(decision, Go)
    assert decision.to == "owner@acme.example"
    assert decision.recipient.address_key == "anna@example.com"
    assert decision.rehearsal


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (reach(consent="withdrawn"), Reason.CONSENT_WITHDRAWN),
        (reach(consent="claimed"), Reason.NO_CONSENT),
        (but(cart="empty"), Reason.CART_EMPTY),
    ],
)
def test_other_objections(facts: Facts, reason: Reason) -> None:
    decision = gate.decide(facts)
    assert isinstance(decision, Skip)
    assert decision.reason == reason


@pytest.mark.parametrize(
    "facts",
    [
        but(last_of_source=NOW - timedelta(hours=24)),
        but(last_marketing=NOW - timedelta(hours=16)),
        but(last_marketing=NOW - timedelta(hours=2), hours_between=2),
        but(walk_lag=timedelta(seconds=5)),
        but(cart=None, orders_silent_since=NOW - timedelta(days=2)),
        but(condition=None),
        but(restored_at=NOW - timedelta(hours=24), begun=NOW - timedelta(hours=1)),
    ],
)
def test_at_the_edge_it_goes(facts: Facts) -> None:
    assert isinstance(gate.decide(facts), Go)


def test_after_a_restore_new_marketing_waits_until_the_caps_know_enough_again() -> None:
    restored_at = NOW - timedelta(hours=2)
    fresh = but(restored_at=restored_at, begun=NOW - timedelta(hours=1))
    assert gate.decide(fresh) == Delay(restored_at + timedelta(hours=24), Reason.RESTORED)
    longer = msgspec.structs.replace(fresh, hours_between=48)
    assert gate.decide(longer) == Delay(restored_at + timedelta(hours=48), Reason.RESTORED)
    assert isinstance(gate.decide(msgspec.structs.replace(fresh, purpose="transactional")), Go)
    assert isinstance(gate.decide(msgspec.structs.replace(fresh, mode=Mode.REHEARSAL)), Go)
    old = msgspec.structs.replace(fresh, purpose="transactional", begun=restored_at)
    assert gate.decide(old) == Skip(Reason.RESTORED, restored_at.isoformat())
    zone = ZoneInfo("America/New_York")
    said = words.of_delay(Delay(restored_at + timedelta(hours=24), Reason.RESTORED), fresh, zone)
    assert "restored from a backup on March 2, 05:00" in said
    assert "Marketing goes on from March 3, 05:00" in said


def test_a_transactional_message_needs_no_consent_and_meets_no_caps() -> None:
    facts = but(
        purpose="transactional",
        reach=msgspec.structs.replace(ANNA, consent="withdrawn", suppressed="unsubscribe"),
        last_marketing=NOW,
        last_of_source=NOW,
        walk_lag=timedelta(minutes=5),
    )
    assert isinstance(gate.decide(facts), Go)
    dead = msgspec.structs.replace(
        facts, reach=msgspec.structs.replace(ANNA, suppressed="hard_bounce")
    )
    assert gate.decide(dead) == Skip(Reason.SUPPRESSED, "hard_bounce")
