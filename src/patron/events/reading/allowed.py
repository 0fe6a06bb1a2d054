"""What a cookie banner says with a call: `context.consent.categoryPreferences`, read strictly.

Segment's Consent Management: an object of category ids and booleans. Without it nothing is said,
and nothing restricted. With it, a use is allowed only where every category that stands for it is
there and exactly true; an empty object, or one that is none, allows nothing.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

UPDATED = "Segment Consent Preference Updated"

ANALYTICS, MARKETING = "analytics", "marketing"
_IDS: dict[str, str] = {
    ANALYTICS: "analytics statistics statistical performance measurement c0002 analytics_storage",
    MARKETING: "marketing advertising targeting advertisement retargeting ads c0004 ad_storage"
    " ad_personalization ad_user_data",
}
_KNOWN = {word: use for use, words in _IDS.items() for word in words.split()}
"""What category ids of well-known banners mean, in small letters."""


class Allowed(msgspec.Struct, frozen=True):
    """What somebody allows to be made of her visit."""

    analytics: bool
    marketing: bool


def allowed(context: Mapping[str, Any], own: Mapping[str, str]) -> Allowed | None:
    """What the context of a call allows, or None when it says nothing. `own` maps the shop's own
    category ids to "analytics" or "marketing"."""
    consent = context.get("consent")
    if not isinstance(consent, dict) or "categoryPreferences" not in consent:
        return None
    said = consent["categoryPreferences"]
    uses: dict[str, bool] = {}
    for name, value in said.items() if isinstance(said, dict) else ():
        use = own.get(name) or _KNOWN.get(str(name).strip().lower())
        if use is not None:
            uses[use] = uses.get(use, True) and value is True
    return Allowed(uses.get(ANALYTICS, False), uses.get(MARKETING, False))


def refuses_marketing(context: Mapping[str, Any]) -> bool:
    """Whether an accepted event must start no marketing: what `put_consent` wrote down."""
    consent = context.get("consent")
    return isinstance(consent, dict) and consent.get("marketing") is False
