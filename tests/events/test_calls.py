"""Whatever bytes come in, what is stored is one JSON value that the walk can read."""

import base64
import gzip
import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patron.events.door import calls
from patron.events.door.callers import Origins, key_in
from patron.kit.problems import Problem

PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)
EVENTS = st.dictionaries(
    st.sampled_from(["type", "event", "userId", "properties", "writeKey", "backfill"]) | st.text(),
    VALUES,
)
WHOLE = st.builds(
    lambda value, ascii, indent: json.dumps(value, ensure_ascii=ascii, indent=indent).encode(
        "utf-8", "surrogatepass"
    ),
    EVENTS | st.fixed_dictionaries({"batch": st.lists(EVENTS)}) | VALUES,
    st.booleans(),
    st.sampled_from([None, 0, 2]),
)
TORN = st.builds(
    lambda body, at, more: body[: at % (len(body) + 1)] + more + body[at % (len(body) + 1) :],
    WHOLE,
    st.integers(0, 10_000),
    st.binary(max_size=6)
    | st.sampled_from([b"}", b"]", b"},{", b"\\u0000", b"\\ud800", b"\\", b'"', b"\xff", b"["]),
)
BODIES = WHOLE | TORN | st.binary()


def stored(call: calls.Call) -> Any:
    """The call's body as it is read back from between its neighbours in a row of the inbox."""
    row = b'[{"b":1},{"b":%s},{"b":2}]' % call.body
    envelopes = msgspec.json.decode(row, type=list[dict[str, msgspec.Raw]])
    assert [bytes(envelopes[0]["b"]), bytes(envelopes[2]["b"])] == [b"1", b"2"]
    return msgspec.json.decode(envelopes[1]["b"])


@given(BODIES, st.sampled_from(calls.TYPES))
def test_an_event_is_refused_or_stored_as_it_came_with_the_type_of_its_path(
    body: bytes, kind: str
) -> None:
    try:
        call = calls.read_single(kind, body)
    except Problem as problem:
        assert problem.document.status == 400
        assert problem.document.remedy
        return
    found = stored(call)
    assert found == {**json.loads(body), "type": kind}
    assert "\x00" not in json.dumps(found, ensure_ascii=False)


@given(BODIES)
def test_a_batch_is_refused_or_stored_as_it_came(body: bytes) -> None:
    try:
        call = calls.read_batch(body)
    except Problem as problem:
        assert problem.document.status == 400
        return
    found = stored(call)
    assert call.count == len(found["batch"])
    came = json.dumps(json.loads(body), ensure_ascii=False)
    assert found == json.loads(re.sub("[\ud800-\udfff]", r"\\u0000", came))


@given(st.binary(), st.sampled_from([None, "gzip"]))
def test_unpacking_ends_in_a_body_or_a_problem(body: bytes, declared: str | None) -> None:
    for wanted in (body, b"\x1f\x8b\x08\x00" + body):
        try:
            assert len(calls.unzipped(wanted, declared, 100)) <= max(100, len(body))
        except Problem as problem:
            assert problem.document.status in (400, 413)


@given(st.binary())
def test_any_header_is_a_key_or_none(header: bytes) -> None:
    for wanted in (header, b"Basic " + header, b"Bearer " + header):
        key = key_in(wanted)
        assert key is None or key


@given(st.text(), st.binary())
def test_an_address_is_an_address_or_the_peer(peer: str, forwarded: bytes) -> None:
    assert Origins(["10.0.0.0/8"]).address(peer, forwarded) == peer
    found = Origins(["10.0.0.0/8"]).address("10.0.0.1", forwarded)
    assert found is not None
    assert set(found) <= set("0123456789abcdefABCDEF.:")


def sized(size: int, **more: Any) -> bytes:
    """A track call of so many bytes."""
    shell = json.dumps({"event": "", **more})
    return json.dumps({"event": "x" * (size - len(shell)), **more}).encode()


def refusal(read: Any, *args: Any) -> int:
    with pytest.raises(Problem) as refused:
        read(*args)
    return refused.value.document.status


def test_the_doors_bounds_are_those_of_the_tracking_api() -> None:
    assert calls.read_single("track", sized(32 * 1024)).count == 1
    assert refusal(calls.read_single, "track", sized(32 * 1024 + 1)) == 413
    assert calls.read_batch(sized(500 * 1024, batch=[])).count == 0
    assert refusal(calls.read_batch, sized(500 * 1024 + 1, batch=[])) == 413
    assert calls.BATCH_EVENTS == 2_500, "which `drop_surplus` counts to"
    short = {f"/v1/{kind[0]}": kind for kind in calls.TYPES}
    batches = dict.fromkeys(["/v1/batch", "/v1/b", "/v1/import"], "batch")
    assert {f"/v1/{kind}": kind for kind in calls.TYPES} | short | batches == calls.PATHS
    assert set(short) == {f"/v1/{letter}" for letter in "tipsga"}


def test_the_path_says_what_a_call_is_whatever_the_body_says() -> None:
    for said in ("identify", "", None, "batch"):
        body = json.dumps({"type": said, "event": "A"}).encode()
        assert stored(calls.read_single("track", body))["type"] == "track"


def test_what_windows_and_old_clients_add_is_taken_off() -> None:
    marked = '\ufeff{"event": "Käse"}'.encode()
    assert stored(calls.read_single("track", marked))["event"] == "Käse"
    assert stored(calls.read_batch('\ufeff{"batch": [{"event": "ä"}]}'.encode()))["batch"]
    assert key_in(b"Basic " + base64.b64encode(b"wk_1:ignored:too")) == "wk_1"


def test_a_packed_body_that_broke_off_is_not_taken_for_whole() -> None:
    packed = gzip.compress(b'{"event": "A"}')
    assert calls.unzipped(packed, None, 100) == b'{"event": "A"}'
    # Everything but the check sum is there.
    assert refusal(calls.unzipped, packed[:-8], "gzip", 100) == 400
