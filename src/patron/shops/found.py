"""Founding a shop, and making its keys. Decides; does no I/O."""

import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from patron.kit.ids import id_at, new_id, new_secret
from patron.kit.problems import bad_request
from patron.shops.types import MARKETING, Basis, Key, KeyKind, Mode, Scope, Shop, ShopSettings

_SLUG = re.compile(r"[^a-z0-9]+")


def slug_of(name: str) -> str:
    """The short name for addresses: "Hollin & Sons" → "hollin-sons"."""
    slug = _SLUG.sub("-", name.lower()).strip("-")[:40].rstrip("-")
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
    if not name.strip():
        raise bad_request("the shop's name is empty", remedy="give it a name", path="name")
    if not re.fullmatch(r"[A-Z]{3}", currency):
        raise bad_request(
            f"currency {currency!r} is not an ISO 4217 code",
            remedy="give three capital letters such as EUR or USD",
            path="currency",
        )
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, IsADirectoryError) as error:
        raise bad_request(
            f"time zone {time_zone!r} is unknown",
            remedy="give an IANA name such as Europe/Berlin",
            path="time_zone",
        ) from error
    url = urlsplit(public_url)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise bad_request(
            f"public URL {public_url!r} is not a web address",
            remedy="give the shop's address, such as https://shop.example",
            path="public_url",
        )
    if "@" not in owner_email:
        raise bad_request(
            f"owner's e-mail {owner_email!r} is not an address",
            remedy="give the address that receives rehearsal messages",
            path="owner_email",
        )
    settings = settings or ShopSettings()
    slug = slug_of(name)
    return Shop(
        id=id_at(now),
        slug=slug,
        name=name.strip(),
        schema="shop_" + slug.replace("-", "_"),
        currency=currency,
        time_zone=time_zone,
        locale=settings.locale,
        public_url=public_url.rstrip("/"),
        hosts=[url.hostname],
        mode=Mode.REHEARSAL,
        owner_email=owner_email,
        identity_secret=secrets.token_bytes(32),
        settings=settings,
    )


def changed(kept: ShopSettings, data: Mapping[str, object]) -> ShopSettings:
    """`kept` with the settings that `data` names. Raises Problem 400 naming what is wrong."""
    try:
        settings = msgspec.convert({**msgspec.to_builtins(kept), **data}, ShopSettings)
    except msgspec.ValidationError as error:
        raise bad_request(
            f"settings: {error}",
            remedy="the settings are " + ", ".join(ShopSettings.__struct_fields__),
            path=next(iter(data), None),
        ) from error
    _lawful(settings)
    return settings


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


def make_key(kind: KeyKind, name: str, scopes: list[str], now: datetime) -> tuple[Key, str]:
    """A new key and its secret, which nobody can look up again if it is a server key."""
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
