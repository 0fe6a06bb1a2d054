"""An erased person is found in what was kept as it came, however it spells her, and nobody else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import NOON, House
from patron.events.refused import store as refused
from patron.kit.db import Tx, tuples
from patron.profiles.erasure.naming import Names

HERS = Names(
    [
        ("user_id", "42"),
        ("user_id", "J\u00fcrgen/A+1"),
        ("email", "ada+tea@x.example"),
        ("phone", "+14155552671"),
        ("anonymous_id", "browser-rare-0815"),
    ],
    "US",
)
NAMING = [
    b'{"userId":"42"}',
    b'{"userId":42}',
    b'{"userId": 42.0 }',
    b'{"b":{"previousId":42}}',
    b'{"userId":" 42 "}',
    b'{"userId":42,"userId":"7"}',
    b'{"context":{"externalIds":[{"type":"till","id":42}]}}',
    json.dumps({"userId": "J\u00fcrgen/A+1"}).encode(),
    json.dumps({"userId": "J\u00fcrgen/A+1"}, ensure_ascii=False).encode(),
    b'{"userId":"J\\u00FCrgen\\/A\\u002B1"}',
    b'{"traits":{"email":"Ada+Tea@X.example"}}',
    b'{"traits":{"email":"ada\\u002btea@x.example"}}',
    b'{"text":"write to ada+tea@x.example."}',
    b'{"url":"https://shop.example/?mail=ada%2Btea%40x.example&a=1"}',
    b'{"traits":{"phone":"(415) 555-2671"}}',
    b'{"traits":{"phone":"+1 415-555-2671"}}',
    b'{"traits":{"phone":4155552671}}',
    b'{"traits":{"phone":14155552671}}',
    json.dumps({"phone": "415\u00a0555\u00a026\u00a071"}).encode(),
    json.dumps({"phone": "415\u00a0555\u00a026\u00a071"}, ensure_ascii=False).encode(),
    b'{"href":"tel:+14155552671"}',
    b'{"seen":{"Browser-Rare-0815":1}}',
    b'{"userId":"42","properties":{"name":"broken',
    b'{"userId":42,"properties":{"name":"broken',
    b"email=ada%2Btea%40x.example",
    b'{"a":' * 5_000 + b'"browser-rare-0815"' + b"}" * 5_000,
    b'{"name":"\\ud800","userId":"42"}',
    b'\xff{"userId":"42"}',
]
NOT_NAMING = [
    b'{"userId":"7","properties":{"price":42,"quantity":42.0}}',
    b'{"properties":{"products":[{"id":42,"price":1}]}}',
    b'{"userId":"142"}',
    b'{"userId":"42a"}',
    b'{"timestamp":"2026-03-02T03:42:42Z"}',
    b'{"traits":{"email":"bada+tea@x.example"}}',
    b'{"traits":{"email":"ada+tea@x.example.org"}}',
    b'{"traits":{"email":"tea@x.example"}}',
    b'{"traits":{"email":"ada+tea@y.example"}}',
    b'{"traits":{"phone":"(212) 555-2671"}}',
    b'{"messageId":"914155552671"}',
    b'{"anonymousId":"browser-rare-08150"}',
    b'{"name":"\\ud800@"}',
    b'{"price":42',
    b"null",
    b"",
]


@pytest.mark.parametrize("text", NAMING, ids=lambda text: repr(text[:60]))
def test_she_is_found(text: bytes) -> None:
    assert HERS.within(text)


@pytest.mark.parametrize("text", NOT_NAMING, ids=lambda text: repr(text[:60]))
def test_nobody_else_is(text: bytes) -> None:
    assert not HERS.within(text)


def test_all_that_names_her_goes_and_nothing_else(house: House) -> None:
    async def story(tx: Tx) -> None:
        entries = [refused.Entry(NOON, "r", "d", text) for text in (*NAMING, *NOT_NAMING)]
        kinds: tuple[refused.Kind, ...] = ("rejected", "dead-letter")
        for kind in kinds:
            await refused.keep(tx, kind, entries, NOON)
        assert await refused.forget(tx, HERS.pattern, HERS.within) == 2 * len(NAMING)
        for table in ("rejected", "dead_letter"):
            left = await tuples(tx, f"SELECT payload FROM {table} ORDER BY id")
            assert [bytes(payload) for (payload,) in left] == NOT_NAMING

    house.unit(story)


@given(st.binary(max_size=200))
def test_no_text_is_too_strange_to_be_read(text: bytes) -> None:
    HERS.within(text)
    HERS.within(b'{"userId":"' + text + b'@","phone":"' + text)
    assert HERS.within(b"{" + text + b'"42"'), "broken off, whatever came before"


@given(st.recursive(st.none() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=9))
def test_any_json_is_read(value: object) -> None:
    text = json.dumps({"a": value, "userId": 42}).encode()
    assert HERS.within(text)
