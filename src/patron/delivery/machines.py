"""Whether a person opened a mail or followed a link, or a program did it for her.

Apple's mail privacy fetches every picture under the bare agent "Mozilla/5.0", opened or not;
security gateways follow every link. Gmail's and Yahoo's picture proxies fetch when the mail is
opened, so they count as a person.
"""

import re
from collections.abc import Mapping

_PROXIES = re.compile(r"GoogleImageProxy|YahooMailProxy", re.I)
_PROGRAMS = re.compile(
    r"bot\b|bot/|crawl|spider|slurp|preview|prefetch|scan|monitor|headless|phantom|curl|wget|python"
    r"|libwww|httpclient|http-client|okhttp|java/|ruby|perl|go-http|node-fetch|axios|barracuda"
    r"|proofpoint|mimecast|fireeye|trendmicro|symantec|sophos|safelinks|cisco|zscaler|forcepoint"
    r"|facebookexternalhit|whatsapp|telegram|skypeuri|slack|discord|embedly|bitly",
    re.I,
)
_AHEAD = ("purpose", "sec-purpose", "x-purpose", "x-moz")


def headers_of(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """ASGI headers as text, names in lower case."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in raw}


def is_machine(headers: Mapping[str, str]) -> bool:
    """Whether these request headers (lower-case names) are a program's own."""
    if any(re.search("prefetch|preview|prerender", headers.get(name, ""), re.I) for name in _AHEAD):
        return True
    agent = headers.get("user-agent", "").strip()
    if not agent or agent == "Mozilla/5.0":
        return True
    return not _PROXIES.search(agent) and bool(_PROGRAMS.search(agent))
