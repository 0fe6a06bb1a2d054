"""What the steps make of clocks, doors and names at their edges."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs

from events.test_accept import GOOGLEBOT, SETTING, accepted, refusal, signed
from events.walking import CHROME, NOON, envelope, figure, row, track
from patron.events.accept import STEPS, Spent, accept
from patron.events.reading.heard import hear
from patron.events.types import Drop, Source, Trust

OWN = frozenset({"Bought"})
SERVER: dict[str, Any] = {"trust": Trust.SERVER, "source": Source.SERVER}


@pytest.mark.parametrize("purpose", ["prefetch", "prefetch;prerender", "Prerender"])
def test_what_a_browser_fetches_ahead_is_dropped(purpose: str) -> None:
    assert refusal(track("A"), p=purpose)[0] == Drop.PREFETCH


def test_the_name_that_sdks_give_the_clients_time_counts_first() -> None:
    event = accepted(track("A", timestamp="2026-03-02T11:30:00Z",
                           originalTimestamp="2026-03-02T11:00:00Z"))  # fmt: skip
    assert event.ts == NOON - timedelta(hours=1)


@pytest.mark.parametrize(
    "said",
    ["2026-03-02t11:00:00z", " 2026-03-02T11:00:00Z ", "2026-03-02 11:00:00 UTC", "1772449200",
     "1772449200000", "1772449200.0", 1772449200, "20260302T110000Z", "2026-03-02T13:00:00+0200",
     "2026-03-02T11:00:00.000000000Z"],
)  # fmt: skip
def test_a_time_is_read_however_clients_write_it(said: Any) -> None:
    assert accepted(track("A", timestamp=said)).ts == NOON - timedelta(hours=1)


@pytest.mark.parametrize(
    "said", ["", "yesterday", "12345", "1" * 14, " UTC", "0x10", " UTC" * 7_000, "٢٠٢٦٠٣٠٢٠"]
)
def test_what_is_no_time_is_listed(said: str) -> None:
    assert refusal(track("A", timestamp=said))[0] == Drop.BAD_TIME


def test_a_clock_that_was_put_back_between_deed_and_sending_makes_it_now() -> None:
    event = accepted(track("A", timestamp="2029-03-02T12:00:00Z", sentAt="2026-03-02T12:00:00Z"))
    assert event.ts == event.received_at == NOON


def test_only_the_owners_history_keeps_the_times_of_a_wrong_clock() -> None:
    told = track("A", timestamp="2026-03-01T00:00:00Z", sentAt="2026-03-02T10:00:00Z")
    corrected = NOON - timedelta(hours=34)
    page = accepted({**told, "backfill": True})
    assert (page.backfill, page.ts) == (True, corrected)
    assert accepted(told, **SERVER).ts == corrected
    owner = accepted({**told, "backfill": True}, **SERVER)
    assert owner.ts == NOON - timedelta(hours=36)


def test_a_row_of_the_owners_is_no_visit_whatever_its_agent() -> None:
    said = track("A", context={"userAgent": GOOGLEBOT})
    assert refusal(said)[0] == Drop.BOT
    assert accepted(said, trust=Trust.SERVER, source=Source.IMPORT).name == "A"


PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"


@pytest.mark.parametrize(
    "agent",
    [
        "WhatsApp/2.23.20.0 A",
        "Viber/20.9",
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "TelegramBot (like TwitterBot)",
        "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
        "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)",
        f"{PHONE} Gecko) Mobile/15E148 Twitterbot/1.0",
    ],
)
def test_who_draws_a_preview_of_a_link_is_nobody(agent: str) -> None:
    reason, detail = refusal(track("A", context={"userAgent": agent}))
    assert (reason, "link preview" in detail) == (Drop.BOT, True)


@pytest.mark.parametrize("app", ["Viber/21.2", "Instagram 309.1", "[FBAN/FBIOS]"])
def test_who_reads_a_page_inside_an_app_is_a_person(app: str) -> None:
    event = accepted(track("A", context={"userAgent": f"{PHONE} Gecko) Mobile/15E148 {app}"}))
    assert event.device == "mobile"


def test_an_order_that_the_shops_server_tells_is_no_robots() -> None:
    """Whoever tells of orders from a payment provider's call passes on that call's User-Agent."""
    context = {"userAgent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)"}
    for name in ("purchase", "Order Refunded", "Bought", "Email Unsubscribed"):
        told = track(name, context=context)
        draft = hear([row(envelope(told, **SERVER))], ["1-1"])
        kept, refused = accept(draft, structs.replace(SETTING, orders=OWN), Spent())
        assert (len(kept), refused) == (1, []), name
        assert refusal(told)[0] == Drop.BOT
    assert refusal(track("Product Viewed", context=context), **SERVER)[0] == Drop.BOT


def test_a_number_is_the_same_id_with_and_without_its_point() -> None:
    assert accepted(track("A", userId=7.0)).user_id == "7"
    assert accepted(track("A", userId=7.5)).user_id == "7.5"


def test_a_signature_in_capitals_is_one_and_nobodys_is_none() -> None:
    context = {"userHash": signed("u1").upper()}
    assert accepted(track("A", userId="u1", context=context)).trust is Trust.VERIFIED
    assert accepted(track("A", context={"userHash": signed("")})).trust is Trust.PUBLIC


def test_an_address_alone_names_somebody_only_where_the_shop_says_it() -> None:
    order = {"type": "track", "event": "Order Completed", "properties": {"email": "a@x.example"}}
    assert refusal(order)[0] == Drop.NO_ID
    assert accepted(order, **SERVER).user_id is None


def test_where_a_call_came_from_is_not_kept() -> None:
    context = {"ip": "203.0.113.9", "library": {"name": "x"}, "userAgent": CHROME, "locale": "en"}
    event = accepted(track("A", context=context), **SERVER)
    assert b"203.0.113.9" not in event.body
    assert b"locale" in event.body


def test_what_a_group_call_says_of_its_person_is_not_the_groups() -> None:
    context = {"traits": {"email": "a@x.example"}}
    told = {"type": "group", "userId": "u1", "groupId": "g1", "context": context}
    assert accepted(told).traits == {}
    assert accepted({**told, "type": "page"}).traits == context["traits"]


def test_every_step_is_timed_and_what_it_refuses_is_counted() -> None:
    steps = [step.__name__ for step in STEPS]
    nobody = {"step": "drop_without_id", "reason": "no_user_anon_id"}
    timed = {name: figure("patron_accept_step_seconds_count", step=name) for name in steps}
    dropped = figure("patron_events_dropped_total", **nobody)
    spent = Spent()
    calls = [track("A"), {"type": "track", "event": "A"}, {"type": "track", "event": "B"}]
    accept(hear([row(envelope({"batch": calls}))], ["1-1"]), SETTING, spent)
    spent.tell()
    for name in steps:
        assert figure("patron_accept_step_seconds_count", step=name) == timed[name] + 1
    assert figure("patron_events_dropped_total", **nobody) == dropped + 2
