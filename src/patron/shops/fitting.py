"""What a shop's settings must be where their types alone do not tell right from wrong: pure."""

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from patron.kit.problems import bad_request
from patron.shops.types import MARKETING, Basis, ShopSettings

FORMS = {
    "phone_region": "two capital letters (ISO 3166) such as DE",
    "existing_customer_countries": 'a list of two capital letters each (ISO 3166): ["DE", "AT"]',
    "locale": "a language, perhaps with a region, such as de or en-GB",
    "more_hosts": 'a list of hosts without https:// and port: ["pictures.shop.example"]',
    "cart_url": "an address with {token} or {cart_token} in it, such as"
    " https://shop.example/cart?restore={token}",
    "account_url": "an address such as https://shop.example/register",
    "logo_url": "the address of a picture, such as https://shop.example/logo.png",
    "privacy_url": "an address such as https://shop.example/privacy",
    "mail_from": "one address such as shop@shop.example",
    "mail_reply_to": "one address such as help@shop.example",
    "brand_color": "a colour as #rrggbb, such as #1f5f4a",
    "identity_limits": 'whole numbers from 1 on, by kind: {"email": 3}',
}
"""What a setting takes, in words that follow "give"."""

_MAIL = re.compile(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+\.[^@\s<>,;\"]+")


def is_web_address(url: str) -> bool:
    """Whether a browser goes there."""
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", url)
        )
    except ValueError:  # such as a bracket that is not closed
        return False


def _opens_a_cart(url: str) -> bool:
    return is_web_address(url) and ("{token}" in url or "{cart_token}" in url)


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "cart_url": _opens_a_cart,
    "account_url": is_web_address,
    "logo_url": is_web_address,
    "privacy_url": is_web_address,
    "mail_from": lambda address: bool(_MAIL.fullmatch(address)),
    "mail_reply_to": lambda address: bool(_MAIL.fullmatch(address)),
    "brand_color": lambda colour: bool(re.fullmatch("#[0-9a-fA-F]{6}", colour)),
    "identity_limits": lambda limits: all(limit >= 1 for limit in limits.values()),
}


def fit(settings: ShopSettings, names: Iterable[str]) -> None:
    """Raise Problem 400 where one of the settings in `names` cannot mean anything."""
    for name in names:
        value = getattr(settings, name)
        if name in _CHECKS and value is not None and not _CHECKS[name](value):
            raise bad_request(
                f"{name} = {value!r} cannot be used", remedy=f"give {FORMS[name]}", path=name
            )
    _lawful(settings)


def _lawful(settings: ShopSettings) -> None:
    """Whatever is sold by it, no advertisement is part of a contract."""
    for way, grounds in settings.legal_basis.items():
        _, _, purpose = way.partition("/")
        if Basis.CONTRACT in grounds and (purpose == MARKETING or purpose in settings.purposes):
            raise bad_request(
                f"legal_basis of {way!r} is `contract`, which is for what an order needs",
                remedy="give consent, double_opt_in or existing_customer, or another purpose",
                path="legal_basis",
            )
