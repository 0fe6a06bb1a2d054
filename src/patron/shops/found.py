"""Founding a shop, and making its keys. Decides; does no I/O."""

import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from unicodedata import combining, normalize
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from patron.kit.ids import id_at, new_id, new_secret
from patron.kit.money import CURRENCIES
from patron.kit.problems import Problem, bad_request
from patron.shops.fitting import FORMS, fit, is_web_address
from patron.shops.types import (
    Key,
    KeyKind,
    Mode,
    Scope,
    Shop,
    ShopChange,
    ShopSettings,
)

_SLUG = re.compile(r"[^a-z0-9]+")


def slug_of(name: str) -> str:
    """The short name for addresses: "Hollin & Sons" → "hollin-sons"."""
    # "Café Öde" is cafe-ode, not caf-de.
    plain = "".join(c for c in normalize("NFKD", name.casefold()) if not combining(c))
    slug = _SLUG.sub("-", plain).strip("-")[:40].rstrip("-")
    if not slug or not slug[0].isalpha():
        slug = f"shop-{slug}".rstrip("-")[:40]
    return slug


def found_shop(
    name: str,
    *,
    currency: str,
    time_zone: str,
    public_url: str,
    owner_email: str,
    now: datetime,
    settings: ShopSettings | None = None,
) -> Shop:
    """A new shop in rehearsal. Raises Problem 400 naming what is wrong with an argument."""
    name = shop_name(name)
    currency_of(currency)
    time_zone_of(time_zone)
    web_address(public_url)
    mail_address(owner_email)
    settings = settings or ShopSettings()
    slug = slug_of(name)
    return Shop(
        id=id_at(now),
        slug=slug,
        name=name,
        schema="shop_" + slug.replace("-", "_"),
        currency=currency,
        time_zone=time_zone,
        locale=settings.locale,
        public_url=public_url.rstrip("/"),
        hosts=[str(urlsplit(public_url).hostname)],
        mode=Mode.REHEARSAL,
        owner_email=owner_email,
        identity_secret=secrets.token_bytes(32),
        settings=settings,
    )


def shop_name(name: str) -> str:
    """`name` without blanks around it; Problem 400 when nothing is left."""
    if not name.strip():
        raise bad_request("the shop's name is empty", remedy="give it a name", path="name")
    return name.strip()


def currency_of(code: str) -> str:
    """`code`, if money is counted in it; Problem 400 otherwise."""
    if code not in CURRENCIES:
        raise bad_request(
            f"currency {code!r} is not an ISO 4217 code",
            remedy="give three capital letters such as EUR or USD",
            path="currency",
        )
    return code


def time_zone_of(name: str) -> str:
    """`name`, if it is a time zone's; Problem 400 otherwise."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise bad_request(
            f"time zone {name!r} is unknown",
            remedy="give an IANA name such as Europe/Berlin",
            path="time_zone",
        ) from error
    return name


def web_address(url: str) -> str:
    """`url`, if a browser goes there; Problem 400 otherwise."""
    if not is_web_address(url):
        raise bad_request(
            f"public URL {url!r} is not a web address",
            remedy="give the shop's address, such as https://shop.example",
            path="public_url",
        )
    return url


def mail_address(address: str) -> str:
    """`address`, if a mail can be sent to it; Problem 400 otherwise."""
    if not re.fullmatch(r"[^@\s<>,;]+@[^@\s<>,;]+", address):
        raise bad_request(
            f"owner's e-mail {address!r} is not an address",
            remedy="give the address that receives rehearsal messages",
            path="owner_email",
        )
    return address


CHANGEABLE = {
    "name": shop_name,
    "time_zone": time_zone_of,
    "public_url": web_address,
    "owner_email": mail_address,
}


def refounded(kept: Shop, change: ShopChange) -> Shop:
    """`kept` with what `change` says. Raises Problem 400 naming what is wrong."""
    told = {one: said for one, said in msgspec.structs.asdict(change).items() if said is not None}
    if not told:
        raise bad_request(
            "nothing says what is to change",
            remedy="give " + ", ".join(ShopChange.__struct_fields__[:-1]) + " or owner_email",
        )
    for name, read in CHANGEABLE.items():
        if name in told:
            told[name] = read(told[name])
    if "public_url" in told:
        told["public_url"] = told["public_url"].rstrip("/")
        told["hosts"] = [str(urlsplit(told["public_url"]).hostname), *kept.settings.more_hosts]
    return msgspec.structs.replace(kept, **told)


def changed(kept: ShopSettings, data: Mapping[str, object]) -> ShopSettings:
    """`kept` with the settings that `data` names. Raises Problem 400 naming what is wrong."""
    try:
        settings = msgspec.convert({**msgspec.to_builtins(kept), **data}, ShopSettings)
    except msgspec.ValidationError as error:
        raise _wrong(data, error) from error
    fit(settings, data)
    return settings


def _wrong(data: Mapping[str, object], error: msgspec.ValidationError) -> Problem:
    """Which of the settings in `data` is wrong, with its value."""
    names = ShopSettings.__struct_fields__
    for name in data:
        if name not in names:
            return bad_request(
                f"{name!r} is no setting of a shop",
                remedy="the settings are " + ", ".join(names),
                path=name,
            )
    for name, value in data.items():
        try:
            msgspec.convert({name: value}, ShopSettings)
        except msgspec.ValidationError as wrong:
            said = str(wrong).removesuffix(f" - at `$.{name}`")
            told = f": {said}" if name not in FORMS else " cannot be used"
            remedy = f"docs/reference/settings.md says what {name} takes"
            if name in FORMS:
                remedy = f"give {FORMS[name]}"
            return bad_request(f"{name} = {value!r}{told}", remedy=remedy, path=name)
    return bad_request(f"settings: {error}", remedy="see docs/reference/settings.md")


def make_key(kind: KeyKind, name: str, scopes: list[str], now: datetime) -> tuple[Key, str]:
    """A new key and its secret, which nobody can look up again if it is a server key. Raises
    Problem 400 for a scope that is unknown, and for a server key without any."""
    if kind is KeyKind.SERVER and not scopes:
        raise bad_request(
            "a server key without a scope may do nothing",
            remedy=f"give it scopes, such as {Scope.INGEST}, or make a public key for pages",
            path="scopes",
        )
    unknown = sorted(set(scopes) - {str(s) for s in Scope})
    if unknown:
        raise bad_request(
            f"scope {unknown[0]!r} is unknown",
            remedy="choose among " + ", ".join(Scope),
            path="scopes",
        )
    secret = new_secret("wk" if kind is KeyKind.PUBLIC else "sk")
    scopes = [Scope.INGEST.value] if kind is KeyKind.PUBLIC else sorted(set(scopes))
    hint = secret if kind is KeyKind.PUBLIC else f"{secret[:7]}…{secret[-4:]}"
    return Key(new_id(), kind, name, hint, scopes, now.isoformat(), None), secret
