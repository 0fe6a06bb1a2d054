"""Whatever bytes come in, what is stored is one JSON value that the walk can read."""

import json
import re
from typing import Any

import msgspec
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
