"""An address as somebody at the shop types it, as the key that everything is kept under."""

from patron.kit.problems import bad_request
from patron.profiles.address import normalise_email, normalise_phone
from patron.profiles.consent import CHANNEL_KIND


def key_or_none(address: str, channel: str, region: str) -> str | None:
    """The key of an address for `channel`, or None when it is none. `region` reads numbers without
    a country code."""
    if CHANNEL_KIND[channel] == "email":
        email = normalise_email(address)
        return None if email is None else email[1]
    return normalise_phone(address, region)


def key_of(address: str, channel: str, region: str) -> str:
    """The same; Problem 400 when it is no address."""
    found = key_or_none(address, channel, region)
    if found is None:
        raise bad_request(
            f"address {address[:100]!r} is no {CHANNEL_KIND[channel]}",
            remedy="give an e-mail address, or a phone number with its country code",
            path="address",
        )
    return found
