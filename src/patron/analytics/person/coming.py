"""Her visits: how many, the newest, and those by which something brought her. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from patron.analytics.person.types import Campaign, Session, Sessions
from patron.events.visit.channel import arrival, host

SHOWN = 10
_BY_HERSELF = (None, "direct")
_NOWHERE: frozenset[str] = frozenset()


def visits(every: Sequence[Session]) -> list[Session]:
    """Without calls of the shop's server, which tell neither a page nor how she came, nor on
    what: nobody visited anything then."""
    return [one for one in every if one.pages or one.channel or one.device]


def chosen(every: Sequence[Session]) -> list[Session]:
    """Those that the page tells more of; `every` has the newest first."""
    found = list(every[:SHOWN])
    found += [one for one in (first_touch(every), last_touch(every)) if one is not None]
    return list({one.id: one for one in found}.values())


def first_touch(every: Sequence[Session]) -> Session | None:
    """The visit that brought her: the first one there is."""
    return every[-1] if every else None


def last_touch(every: Sequence[Session]) -> Session | None:
    """The last visit that something brought her to; the last of all when nothing ever did."""
    brought = (one for one in every if one.channel not in _BY_HERSELF)
    return next(brought, every[0] if every else None)


def sessions(every: Sequence[Session], contexts: Mapping[UUID, dict[str, Any]]) -> Sessions:
    """`contexts` are those of the first events of `chosen`."""
    told = {one.id: landed(one, contexts.get(one.id, {})) for one in chosen(every)}
    first, last = first_touch(every), last_touch(every)
    return Sessions(
        number=len(every),
        last=[told[one.id] for one in every[:SHOWN]],
        first_touch=None if first is None else told[first.id],
        last_touch=None if last is None else told[last.id],
    )


def landed(session: Session, context: Mapping[str, Any]) -> Session:
    """With the campaign, the page it began on, without its parameters, and the site before."""
    page = context.get("page")
    page = page if isinstance(page, dict) else {}
    words = arrival(context, _NOWHERE).campaign.split("|")
    campaign = None
    if len(words) == 3:
        source, medium, name = (word or None for word in words)
        campaign = Campaign(source, medium, name)
    return msgspec.structs.replace(
        session,
        campaign=campaign,
        landed_on=_path(page.get("url")) or _path(page.get("path")),
        came_from=host(page.get("referrer")) or None,
    )


def _path(url: Any) -> str | None:
    """The path of an address: what follows the question mark may hold anything."""
    if not isinstance(url, str):
        return None
    try:
        return urlsplit(url).path[:300] or None
    except ValueError:
        return None
