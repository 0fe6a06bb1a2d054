"""What a cookie banner says with a call is read strictly: only what is allowed is done."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.walking import envelope, row, track
from patron.events.accept import Spent, accept
from patron.events.reading.allowed import ANALYTICS, MARKETING, UPDATED, allowed, refuses_marketing
from patron.events.reading.heard import hear
from patron.events.steps.consented import ALWAYS_HEARD
from patron.events.steps.draft import Setting
from patron.events.types import Event, Source, Trust
from patron.profiles.consent import WORDS

SETTING = Setting(consent_categories={"shop-ads": MARKETING, "C9": ANALYTICS})


def banner(said: Any) -> dict[str, Any]:
    return {"consent": {"categoryPreferences": said}}


def judged(name: str, context: dict[str, Any], **stamp: Any) -> list[Event] | str:
    """The events that are kept, or why none is."""
    call = track(name) | {"context": context}
    drafts, refused = accept(hear([row(envelope(call, **stamp))], ["1-1"]), SETTING, Spent())
    return str(refused[0][1].reason) if refused else [draft.event for draft in drafts]


@pytest.mark.parametrize(
    ("said", "analytics", "marketing"),
    [
        ({"Analytics": True, "Advertising": True}, True, True),
        ({"Analytics": True, "Advertising": False}, True, False),
        ({"Analytics": True}, True, False),  # what is not there is not allowed
        ({}, False, False),
        (None, False, False),
        ("all", False, False),
        ([True], False, False),
        ({"Analytics": "true", "Advertising": 1}, False, False),
        ({"C0001": True, "C0002": True, "C0004": True}, True, True),
        ({"C0001": True, "C0003": True}, False, False),  # necessary and functional alone
        ({"analytics": True, "marketing": True, "targeting": False}, True, False),
        ({"C9": True, "shop-ads": True}, True, True),
        ({"Anything": True}, False, False),
    ],
)
def test_a_use_is_allowed_where_every_category_for_it_is_exactly_true(
    said: Any, analytics: bool, marketing: bool
) -> None:
    found = allowed(banner(said), SETTING.consent_categories)
    assert found is not None
    assert (found.analytics, found.marketing) == (analytics, marketing)


@given(st.recursive(st.none() | st.booleans() | st.text(), lambda inner: st.lists(inner) |
       st.dictionaries(st.sampled_from(["Analytics", "Advertising", "x"]), inner)))  # fmt: skip
def test_nothing_but_true_allows(said: Any) -> None:
    found = allowed(banner(said), {})
    assert found is not None
    mine = said if isinstance(said, dict) else {}
    assert found.analytics == (mine.get("Analytics") is True)
    assert found.marketing == (mine.get("Advertising") is True)


@pytest.mark.parametrize("context", [{}, {"consent": {}}, {"consent": None}, {"consent": "yes"}])
def test_who_says_nothing_restricts_nothing(context: dict[str, Any]) -> None:
    found = judged("Product Viewed", context)
    assert not isinstance(found, str)
    assert not refuses_marketing(found[0].context)


def test_without_analytics_a_visit_is_not_kept() -> None:
    for name in ("Product Viewed", "Product Added", "Checkout Started", "Signed Up"):
        assert judged(name, banner({"Advertising": True})) == "no_consent"
    assert judged("Product Viewed", banner({}), t=Trust.SERVER, s=Source.SERVER) == "no_consent"


@pytest.mark.parametrize("name", sorted(ALWAYS_HEARD))
def test_her_words_and_her_orders_are_heard_in_any_case(name: str) -> None:
    found = judged(name, banner({}))
    assert not isinstance(found, str)
    consent = found[0].context["consent"]
    assert consent == {"categoryPreferences": {}, "analytics": False, "marketing": False}
    assert refuses_marketing(found[0].context)


def test_every_word_about_consent_is_among_those_that_are_always_heard() -> None:
    assert {*WORDS, UPDATED} <= ALWAYS_HEARD


def test_without_marketing_it_is_kept_and_says_so() -> None:
    found = judged("Product Added", banner({"Analytics": True, "Advertising": False}))
    assert not isinstance(found, str)
    assert refuses_marketing(found[0].context)
    assert b'"marketing":false' in found[0].body  # whoever reads the log later knows it too
