"""Links that bring a cart back: signed, and saying nothing about whose it is."""

import html
from urllib.parse import quote, urlsplit
from uuid import UUID

from patron.carts.types import Cart, CartItem, RestoredCart
from patron.kit.money import format_money
from patron.kit.signing import BadSignature, Signer
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
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta name="robots" content="noindex"><title>Your cart – {name}</title>'
        f"<style>{_STYLE}</style><main><h1>Your cart at {name}</h1>{body}"
        f'<p><a href="{home}">Back to {name}</a></p></main></html>'
    )


_STYLE = (
    ":root{color-scheme:light dark;--ink:#1d1f1b;--soft:#5f625b;--page:#f1f0ea;--card:#fff;"
    "--line:#e6e5de;--link:#1f5f4a}@media(prefers-color-scheme:dark){:root{--ink:#f3f2ec;"
    "--soft:#b9bbb3;--page:#121311;--card:#20221f;--line:#3a3d37;--link:#7fd1b0}}"
    "body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page);margin:0}"
    "main{box-sizing:border-box;max-width:38rem;margin:6vh auto;padding:2rem;border-radius:16px;"
    "background:var(--card)}@media(max-width:40rem){main{margin:0;padding:1.5rem;border-radius:0;"
    "min-height:100vh}}h1{font-size:1.5rem;line-height:1.25;margin:0 0 1rem}"
    "table{width:100%;border-collapse:collapse}td{padding:.8rem .75rem .8rem 0;vertical-align:top;"
    "border-top:1px solid var(--line);overflow-wrap:anywhere}td:nth-last-child(-n+2){width:1%;"
    "white-space:nowrap;text-align:right}td:last-child{padding-right:0;font-weight:600}"
    ".n{color:var(--soft)}tfoot td{font-weight:700}tfoot td:first-child{text-align:left}"
    "td.p{width:56px}td.p:empty{width:0;padding:0}"
    "img{display:block;width:56px;height:56px;object-fit:cover;border-radius:8px}"
    "a{color:var(--link)}td a{color:inherit;text-decoration:none}p{margin:1.5rem 0 0}"
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
