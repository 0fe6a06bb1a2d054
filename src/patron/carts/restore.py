"""Links that bring a cart back: signed, and saying nothing about whose it is."""

import html
from urllib.parse import quote, urlsplit
from uuid import UUID

from patron.carts.types import Cart, CartItem, RestoredCart
from patron.kit.money import format_money
from patron.kit.signing import BadSignature, Signer
from patron.kit.theme import theme
from patron.shops.types import Shop

PURPOSE = "cart.restore"


def link(signer: Signer, base_url: str, shop: Shop, cart: Cart) -> str:
    """The address that restores `cart`; `base_url` is where Patron itself is reached."""
    token = signer.token(PURPOSE, {"s": shop.slug, "c": cart.id})
    return f"{base_url.rstrip('/')}/c/{token}"


def read(signer: Signer, token: str) -> tuple[str, UUID]:
    """(slug of the shop, cart) of a token; raises BadSignature."""
    payload = signer.read(PURPOSE, token)
    try:
        return str(payload["s"]), UUID(payload["c"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadSignature("the link is damaged or not ours") from error


def destination(shop: Shop, cart: Cart, token: str) -> str | None:
    """Where the shop wants its customers: its `cart_url`, or None.

    `{token}` becomes the restore token, with which the shop's page reads the lines from
    `/c/{token}.json`; `{cart_token}` the shop's own cart token, for shops that keep carts on their
    server. Only an address on one of the shop's verified hosts is one.
    """
    template = shop.settings.cart_url
    if not template:
        return None
    if "{cart_token}" in template:
        if not cart.key.startswith("cart:"):
            return None
        template = template.replace("{cart_token}", quote(cart.key[5:], safe=""))
    url = template.replace("{token}", quote(token, safe=""))
    return url if on_host(url, shop) else None


def on_host(url: str | None, shop: Shop) -> bool:
    """Whether `url` is http(s) on one of the shop's verified hosts."""
    if not url:
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and host is not None and host in _hosts(shop)


def origin_allowed(origin: str | None, shop: Shop) -> bool:
    """Whether a page of `origin` may read the lines: pages of the shop only."""
    return on_host(origin, shop)


def content(cart: Cart) -> RestoredCart:
    """What the link shows. A closed cart shows no lines: what was bought is nobody else's."""
    is_open = cart.closed_at is None
    return RestoredCart(
        state="open" if is_open else "closed",
        items=cart.items if is_open else [],
        value=cart.value if is_open else 0,
        currency=cart.currency,
        changed_at=cart.changed_at,
    )


def page(shop: Shop, cart: Cart) -> str:
    """The cart as a small page, for shops that have no page of their own for it."""
    name = html.escape(shop.name)
    home = html.escape(shop.public_url, quote=True)
    if cart.closed_at is not None:
        words = (
            "This cart has been ordered. Thank you!"
            if cart.closed_reason == "order"
            else "This cart is closed."
        )
        body = f"<p>{words}</p>"
    elif not cart.items:
        body = "<p>There is nothing in this cart any more.</p>"
    else:
        rows = "".join(_row(shop, cart, item) for item in cart.items)
        total = format_money(cart.value, cart.currency, shop.locale)
        priced = all(item.price is not None for item in cart.items)
        foot = f"<tfoot><tr><td colspan=3>Total<td>{html.escape(total)}</tfoot>" if priced else ""
        body = f"<table><tbody>{rows}</tbody>{foot}</table>"
    look = theme(shop.settings.brand_color)
    colours = _COLOURS.format(look=look)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f'<meta name="robots" content="noindex"><title>Your cart – {name}</title>'
        f'<style>{colours}{_STYLE}</style><main><p class="shop">{name}</p><h1>Your cart</h1>{body}'
        f'<p><a class="back" href="{home}">Back to {name}</a></p></main></html>'
    )


# The same look as the pages behind the other links of a mail.
_COLOURS = (
    ":root{{--ink:#1d1f1b;--soft:#5f625b;--page:#f1f0ea;--card:#fff;--line:#dcdbd3;"
    "--brand:{look.brand};--on:{look.on_brand};--name:{look.name}}}"
    "@media(prefers-color-scheme:dark){{:root{{--ink:#f3f2ec;--soft:#b9bbb3;--page:#121311;"
    "--card:#20221f;--line:#3a3d37;--brand:{look.brand_dark};--on:{look.on_brand_dark};"
    "--name:{look.brand_dark}}}}}"
)
_STYLE = (
    "body{font:17px/1.55 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;margin:0;"
    "color:var(--ink);background:var(--page)}"
    "main{box-sizing:border-box;max-width:520px;margin:12vh auto 40px;padding:40px;"
    "border-radius:16px;background:var(--card)}@media(max-width:560px){main{margin:0;"
    "padding:34px 22px;border-radius:0;min-height:100vh}}"
    ".shop{color:var(--name);font-weight:700;font-size:19px;letter-spacing:-.2px;margin:0 0 26px}"
    "h1{font-size:26px;line-height:1.2;letter-spacing:-.5px;margin:0 0 12px}"
    "table{width:100%;border-collapse:collapse}td{padding:14px 12px 14px 0;vertical-align:top;"
    "border-top:1px solid var(--line);overflow-wrap:anywhere}td:nth-last-child(-n+2){width:1%;"
    "white-space:nowrap;text-align:right}td:last-child{padding-right:0;font-weight:600}"
    ".n{color:var(--soft)}tfoot td{font-weight:700}tfoot td:first-child{text-align:left}"
    "td.p{width:56px}td.p:empty{width:0;padding:0}"
    "img{display:block;width:56px;height:56px;object-fit:cover;border-radius:8px}"
    "a{color:inherit}td a{text-decoration:none}"
    ".back{display:block;margin-top:26px;padding:13px 20px;border-radius:12px;text-align:center;"
    "font-weight:700;text-decoration:none;background:var(--brand);color:var(--on)}"
    "a:focus-visible{outline:3px solid var(--brand);outline-offset:3px}"
)


def _row(shop: Shop, cart: Cart, item: CartItem) -> str:
    title = html.escape(item.title or item.sku or item.product_id or "")
    if item.url and on_host(item.url, shop):
        title = f'<a href="{html.escape(item.url, quote=True)}">{title}</a>'
    image = ""
    if item.image_url and on_host(item.image_url, shop):
        image = f'<img src="{html.escape(item.image_url, quote=True)}" alt="">'
    price = ""
    if item.price is not None:
        price = format_money(round(item.price * item.quantity), cart.currency, shop.locale)
    number = f"{item.quantity:g}&nbsp;×"
    return f"<tr><td class=p>{image}</td><td>{title}<td class=n>{number}<td>{html.escape(price)}"


def _hosts(shop: Shop) -> set[str]:
    """Verified hosts without ports; a host may be written with one."""
    return {host.rsplit(":", 1)[0] if host.count(":") == 1 else host for host in shop.hosts}
