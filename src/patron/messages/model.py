"""What a template is filled with: her cart, the shop's looks, what goes with it, our links."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from patron.carts import restore
from patron.carts import store as carts
from patron.carts.types import Cart, CartItem
from patron.catalog import store as catalog
from patron.catalog.types import Item
from patron.kit.db import Tx
from patron.kit.money import format_money
from patron.kit.signing import Signer
from patron.kit.theme import theme
from patron.messages.links import Mint, Ticket, leads_to, short, without_addresses
from patron.messages.render import RenderError
from patron.messages.types import CONFIRM, INVITE, Message
from patron.profiles import store as profiles
from patron.profiles.consent import basis
from patron.profiles.consents import confirmation_store as confirmations
from patron.profiles.consents.labels import agreed_to
from patron.profiles.many import store as many
from patron.segments.store import families
from patron.shops.types import Basis, Mode, Shop

MOST_LINES = 6
PICKS = 4
BENEFITS = (
    ("Faster checkout", "Your address is there already; you only look it over."),
    ("Your orders in one place", "Where they are, what they were, and how to send something back."),
    ("Chosen for you", "We show you what goes with what you have and like."),
)
"""What an account gives her, as the invitation names it."""

_ASKED = 12  # some picks cannot be shown: sold out, or without a page
_NAME = re.compile(r"[^\W\d_]+(?:[ '’-][^\W\d_]+){0,3}")

Picks = Callable[[list[str], int], list[str]]
"""Products often bought together with the given ones (product ids), best first, at most n."""


def no_picks(product_ids: list[str], n: int) -> list[str]:
    """For a shop whose orders have not been counted yet."""
    return []


class Materials(msgspec.Struct, frozen=True):
    """What the links and picks of a message are made of; `base_url` is where Patron is reached."""

    signer: Signer
    base_url: str
    picks: Picks = no_picks


class Composed(msgspec.Struct, frozen=True):
    """A filled model, the hosts its links may lead to, and the link that unsubscribes, if it is
    something to unsubscribe from."""

    model: dict[str, Any]
    hosts: frozenset[str]
    unsubscribe_url: str | None


class _Desk(msgspec.Struct, frozen=True):
    """What the parts of one mail share."""

    shop: Shop
    mint: Mint
    hosts: frozenset[str]
    cart_link: str


class _Known(msgspec.Struct, frozen=True):
    """What the rooms below say of a batch of messages, asked once for all of them: carts by id,
    products by any of their ids, traits by origin, picks by message."""

    carts: dict[UUID, Cart]
    items: dict[str, Item]
    traits: dict[UUID, dict[str, Any]]
    picks: dict[UUID, list[str]]


async def compose(tx: Tx, shop: Shop, message: Message, materials: Materials) -> Composed:
    """The model of a message. Raises RenderError when there is nothing to show."""
    (composed,) = await compose_all(tx, shop, [message], materials)
    if isinstance(composed, RenderError):
        raise composed
    return composed


async def compose_all(
    tx: Tx, shop: Shop, messages: Sequence[Message], materials: Materials
) -> list[Composed | RenderError]:
    """The model of each message, or why there is none. Queries hardly grow with their number."""
    known = await _known(tx, messages, materials)
    return [await _composed(tx, shop, message, materials, known) for message in messages]


async def _known(tx: Tx, messages: Sequence[Message], materials: Materials) -> _Known:
    speaking = [message for message in messages if message.template != CONFIRM]
    if not speaking:
        return _Known({}, {}, {}, {})
    mine = {message.id: cart_id for message in speaking if (cart_id := _cart_id(message))}
    found = await carts.by_id(tx, mine.values()) if mine else {}
    keys = {key for cart in found.values() for item in cart.items for key in _keys(item)}
    items = await catalog.find(tx, sorted(keys)) if keys else {}
    picks = {
        message_id: _picked(found[cart_id], items, materials.picks)
        for message_id, cart_id in mine.items()
        if cart_id in found
    }
    wanted = {pick for some in picks.values() for pick in some} - items.keys()
    items = items | (await catalog.find(tx, sorted(wanted)) if wanted else {})
    family = await families(tx, (message.origin_id for message in speaking))
    people = {origins[0]: origins for origins in family.values()}
    traits = await many.traits(tx, people)
    return _Known(
        found, items, {origin: traits.get(one[0], {}) for origin, one in family.items()}, picks
    )


def _cart_id(message: Message) -> UUID | None:
    cart_id = message.context.get("cart_id")
    return UUID(str(cart_id)) if cart_id else None


def _keys(item: CartItem) -> list[str]:
    return [key for key in (item.variant_id, item.sku, item.product_id) if key]


def _facts(item: CartItem, known: Mapping[str, Item]) -> Item | None:
    return next((known[key] for key in _keys(item) if key in known), None)


def _picked(cart: Cart, known: Mapping[str, Item], picks: Picks) -> list[str]:
    """What goes with a cart, best first."""
    facts = [_facts(item, known) for item in cart.items]
    in_cart = [one.product_id for one in facts if one is not None]
    return [pick for pick in picks(in_cart, _ASKED) if pick not in in_cart] if in_cart else []


async def _composed(
    tx: Tx, shop: Shop, message: Message, materials: Materials, known: _Known
) -> Composed | RenderError:
    try:
        if message.template == CONFIRM:
            return await _confirmation(tx, shop, message, materials)
        customer = await _is_customer(tx, shop, message)
        name = first_name(known.traits.get(message.origin_id, {}))
        if message.template == INVITE:
            return _invitation(shop, message, materials, name, customer)
        return _cart_mail(shop, message, materials, known, (name, customer))
    except RenderError as error:
        return error


def _cart_mail(
    shop: Shop,
    message: Message,
    materials: Materials,
    known: _Known,
    her: tuple[str | None, bool],
) -> Composed:
    """What is in her cart; `her` are her first name and whether she is a customer alone."""
    name, customer = her
    cart_id = message.context.get("cart_id")
    cart = known.carts.get(UUID(str(cart_id))) if cart_id else None
    if cart is None:
        raise RenderError(f"cart {cart_id} does not exist")
    mint = Mint(materials.signer, materials.base_url, _ticket(shop, message, cart))
    restored = restore.link(materials.signer, materials.base_url, shop, cart)
    own_host = urlsplit(materials.base_url).hostname or ""
    hosts = frozenset([*shop.hosts, own_host])
    desk = _Desk(shop, mint, hosts, mint.click(restored, "cart"))
    items = [(item, _facts(item, known.items)) for item in cart.items]
    model = {
        "shop": _shop(desk),
        "theme": msgspec.to_builtins(theme(shop.settings.brand_color)),
        "first_name": name,
        "cart": cart_model(desk, cart, items),
        "together": _together(desk, known.picks.get(message.id, []), known.items),
        "links": {
            "cart": desk.cart_link,
            "shop": mint.click(shop.public_url, "shop"),
            "unsubscribe": mint.unsubscribe(),
            "preferences": mint.preferences(),
            "pixel": mint.open_pixel(),
        },
        "why": _why(shop, cart.changed_at, customer),
    }
    return Composed(model, hosts, model["links"]["unsubscribe"])


def _invitation(
    shop: Shop, message: Message, materials: Materials, name: str | None, customer: bool
) -> Composed:
    """Invites somebody who ordered as a guest to open an account."""
    mint = Mint(materials.signer, materials.base_url, _ticket(shop, message, None))
    hosts = frozenset([*shop.hosts, urlsplit(materials.base_url).hostname or ""])
    desk = _Desk(shop, mint, hosts, "")
    page = _first_of_ours(desk, shop.settings.account_url) or shop.public_url
    model = {
        "shop": _shop(desk),
        "theme": msgspec.to_builtins(theme(shop.settings.brand_color)),
        "first_name": name,
        "benefits": [{"name": benefit, "words": words} for benefit, words in BENEFITS],
        "links": {
            "account": mint.click(page, "account"),
            "shop": mint.click(shop.public_url, "shop"),
            "unsubscribe": mint.unsubscribe(),
            "preferences": mint.preferences(),
            "pixel": mint.open_pixel(),
        },
        "why": f"You receive this mail because you ordered at {shop.name} without an account and"
        f" {_because(customer)}.",
    }
    return Composed(model, hosts, model["links"]["unsubscribe"])


async def _confirmation(tx: Tx, shop: Shop, message: Message, materials: Materials) -> Composed:
    """Asks whether she agreed; nothing in it sells anything."""
    asked = message.context.get("confirmation")
    found = await confirmations.find(tx, UUID(str(asked))) if asked else None
    if found is None:
        raise RenderError(f"confirmation {asked} does not exist")
    mint = Mint(materials.signer, materials.base_url, _ticket(shop, message, None))
    hosts = frozenset([*shop.hosts, urlsplit(materials.base_url).hostname or ""])
    desk = _Desk(shop, mint, hosts, "")
    model = {
        "shop": _shop(desk),
        "theme": msgspec.to_builtins(theme(shop.settings.brand_color)),
        "confirmation": {
            "agreed": without_addresses(agreed_to(shop.settings, found)),
            "day": _day(found.asked_at, shop),
            "until": _day(found.expires_at, shop),
        },
        "links": {"confirm": mint.confirm(found.id), "shop": shop.public_url},
    }
    return Composed(model, hosts, None)


def _day(moment: datetime, shop: Shop) -> str:
    day = moment.astimezone(ZoneInfo(shop.time_zone))
    return f"{day:%B} {day.day}"


def cart_model(
    desk: _Desk, cart: Cart, items: list[tuple[CartItem, Item | None]]
) -> dict[str, Any]:
    """Her lines as they are shown. A line that nobody can name is only counted."""
    lines = [
        line
        for number, (item, facts) in enumerate(items, 1)
        if (line := _line(desk, cart, item, facts, f"item-{number}")) is not None
    ]
    if not lines:
        raise RenderError("none of the products in the cart has a name")
    priced = all(item.price is not None for item in cart.items)
    shown = lines[:MOST_LINES]
    return {
        "lines": shown,
        "more": len(items) - len(shown),
        "count": len(items),
        "total": format_money(cart.value, cart.currency, desk.shop.locale) if priced else None,
    }


def first_name(traits: Mapping[str, Any]) -> str | None:
    """How she may be addressed, when the trait looks like a name and nothing else."""
    for key in ("first_name", "firstName", "given_name"):
        name = traits.get(key)
        if isinstance(name, str) and len(name) <= 30 and _NAME.fullmatch(name.strip()):
            name = name.strip()
            return name.title() if name.islower() or (name.isupper() and len(name) > 2) else name
    return None


def _line(
    desk: _Desk, cart: Cart, item: CartItem, facts: Item | None, link: str
) -> dict[str, Any] | None:
    title = (facts.title if facts else None) or item.title
    if not title:
        return None

    def money(amount: int | float) -> str:
        return format_money(round(amount), cart.currency, desk.shop.locale)

    before = facts.compare_at if facts and facts.currency == cart.currency else None
    reduced = item.price is not None and before is not None and before > item.price
    page = _first_of_ours(desk, facts.url if facts else None, item.url)
    return {
        "title": without_addresses(title),
        "variant": None,
        "initial": title.strip()[:1].upper(),
        "quantity": f"{item.quantity:g}",
        "single": item.quantity == 1,
        "price": money(item.price) if item.price is not None else None,
        "total": money(item.price * item.quantity) if item.price is not None else None,
        "compare_at": money(before * item.quantity) if reduced and before is not None else None,
        "image": _first_of_ours(desk, facts.image_url if facts else None, item.image_url),
        "url": desk.mint.click(page, link) if page else desk.cart_link,
    }


def _together(
    desk: _Desk, wanted: Sequence[str], found: Mapping[str, Item]
) -> list[dict[str, Any]]:
    """Four picks, or two, or none: an odd one would stand alone in its row."""
    shown: list[dict[str, Any]] = []
    for pick in wanted:
        facts = found.get(pick)
        page = _first_of_ours(desk, facts.url if facts else None)
        if facts is None or not facts.title or page is None or not facts.shown:
            continue
        if facts.available is False or facts.price is None or not facts.currency:
            continue
        shown.append(_pick(desk, facts, page, f"together-{len(shown) + 1}"))
        if len(shown) == PICKS:
            break
    return shown[: len(shown) // 2 * 2]


def _pick(desk: _Desk, facts: Item, page: str, link: str) -> dict[str, Any]:
    title = facts.title or ""
    price = facts.price or 0
    before = facts.compare_at if facts.compare_at and facts.compare_at > price else None
    locale, currency = desk.shop.locale, facts.currency or desk.shop.currency
    return {
        "title": without_addresses(title),
        "initial": title.strip()[:1].upper(),
        "price": format_money(price, currency, locale),
        "compare_at": format_money(before, currency, locale) if before else None,
        "image": _first_of_ours(desk, facts.image_url),
        "page": page,
        "url": desk.mint.click(page, link),
    }


def _shop(desk: _Desk) -> dict[str, Any]:
    shop = desk.shop
    postal = shop.settings.postal_address or ""
    return {
        "name": shop.name,
        "language": "en",  # of the template's words; the shop's locale writes prices
        "logo": _first_of_ours(desk, shop.settings.logo_url),
        "postal_lines": [line.strip() for line in postal.splitlines() if line.strip()],
    }


def _ticket(shop: Shop, message: Message, cart: Cart | None) -> Ticket:
    return Ticket(
        shop=shop.slug,
        message=short(message.id),
        origin=short(message.origin_id),
        journey=message.journey,
        step=message.step_visit,
        template=message.template,
        rehearsal=shop.mode is Mode.REHEARSAL,
        cart=None if cart is None else short(cart.id),
    )


async def _is_customer(tx: Tx, shop: Shop, message: Message) -> bool:
    """Whether she is written to as a customer, and has never agreed to it."""
    if not shop.settings.existing_customer_countries:
        return False
    reach = await profiles.reach(
        tx, message.origin_id, message.channel, message.purpose, shop.settings
    )
    return basis(reach, message.purpose) is Basis.EXISTING_CUSTOMER


def _why(shop: Shop, left_at: datetime, customer: bool) -> str:
    return (
        f"You receive this mail because you left something in your cart at {shop.name} on"
        f" {_day(left_at, shop)} and {_because(customer)}."
    )


def _because(customer: bool) -> str:
    if customer:
        return "are a customer of ours; you may say no at any time"
    return "agreed to hear from us"


def _first_of_ours(desk: _Desk, *urls: str | None) -> str | None:
    """The first address that leads to the shop or to Patron; others have no place in a mail."""
    return next((url for url in urls if url and leads_to(url, desk.hosts)), None)
