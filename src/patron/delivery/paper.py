"""Pages that customers see: the shop's look, no script, nothing from elsewhere."""

from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import minijinja
from litestar import Response

from patron.kit.theme import theme
from patron.messages.links import leads_to
from patron.shops.types import Shop

_FOLDER = files("patron.delivery") / "pages"
_PAGES = minijinja.Environment(
    templates={
        name: (_FOLDER / name).read_text("utf-8")
        for name in ("look.html", "notice.html", "preferences.html")
    },
    undefined_behavior="strict",
    trim_blocks=True,
    lstrip_blocks=True,
    debug=False,
)
REHEARSAL = (
    "This mail was a rehearsal and went to the shop's owner, so this link changes nothing. In a"
    " customer's mail it does at once what it says."
)


def notice(
    shop: Shop,
    title: str,
    words: str,
    button: str | None = None,
    action: str = "",
    *,
    quiet: bool = False,
    link: tuple[str, str] | None = None,
) -> Response[str]:
    """One sentence and perhaps a button that posts to `action`; `link` is (address, words)."""
    return page(
        shop,
        "notice.html",
        title=title,
        words=words,
        button=button,
        action=action,
        quiet=quiet,
        link=None if link is None else {"url": link[0], "words": link[1]},
    )


def page(shop: Shop, template: str, **model: Any) -> Response[str]:
    """A page in the shop's look, which nobody keeps and nobody else frames."""
    logo = shop.settings.logo_url
    if logo is not None and not leads_to(logo, [*shop.hosts, *shop.settings.more_hosts]):
        logo = None
    filled = _PAGES.render_template(
        template,
        shop={"name": shop.name, "logo": logo, "url": shop.public_url},
        theme=theme(shop.settings.brand_color),
        **model,
    )
    # Its escaping hides slashes too, which HTML does not need.
    return Response(filled.replace("&#x2f;", "/"), media_type="text/html", headers=_headers(logo))


def _headers(logo: str | None) -> dict[str, str]:
    pictures = ""
    if logo is not None:
        parts = urlsplit(logo)
        pictures = f"img-src {parts.scheme}://{parts.netloc}; "
    return {
        "Cache-Control": "no-store, private",
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex",
        "Content-Security-Policy": (
            f"default-src 'none'; {pictures}style-src 'unsafe-inline'; form-action 'self';"
            " frame-ancestors 'none'"
        ),
    }
