"""What a shop still needs before its mails and links are fit for customers."""

from urllib.parse import urlsplit

from patron.app.care.finding import Finding
from patron.carts.restore import on_host
from patron.kit.settings import Settings
from patron.shops.types import Mode, Shop

_ELSEWHERE = {
    "cart_url": "links in cart mails show the cart on a page of Patron's",
    "account_url": "invitations lead to the shop instead",
    "logo_url": "mails show the shop's name instead",
}
"""What happens where an address leads to a host that is not known as the shop's."""


def of_shop(settings: Settings, shop: Shop) -> list[Finding]:
    """What is missing, each with its remedy; one finding that says so when nothing is."""
    found = [*_addresses(shop), *_sender(settings, shop)]
    if shop.mode is Mode.LIVE:
        found += _links(settings, shop)
    return found or [Finding(f"{shop.slug}: for customers", "ok", "sender, address and links")]


def _addresses(shop: Shop) -> list[Finding]:
    found = []
    if not (shop.settings.postal_address or "").strip():
        detail = "no postal address is set; many countries want one in every marketing mail"
        remedy = _set(shop, "postal_address", "Mill Lane 4, Hollin, OH 43000")
        found.append(_warning(shop, "postal address", detail, remedy))
    if not shop.owner_email.strip():
        remedy = "rehearsal mails have nowhere to go: give --owner when the shop is created"
        found.append(_warning(shop, "owner", "no owner's address is set", remedy))
    if shop.settings.cart_url is None:
        detail = "no cart_url is set: links in cart mails show the cart on a page of Patron's"
        remedy = _set(shop, "cart_url", f"{shop.public_url}/cart?restore={{token}}")
        found.append(_warning(shop, "cart", detail, remedy))
    for name, where in _ELSEWHERE.items():
        url = getattr(shop.settings, name)
        if url is not None and not on_host(url, shop):
            detail = f"{name} {url} is on none of the shop's hosts; {where}"
            remedy = _set(shop, "more_hosts", f'["{urlsplit(url).hostname}"]')
            found.append(_warning(shop, name, detail, f"{remedy}, or correct {name}"))
    return found


def _sender(settings: Settings, shop: Shop) -> list[Finding]:
    sender = shop.settings.mail_from or settings.mail_from
    if not sender:
        if settings.smtp_host is None:
            return []  # the mail server is asked for first
        remedy = f"set mail_from in patron.toml, or {_set(shop, 'mail_from', 'shop@shop.example')}"
        detail = "no address that mails come from is set"
        return [Finding(f"{shop.slug}: sender", "failed", detail, remedy)]
    domain = sender.rpartition("@")[2].lower()
    parts = (settings.dkim_domain, settings.dkim_selector, settings.dkim_key)
    if any(parts) and not all(parts):
        remedy = "give dkim_domain, dkim_selector and dkim_key together"
        return [_warning(shop, "signature", "the DKIM settings are not complete", remedy)]
    if not any(parts):
        detail = f"mails of {domain} are not signed here (DKIM)"
        remedy = (
            "large mail providers ask for a signature: let the mail server sign for"
            f" {domain}, or set dkim_domain, dkim_selector and dkim_key"
        )
        return [_warning(shop, "signature", detail, remedy)]
    signer = (settings.dkim_domain or "").lower()
    if domain != signer and not domain.endswith(f".{signer}"):
        detail = f"mails come from {domain} and are signed by {signer}: DMARC does not count that"
        remedy = f"send from an address of {signer}, or sign with a key of {domain}"
        return [_warning(shop, "signature", detail, remedy)]
    return []


def _links(settings: Settings, shop: Shop) -> list[Finding]:
    """Where links in mails, and browsers, find Patron."""
    url = urlsplit(settings.public_url)
    found = []
    if (url.hostname or "") in ("localhost", "127.0.0.1", "::1", "0.0.0.0"):  # noqa: S104
        detail = f"public_url is {settings.public_url}: customers cannot reach that"
        remedy = "put a proxy with TLS in front and set public_url (docs/running.md)"
        found.append(_warning(shop, "links", detail, remedy))
    elif url.scheme != "https":
        detail = f"public_url is {settings.public_url}, without TLS"
        remedy = (
            "put a proxy with TLS in front and set public_url to https: mail programs ask for it"
            " (one-click unsubscription), and pages served over https load nothing else"
        )
        found.append(_warning(shop, "links", detail, remedy))
    elif settings.trusted_proxies is None:
        detail = (
            "public_url is https, and no proxy is trusted: every visitor has the proxy's address"
        )
        remedy = 'set trusted_proxies to the proxy\'s network, such as "127.0.0.1/32"'
        found.append(_warning(shop, "links", detail, remedy))
    return found


def _set(shop: Shop, name: str, value: str) -> str:
    return f"`patron shop set {name} '{value}' --shop {shop.slug}`"


def _warning(shop: Shop, what: str, detail: str, remedy: str) -> Finding:
    return Finding(f"{shop.slug}: {what}", "warning", detail, remedy)
