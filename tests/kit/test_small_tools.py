"""Clock, ids, cursors, signatures, figures, rests and cells of spreadsheets."""

import signal
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from patron.kit.clock import ManualClock
from patron.kit.ids import id_at, new_id, new_secret
from patron.kit.metrics import SECONDS, Durations, Tallies
from patron.kit.pace import Pace
from patron.kit.paging import bounded, decode, encode, paged
from patron.kit.problems import Problem
from patron.kit.sheets import harmless
from patron.kit.signing import BadSignature, Signer
from patron.kit.stopping import endings

KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))  # as a table keeps them
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SIGNER = Signer(b"0123456789abcdef")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def test_a_manual_clock_goes_forward_only() -> None:
    clock = ManualClock(NOON)
    assert clock.advance(timedelta(hours=1)) == NOON + timedelta(hours=1)
    with pytest.raises(ValueError, match="cannot go back"):
        clock.set(NOON)
    with pytest.raises(ValueError, match="no time zone"):
        ManualClock(datetime(2026, 1, 1))  # noqa: DTZ001


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001
def test_an_id_is_a_version_7_of_its_moment(naive: datetime) -> None:
    moment = naive.replace(tzinfo=UTC)
    made = id_at(moment)
    assert made.version == 7
    assert made.int >> 80 == int(moment.timestamp() * 1000)
    assert id_at(moment + timedelta(milliseconds=2)) > made


def test_ids_sort_by_time_and_secrets_tell_their_kind() -> None:
    made = [new_id() for _ in range(1000)]
    assert sorted(made) == made
    assert new_secret("sk").startswith("sk_")
    assert len(new_secret("sk")) == 35


@given(st.lists(st.integers() | st.text(), min_size=2, max_size=2))
def test_a_cursor_returns_its_key(key: list[object]) -> None:
    assert decode(encode(key), 2) == key


@pytest.mark.parametrize("damaged", ["x", "[]", "é", "W10", "a" * 5000])
def test_a_damaged_cursor_is_refused_with_its_remedy(damaged: str) -> None:
    with pytest.raises(Problem, match="not one of ours") as caught:
        decode(damaged, 2)
    assert caught.value.document.remedy


@pytest.mark.parametrize("limit", [0, 201, -1])
def test_a_limit_out_of_range_is_refused(limit: int) -> None:
    with pytest.raises(Problem, match=str(limit)):
        bounded(limit)


@given(st.sets(KEYS), st.sets(KEYS), st.integers(1, 5), st.booleans())
def test_pages_of_a_whole_list_hold_each_item_once_whatever_comes_and_goes_meanwhile(
    lasting: set[str], passing: set[str], limit: int, falling: bool
) -> None:
    seen: list[str] = []
    cursor = None
    for turn in range(len(lasting | passing) + 1):
        there = lasting | passing if turn % 2 else lasting
        page = paged(sorted(there), str, cursor, limit, falling=falling)
        assert len(page.items) <= limit
        seen += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    assert cursor is None
    assert [one for one in seen if one in lasting] == sorted(lasting, reverse=falling)
    assert seen == sorted(set(seen), reverse=falling)


def test_a_cursor_of_another_list_is_refused() -> None:
    for cursor in (encode([1]), encode(["a", "b"]), encode(["\0"])):
        with pytest.raises(Problem, match="not one of ours"):
            paged(["a"], str, cursor, 50)


@given(JSON)
def test_a_token_returns_its_payload_for_its_purpose_only(payload: object) -> None:
    token = SIGNER.token("unsubscribe", payload)
    assert SIGNER.read("unsubscribe", token) == payload
    with pytest.raises(BadSignature):
        SIGNER.read("click", token)


@given(st.text(), st.integers(0, 60))
def test_no_changed_token_is_read(noise: str, place: int) -> None:
    token = SIGNER.token("click", {"m": "0192"})
    place %= len(token)
    changed = token[:place] + noise + token[place + 1 :]
    if changed != token:
        with pytest.raises(BadSignature):
            SIGNER.read("click", changed)


def test_a_digest_needs_the_secret() -> None:
    other = Signer(b"fedcba9876543210")
    assert SIGNER.digest("erased", "a@b.example") == SIGNER.digest("erased", "a@b.example")
    assert SIGNER.digest("erased", "a@b.example") != other.digest("erased", "a@b.example")


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("+16175550123", "+16175550123"),
        ("-12,5", "-12,5"),
        ("Ann = Lee", "Ann = Lee"),
        ("", ""),
        (-5, -5),
        (None, None),
    ],
)
def test_no_cell_is_a_formula(cell: object, written: object) -> None:
    assert harmless(cell) == written


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 20) | st.sampled_from(SECONDS))))
def test_figures_of_hot_doors_read_like_the_librarys_own(told: list[tuple[str, float]]) -> None:
    library, ours = CollectorRegistry(), CollectorRegistry()
    calls = Counter("calls_total", "Calls", ["kind", "status"], registry=library)
    seconds = Histogram("call_seconds", "Time", registry=library, buckets=SECONDS)
    tallies = Tallies("calls_total", "Calls", ["kind", "status"])
    durations = Durations("call_seconds", "Time")
    for collector in (tallies, durations):
        ours.register(collector)
    for kind, duration in told:
        calls.labels(kind, "200").inc()
        seconds.observe(duration)
        tallies.labels(kind, "200").count += 1
        durations.observe(duration)
    lines = [
        sorted(
            line for line in generate_latest(one).decode().splitlines() if "_created" not in line
        )
        for one in (library, ours)
    ]
    assert lines[0] == lines[1]


def test_who_looks_for_work_rests_longer_the_longer_there_is_none() -> None:
    pace = Pace(0.02, 0.1)
    rests = [pace.after(0) for _ in range(50)]
    assert rests[0] == 0.02
    assert rests == sorted(rests)
    assert rests[-1] == 0.1
    assert [pace.after(found) for found in (3, None, 1, 0)] == [0, 0.02, 0, 0.02]


def test_only_who_was_told_to_outlives_her_terminal() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        assert endings() == [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as `nohup` does
        assert endings() == [signal.SIGTERM, signal.SIGINT]
    finally:
        signal.signal(signal.SIGHUP, before)
