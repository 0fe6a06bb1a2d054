"""What called: the device, its browser and system, and whether a person was behind it at all."""

from functools import lru_cache
from typing import Any

import msgspec
import ua_parser
from crawlerdetect import CrawlerDetect

AGENT_CACHE = 16_384
LONGEST_AGENT = 512

# Fetchers that draw a preview of a link somebody shared; nobody has looked at the page yet.
_PREVIEWS = (
    "facebookexternalhit",
    "whatsapp/",
    "twitterbot",
    "slackbot",
    "slack-imgproxy",
    "telegrambot",
    "discordbot",
    "linkedinbot",
    "pinterestbot",
    "skypeuripreview",
    "snapchat-preview",
    "bluesky cardyb",
    "embedly",
    "iframely",
    "bitlybot",
    "google-pagerenderer",
)
# Draws previews too; where people read a page inside the app, its name stands at the end.
_AT_FIRST = "viber"
_TV = ("smart-tv", "smarttv", "appletv", "apple tv", "googletv", "hbbtv", "roku", "; aft", "bravia")
_CONSOLES = ("playstation", "xbox", "nintendo")


class Agent(msgspec.Struct, frozen=True):
    """A User-Agent, read. `kind`: desktop, mobile, tablet, tv, console or watch; None if it does
    not say. `robot` tells what the robot is; None for people."""

    kind: str | None = None
    browser: dict[str, str] = {}
    os: dict[str, str] = {}
    robot: str | None = None


UNKNOWN = Agent()


def agent(user_agent: Any) -> Agent:
    """The agent behind a User-Agent header; UNKNOWN for what is no text."""
    if not isinstance(user_agent, str) or not user_agent:
        return UNKNOWN
    return _read(user_agent[:LONGEST_AGENT])


def speaks_for_a_browser(user_agent: Any) -> bool:
    """Whether a connection's own User-Agent is a browser's (all say Mozilla), so that it may be
    judged. A server's HTTP library is the shop's messenger, not a robot."""
    return isinstance(user_agent, str) and user_agent.startswith("Mozilla/")


@lru_cache(AGENT_CACHE)
def _read(user_agent: str) -> Agent:
    # Reading costs about 0.3 ms, nearly all of it the list of robots; hence the cache.
    if robot := _robot(user_agent):
        return Agent(robot=robot)
    result = ua_parser.parse(user_agent)
    browser = _named(result.user_agent)
    system = _named(result.os)
    family = result.device.family if result.device else ""
    return Agent(_kind(user_agent.lower(), system.get("name", ""), family), browser, system)


def _robot(user_agent: str) -> str | None:
    lowered = user_agent.lower()
    preview = next((name for name in _PREVIEWS if name in lowered), None)
    if lowered.startswith(_AT_FIRST):
        preview = _AT_FIRST
    if preview:
        return f"link preview ({preview.rstrip('/')})"
    crawlers = CrawlerDetect()  # it keeps its last match, and steps may run in two threads
    if crawlers.is_crawler(user_agent):
        return f"robot ({crawlers.get_matches()})"
    return None


def _named(part: Any) -> dict[str, str]:
    if part is None or part.family == "Other":
        return {}
    version = ".".join(piece for piece in (part.major, part.minor) if piece)
    return {"name": part.family, "version": version} if version else {"name": part.family}


def _kind(lowered: str, system: str, family: str) -> str | None:
    if any(word in lowered for word in _TV):
        return "tv"
    if any(word in lowered for word in _CONSOLES):
        return "console"
    if "watch" in lowered:
        return "watch"
    if family == "iPad" or "tablet" in lowered or "kindle" in lowered:
        return "tablet"
    if system == "Android":
        return "mobile" if "mobile" in lowered else "tablet"
    if system == "iOS" or "mobile" in lowered:
        return "mobile"
    return "desktop" if system else None
