"""Whether an answer to `patron init` can be used, said while it can still be given anew."""

import re
import zoneinfo
from collections.abc import Callable
from pathlib import Path

from patron.kit.problems import bad_request
from patron.shops.found import changed, currency_of, mail_address, time_zone_of, web_address
from patron.shops.types import ShopSettings

PROTECTIONS = ("starttls", "tls", "none")
ELSEWHERE = "US"


def usable(key: str, answer: str) -> str:
    """`answer` to the question `key` as it is kept. Problem 400 names what is wrong with it."""
    answer = answer.strip()
    return CHECKS[key](answer) if key in CHECKS else answer


def country_of(time_zone: str) -> str:
    """The country (ISO 3166) that the clocks of `time_zone` hang in, by the list that comes with
    them; the United States where there is no such list."""
    for folder in zoneinfo.TZPATH:
        try:
            lines = Path(folder, "zone.tab").read_text("utf-8").splitlines()
        except OSError:
            continue
        for line in lines:
            if not line.startswith("#") and line.split("\t")[2:3] == [time_zone]:
                return line[:2]
    return ELSEWHERE


def _name(answer: str) -> str:
    if not answer:
        raise bad_request("the shop's name is empty", remedy="give it a name", path="name")
    return answer


def _setting(name: str) -> Callable[[str], str]:
    def check(answer: str) -> str:
        return str(getattr(changed(ShopSettings(), {name: answer}), name))

    return check


def _country(answer: str) -> str:
    if not re.fullmatch("[A-Za-z]{2}", answer):
        raise bad_request(
            f"country {answer!r} is not an ISO 3166 code", remedy="give two letters such as DE"
        )
    return answer.upper()


def _port(answer: str) -> str:
    if not (answer.isascii() and answer.isdigit() and 0 < int(answer) < 65536):
        raise bad_request(
            f"port {answer!r} is not a number from 1 to 65535", remedy="give 587, 465 or 25"
        )
    return answer


def _protection(answer: str) -> str:
    if answer not in PROTECTIONS:
        raise bad_request(
            f"protection {answer!r} is unknown", remedy=f"give {', '.join(PROTECTIONS)}"
        )
    return answer


CHECKS: dict[str, Callable[[str], str]] = {
    "name": _name,
    "currency": lambda answer: currency_of(answer.upper()),
    "time_zone": time_zone_of,
    "locale": _setting("locale"),
    "phone_region": _country,
    "shop_url": web_address,
    "owner": mail_address,
    "public_url": web_address,
    "smtp_port": _port,
    "smtp_security": _protection,
    "mail_from": mail_address,
}
