"""What somebody at a browser reads when there is nothing to show: a page, not a document for
programs. Most of them followed a link that their mail program had cut off."""

import html
from typing import Any

from litestar import MediaType, Request, Response

from patron.kit.problems import ProblemDocument

FOR_PROGRAMS = ("/api", "/v1", "/metrics", "/healthz", "/readyz")
TITLES = {404: "There is nothing here", 405: "This is no page", 503: "Not available just now"}
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
}
_STYLE = (
    ":root{color-scheme:light dark;--ink:#1d1f1b;--soft:#5f625b;--page:#f1f0ea;--card:#fff}"
    "@media(prefers-color-scheme:dark){:root{--ink:#f3f2ec;--soft:#b9bbb3;--page:#121311;"
    "--card:#20221f}}body{font:17px/1.55 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,"
    "sans-serif;color:var(--ink);background:var(--page);margin:0}main{box-sizing:border-box;max-width:520px;"
    "margin:12vh auto 40px;padding:40px;border-radius:16px;background:var(--card)}"
    "@media(max-width:560px){main{margin:0;min-height:100vh;border-radius:0;padding:34px 22px}}"
    "h1{font-size:26px;line-height:1.2;letter-spacing:-.5px;margin:0 0 12px}"
    "p{margin:0;color:var(--soft);overflow-wrap:anywhere}p+p{margin-top:12px}a{color:inherit}"
)


def at_a_browser(request: Request[Any, Any, Any]) -> bool:
    """Whether a person asked, and for a page."""
    path = request.scope["path"]
    return "text/html" in request.headers.get("accept", "") and not path.startswith(FOR_PROGRAMS)


def page(document: ProblemDocument, path: str) -> Response[str]:
    """`document` in words for whoever opened `path`."""
    title = TITLES.get(document.status, document.title)
    said = [document.detail, document.remedy or ""]
    if path == "/":
        title = "Patron runs here"
        said = ["It has no pages of its own yet. `patron doctor` says how it is."]
    words = "".join(f"<p>{html.escape(_sentence(one))}</p>" for one in said if one)
    if path == "/":
        words += '<p><a href="/api/docs">What the API can do</a></p>'
    return Response(
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style><main><h1>{title}</h1>{words}</main></html>",
        status_code=document.status,
        media_type=MediaType.HTML,
        headers=HEADERS,
    )


def _sentence(said: str) -> str:
    said = said[:1].upper() + said[1:]
    return said if said.endswith((".", "!", "?")) else f"{said}."
