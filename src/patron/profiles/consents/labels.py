"""What is agreed to, in the words that are shown and kept as proof."""

from patron.profiles.consents.types import Confirmation
from patron.shops.types import MARKETING, ShopSettings

BY = {"email": "by e-mail", "sms": "by SMS", "whatsapp": "by WhatsApp", "viber": "by Viber"}
LETTERS = "Offers, news and reminders"


def purposes(settings: ShopSettings) -> dict[str, str]:
    """What she may say yes or no to, each in the words she reads."""
    return {MARKETING: LETTERS, **settings.purposes}


def label(settings: ShopSettings, channel: str, purpose: str) -> str:
    """ "Offers, news and reminders by e-mail"."""
    words = purposes(settings).get(purpose, purpose.replace("_", " ").capitalize())
    return f"{words} {BY[channel]}"


def in_short(address: str) -> str:
    """An address so that its holder knows it, and somebody she forwards a mail to does not."""
    local, at, domain = address.partition("@")
    if not at:
        return f"{address[:3]} … {address[-2:]}"
    return f"{local[:1] if len(local) < 4 else local[:2]}…@{domain}"


def agreed_to(settings: ShopSettings, confirmation: Confirmation) -> str:
    """The words under which she agreed, or those that we would have used."""
    shown = (confirmation.text_shown or "").strip()
    return shown or label(settings, confirmation.channel, confirmation.purpose)
