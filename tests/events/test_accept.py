"""A call passes the named steps, or is refused with a reason a shopkeeper understands."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.walking import CHROME, NOON, envelope, row, track
from patron.events.accept import STEPS, Spent, accept
from patron.events.reading.heard import Body, elements, hear, members, payloads, replayed
from patron.events.steps.draft import Setting
from patron.events.types import Drop, Event, EventType, Source, Trust

SECRET = b"identity secret of a test"
SETTING = Setting(frozenset({"acme.example"}), SECRET)
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


def judged(*envelopes: bytes) -> tuple[list[Event], list[tuple[str, str]]]:
    drafts, refused = accept(hear([row(*envelopes)], ["1-1"]), SETTING, Spent())
    return [draft.event for draft in drafts], [(r.reason, r.detail) for _, r in refused]


def accepted(call: Any, **stamp: Any) -> Event:
    events, refused = judged(envelope(call, **stamp))
    assert refused == []
    return events[0]


def refusal(call: Any, **stamp: Any) -> tuple[str, str]:
    events, refused = judged(envelope(call, **stamp))
    assert events == []
    return refused[0]


def signed(user: str) -> str:
    return hmac.new(SECRET, user.encode(), hashlib.sha256).hexdigest()


def test_each_step_says_in_its_name_what_it_does() -> None:
    assert all(step.__name__.startswith(("drop_", "put_")) for step in STEPS)
    assert len({step.__name__ for step in STEPS}) == len(STEPS)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ({"type": "track", "event": "order_completed"}, "Order Completed"),
        ({"type": "page", "name": "Home", "category": "Shop"}, "Page Viewed"),
        ({"type": "screen", "name": "Home"}, "Screen Viewed"),
        ({"type": "identify", "traits": {"email": "a@x.example"}}, "Identified"),
        ({"type": "group", "groupId": "g1"}, "Grouped"),
        ({"type": "alias", "previousId": "b0"}, "Aliased"),
    ],
)
def test_six_kinds_of_call(call: dict[str, Any], name: str) -> None:
    event = accepted({**call, "userId": "u1"})
    assert event.name == name
    assert event.type.value == call["type"]
    assert event.properties.get("name") == call.get("name")


def test_the_path_may_say_the_type() -> None:
    assert accepted({"anonymousId": "b1"}, y="page").type is EventType.PAGE


def test_ids_are_text_and_numbers_are_taken() -> None:
    event = accepted(track("A", userId=42, anonymousId=" b1 ", messageId=7.0))
    assert (event.user_id, event.anonymous_id, event.message_id) == ("42", "b1", "7")


def test_a_batch_shares_its_context() -> None:
    calls = [track("A", context={"locale": "de"}), track("B")]
    events, _ = judged(envelope({"batch": calls, "context": {"locale": "en", "ip": "1.2.3.4"}}))
    assert [event.context for event in events] == [{"locale": "de"}, {"locale": "en"}]


def test_only_patron_speaks_as_patron() -> None:
    context = {"patron": {"origin_id": "x"}}
    assert accepted(track("A", context=context), trust=Trust.SERVER).context == {}
    call = {"type": "track", "event": "Email Sent", "context": context}
    ours = accepted(call, trust=Trust.SERVER, source=Source.PATRON)
    assert ours.context == context
    assert refusal(call)[0] == Drop.NO_ID


def test_a_guests_order_needs_an_address_only_from_the_shops_own_server() -> None:
    order = {"type": "track", "event": "Order Completed", "properties": {"email": "a@x.example"}}
    assert accepted(order, trust=Trust.SERVER).user_id is None
    assert refusal(order)[0] == Drop.NO_ID


@pytest.mark.parametrize(
    ("call", "reason", "told"),
    [
        ({"type": "trakc", "userId": "u"}, Drop.UNKNOWN_TYPE, "'trakc'"),
        ({"userId": "u"}, Drop.UNKNOWN_TYPE, "missing"),
        ({"type": "track", "event": "A"}, Drop.NO_ID, "anonymousId"),
        ({"type": "track", "event": "A", "userId": " "}, Drop.NO_ID, "anonymousId"),
        ({"type": "track", "userId": "u"}, Drop.NO_EVENT_NAME, "Order Completed"),
        ({"type": "track", "event": " ", "userId": "u"}, Drop.NO_EVENT_NAME, "' '"),
        (track("A", userId="u" * 256), Drop.MALFORMED, "256"),
        (track("A", properties=[1]), Drop.MALFORMED, "$.properties"),
        (track("A", context="x"), Drop.MALFORMED, "$.context"),
        (track("A", userId={"id": 1}), Drop.MALFORMED, "$.userId"),
        (track("A", properties={"note": "a\x00b"}), Drop.BAD_TEXT, "NUL"),
        (track("A", userId="a\x00b"), Drop.BAD_TEXT, "NUL"),
        ({"type": "page", "anonymousId": "b1", "name": "a\x00b"}, Drop.BAD_TEXT, "NUL"),
        (track("A", properties={"note": "x" * 40_000}), Drop.TOO_LARGE, "32,768"),
        (
            track("A", properties={f"k{i}": 1 for i in range(1_500)}),
            Drop.TOO_MANY_PROPERTIES,
            "1,500",
        ),
        (track("A", timestamp="yesterday"), Drop.BAD_TIME, "'yesterday'"),
        (track("A", timestamp=True), Drop.BAD_TIME, "True"),
        (track("A", timestamp="1975-01-01T00:00:00Z"), Drop.BAD_TIME, "1990"),
        (track("A", timestamp="2099-01-01T00:00:00Z"), Drop.BAD_TIME, "clock"),
        (track("A", timestamp="2020-01-01T00:00:00Z"), Drop.BAD_TIME, "server key"),
        (track("A", timestamp=1e300), Drop.BAD_TIME, "1e+300"),
    ],
    ids=lambda value: value.value if isinstance(value, Drop) else None,
)
def test_refusals_name_the_thing_the_value_and_the_remedy(
    call: dict[str, Any], reason: Drop, told: str
) -> None:
    found, detail = refusal(call)
    assert found == reason
    assert told in detail


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"type":"track","event":"\\ud83d","userId":"u"}', Drop.BAD_TEXT),
        (b'{"type":"track","event":"A","userId":"u","properties":{"a":"\xff"}}', Drop.BAD_TEXT),
        (
            b'{"type":"track","properties":{"a":' + b"[" * 9_000 + b"]" * 9_000 + b"}}",
            Drop.TOO_DEEP,
        ),
        (b'{"type":"track","properties":{"a":1e999},"event":"A"}', Drop.MALFORMED),
        (b"[]", Drop.MALFORMED),
        (b"3", Drop.MALFORMED),
        (b'{"type":"track","event":tru}', Drop.MALFORMED),
        (b'{"batch":5}', Drop.MALFORMED),
    ],
    ids=lambda value: value.value if isinstance(value, Drop) else None,
)
def test_what_cannot_be_read_is_refused_alone(raw: bytes, reason: Drop) -> None:
    good = envelope(track("Good"))
    events, refused = judged(good, envelope(raw), good)
    assert [event.name for event in events] == ["Good", "Good"]
    assert [found for found, _ in refused] == [reason]


def test_one_bad_call_of_a_batch_is_refused_alone() -> None:
    bad = b'{"type":"track","event":"\\ud800","userId":"u"}'
    good = json.dumps(track("Good")).encode()
    body = b'{"sentAt":"2026-03-02T12:00:00Z","batch":[' + b",".join([good, bad, good]) + b"]}"
    rows = [row(envelope(body))]
    heard = hear(rows, ["1-1"])
    drafts, refused = accept(heard, SETTING, Spent())
    assert len(drafts) == 2
    assert all(draft.heard.sent_at for draft in drafts)
    (kept,) = payloads(rows, [one for one, _ in refused])
    assert bad in kept and good not in kept


def test_nesting_has_a_bound() -> None:
    inside: Any = 1
    for _ in range(70):
        inside = {"a": inside}
    assert refusal(track("A", properties=inside))[0] == Drop.TOO_DEEP
    wide = [{"product_id": str(i)} for i in range(90)]
    assert len(accepted(track("Cart Viewed", properties={"products": wide})).properties) == 1


def test_a_verified_identity_is_believed() -> None:
    call = track("A", userId="u1", context={"userHash": signed("u1")})
    event = accepted(call)
    assert event.trust is Trust.VERIFIED
    assert "userHash" not in event.context
    assert accepted({**call, "userId": "u2"}).trust is Trust.PUBLIC
    assert accepted({**call, "context": {"userHash": 7}}).trust is Trust.PUBLIC
    assert accepted(call, trust=Trust.SERVER).trust is Trust.SERVER


@pytest.mark.parametrize(
    ("original", "sent", "expected"),
    [
        (None, None, "12:00:00"),
        ("2026-03-02T11:59:00Z", None, "11:59:00"),
        ("2026-03-02T13:59:00+02:00", None, "11:59:00"),
        ("2026-03-02T11:59:00", None, "11:59:00"),
        (1772452740, None, "11:59:00"),
        (1772452740000, None, "11:59:00"),
        ("2026-03-02T09:00:00Z", "2026-03-02T09:00:30Z", "11:59:30"),
        ("2031-01-01T00:00:00Z", "2031-01-01T00:01:00Z", "11:59:00"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:01:00Z", "11:59:00"),
        ("2026-03-02T12:10:00Z", None, "12:00:00"),
        ("2026-03-02T12:10:00Z", "2026-03-02T12:00:00Z", "12:00:00"),
        ("2026-03-02T11:59:00Z", "nonsense", "11:59:00"),
    ],
)
def test_the_time_is_corrected_by_the_clients_clock(
    original: Any, sent: Any, expected: str
) -> None:
    event = accepted(track("A", timestamp=original, sentAt=sent))
    assert event.ts.isoformat() == f"2026-03-02T{expected}+00:00"
    assert event.received_at == NOON


def test_history_keeps_its_own_times() -> None:
    call = track("A", timestamp="2009-12-01T07:45:00Z", sentAt="2026-03-02T11:59:50Z")
    event = accepted(call, trust=Trust.SERVER, source=Source.IMPORT, f=True)
    assert event.ts == datetime(2009, 12, 1, 7, 45, tzinfo=UTC)
    assert event.backfill


def test_imported_rows_get_their_id_from_their_content() -> None:
    def row_id(**more: Any) -> str:
        call = track("A", timestamp="2026-01-01T00:00:00Z", properties={"a": 1, "b": 2}, **more)
        return accepted(call, trust=Trust.SERVER, source=Source.IMPORT).message_id

    turned: dict[str, Any] = {"properties": {"b": 2, "a": 1}}
    call = track("A", timestamp="2026-01-01T00:00:00Z", **turned)
    same = accepted(call, trust=Trust.SERVER, source=Source.IMPORT, at=NOON + timedelta(days=400))
    assert row_id() == same.message_id != row_id(userId="u")


@pytest.mark.parametrize(
    ("agent", "reason"),
    [
        (GOOGLEBOT, Drop.BOT),
        ("WhatsApp/2.23.20.0", Drop.BOT),
        ("facebookexternalhit/1.1", Drop.BOT),
        (CHROME.replace("Chrome/", "HeadlessChrome/"), Drop.BOT),
    ],
)
def test_robots_and_link_previews_are_dropped(agent: str, reason: Drop) -> None:
    assert refusal(track("A", context={"userAgent": agent}))[0] == reason


def test_a_servers_http_library_is_no_robot() -> None:
    for agent in ("python-requests/2.32", "curl/8.5", "analytics-python/2.3", None):
        assert accepted(track("A"), ua=agent).device is None
    assert refusal(track("A"), ua=GOOGLEBOT)[0] == Drop.BOT


def test_pages_fetched_ahead_are_dropped() -> None:
    assert refusal(track("A"), p="prefetch;prerender")[0] == Drop.PREFETCH
    assert accepted(track("A"), p="").name == "A"


@pytest.mark.parametrize(
    ("agent", "device", "browser", "system"),
    [
        (CHROME, "desktop", "Chrome", "Windows"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML,"
            " like Gecko) Version/17.2 Mobile/15E148 Safari/604.1",
            "mobile",
            "Mobile Safari",
            "iOS",
        ),
        (
            "Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 (KHTML, like Gecko)"
            " Chrome/120.0.0.0 Safari/537.36",
            "tablet",
            "Chrome",
            "Android",
        ),
        (
            "Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko)"
            " SamsungBrowser/4.0 TV Safari/537.36",
            "tv",
            "Samsung Internet",
            "Tizen",
        ),
    ],
)
def test_device_browser_and_system(agent: str, device: str, browser: str, system: str) -> None:
    event = accepted(track("A", context={"userAgent": agent}))
    assert event.device == device
    assert event.context["browser"]["name"] == browser
    assert event.context["os"]["name"] == system
    assert "userAgent" not in event.context


def test_the_log_keeps_the_body_without_what_was_only_for_the_way() -> None:
    call = track(
        "viewed product",
        properties={"price": "3", "odd": [1]},
        context={"library": {"name": "x"}, "ip": "1.2.3.4", "odd": 1},
    )
    event = accepted(call)
    assert json.loads(event.body) == {
        "properties": {"price": 3, "odd": [1]},
        "context": {"odd": 1, "named": "viewed product"},
    }


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)
FIELDS = [field.encode_name for field in msgspec.structs.fields(Body)]
CALLS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(FIELDS, JSON),
        "type": st.sampled_from([*EventType, "x"]) | JSON,
        "event": st.sampled_from(["Order Completed", "purchase"]) | JSON,
        "userId": st.sampled_from(["u1", "u2"]) | JSON,
        "properties": st.dictionaries(st.sampled_from(["products", "price", "items"]), JSON) | JSON,
        "context": st.dictionaries(st.sampled_from(["page", "campaign", "userAgent"]), JSON),
    },
)


def outcome(rows: list[bytes]) -> tuple[list[Any], list[Any]]:
    drafts, refused = accept(hear(rows, [f"1-{n}" for n in range(len(rows))]), SETTING, Spent())
    kept = [
        (d.event.name, d.event.user_id, d.event.ts, d.event.trust, d.event.body) for d in drafts
    ]
    return kept, sorted((r.reason, r.detail) for _, r in refused)


@settings(max_examples=150)
@given(st.lists(CALLS | JSON, max_size=6), st.integers(0, 6))
def test_no_json_makes_it_raise_and_cutting_changes_nothing(calls: list[Any], cut: int) -> None:
    envelopes = [envelope(call) for call in calls]
    whole = outcome([row(*envelopes)])
    assert outcome([row(*envelopes[:cut]), row(*envelopes[cut:])]) == whole
    assert outcome([row(one) for one in envelopes]) == whole
    count = sum(len(part) for part in whole)
    single = [call for call in calls if not (isinstance(call, dict) and "batch" in call)]
    assert count >= len(single)


@settings(max_examples=100)
@given(st.lists(CALLS, max_size=5))
def test_a_batch_is_worth_its_calls(calls: list[dict[str, Any]]) -> None:
    calls = [{k: v for k, v in call.items() if k != "batch"} for call in calls]
    kept, refused = outcome([row(envelope({"batch": calls}))])
    alone, refused_alone = outcome([row(*map(envelope, calls))])
    assert kept == alone
    assert [reason for reason, _ in refused] == [reason for reason, _ in refused_alone]


@settings(max_examples=100)
@given(st.binary(max_size=60))
def test_no_bytes_make_it_raise(noise: bytes) -> None:
    assert isinstance(outcome([noise, row(envelope(noise)), row(noise)]), tuple)


@given(st.lists(JSON, max_size=4), st.dictionaries(st.text(max_size=6), JSON, max_size=4))
def test_taking_json_apart_by_its_brackets(listed: list[Any], named: dict[str, Any]) -> None:
    assert [json.loads(one) for one in elements(json.dumps(listed).encode())] == listed
    found = members(json.dumps(named, ensure_ascii=False).encode())
    escaped = [name for name in named if json.dumps(name, ensure_ascii=False) != f'"{name}"']
    assert len(found) == len(named)
    for name in named.keys() - set(escaped):
        assert json.loads(found[name]) == named[name]


@given(CALLS)
def test_a_payload_says_what_the_call_said(call: dict[str, Any]) -> None:
    rows = [row(envelope({"batch": [track("A"), call], "sentAt": "x"}), envelope(call))]
    heard = hear(rows, ["1-1"])
    in_batch, alone = payloads(rows, [heard[1], heard[-1]])
    assert json.loads(in_batch)["b"] == {"batch": [call], "sentAt": "x"}
    if not isinstance(call.get("batch"), list):
        assert json.loads(alone)["b"] == call
    again = replayed(in_batch, "rejected-1")
    assert again is not None and json.loads(again) == {**json.loads(in_batch), "x": "rejected-1"}
    assert replayed(b"[]", "x") is replayed(b"\xff", "x") is replayed(b"{", "x") is None


def test_context_traits_describe_the_person_on_any_call_but_group() -> None:
    said = {"traits": {"email": "ada@people.example"}}
    track = accepted({"type": "track", "event": "X", "userId": "u", "context": dict(said)})
    assert track.traits == said["traits"]
    assert "traits" not in track.context
    group = accepted(
        {"type": "group", "groupId": "g", "userId": "u", "traits": {"size": 3}, "context": said}
    )
    assert group.traits == {"size": 3}
    assert group.context["traits"] == said["traits"]
