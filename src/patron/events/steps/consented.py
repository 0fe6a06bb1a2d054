"""Whether she lets the shop look, as her cookie banner says."""

from patron.events.reading.allowed import UPDATED, allowed
from patron.events.reading.heard import Refusal
from patron.events.steps.draft import Draft, Setting
from patron.events.types import Drop, Source

ALWAYS_HEARD = frozenset(
    {
        UPDATED, "Email Subscribed", "Email Unsubscribed", "Unsubscribed", "SMS Subscribed",
        "SMS Unsubscribed", "Order Completed", "Order Updated", "Order Refunded",
        "Order Cancelled",
    }
)  # fmt: skip
"""Words of hers about consent, and orders, which are a contract and no observation."""


def always_heard(name: str, setting: Setting) -> bool:
    return name in ALWAYS_HEARD or name in setting.orders


def put_consent(draft: Draft, setting: Setting) -> None:
    """What her banner allows, in the two words that the house knows, beside what it said."""
    event = draft.event
    if "consent" not in event.context or event.source is Source.PATRON:
        return
    found = allowed(event.context, setting.consent_categories)
    if found is not None:
        said = event.context["consent"]
        event.context["consent"] = {
            "categoryPreferences": said["categoryPreferences"],
            "analytics": found.analytics,
            "marketing": found.marketing,
        }


def drop_unconsented(draft: Draft, setting: Setting) -> Refusal | None:
    event = draft.event
    if "consent" not in event.context or event.source is Source.PATRON:
        return None
    consent = event.context["consent"]
    if not isinstance(consent, dict) or consent.get("analytics") is not False:
        return None
    if always_heard(event.name, setting):
        return None
    return Refusal(
        Drop.NO_CONSENT,
        "her cookie banner does not allow analytics, so nothing of this visit is kept; if the"
        " banner means something else, say so in the setting consent_categories",
    )
