"""Which marketing channel brought a visit, from UTM parameters, click ids and the referrer.

The groups follow those that web analytics settled on (GA4's default channel group), with WhatsApp
and messengers, push, SMS and answers of AI assistants as channels of their own.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

import msgspec

VERDICT_CACHE = 8_192
NOTHING: Mapping[str, Any] = {}
Three = tuple[str | None, str | None, str | None]


class Channel(StrEnum):
    """How a visit came about."""

    DIRECT = "direct"
    PAID_SEARCH = "paid_search"
    ORGANIC_SEARCH = "organic_search"
    PAID_SHOPPING = "paid_shopping"
    ORGANIC_SHOPPING = "organic_shopping"
    PAID_SOCIAL = "paid_social"
    ORGANIC_SOCIAL = "organic_social"
    PAID_VIDEO = "paid_video"
    ORGANIC_VIDEO = "organic_video"
    PAID_OTHER = "paid_other"
    DISPLAY = "display"
    CROSS_NETWORK = "cross_network"
    EMAIL = "email"
    SMS = "sms"
    PUSH = "push"
    MESSENGER = "messenger"
    AFFILIATE = "affiliate"
    INFLUENCER = "influencer"
    AUDIO = "audio"
    AI_ASSISTANT = "ai_assistant"
    OFFLINE = "offline"
    REFERRAL = "referral"
    CAMPAIGN = "campaign"  # tagged, but with words that say nothing about the kind


class Kind(StrEnum):
    """What kind of site a referrer or a utm_source is."""

    SEARCH = "search"
    SHOPPING = "shopping"
    SOCIAL = "social"
    VIDEO = "video"
    MESSENGER = "messenger"
    MAIL = "mail"
    AI = "ai"
    AUDIO = "audio"
    GATEWAY = "gateway"  # payment pages she comes back from: no new visit


_KINDS: dict[Kind, str] = {
    Kind.SEARCH: "google bing yahoo duckduckgo baidu yandex ecosia qwant startpage brave naver daum"
    " seznam sogou ask aol so.com swisscows mojeek kagi search.brave",
    Kind.SHOPPING: "shopping.google amazon ebay etsy walmart alibaba aliexpress idealo pricerunner"
    " kelkoo bizrate shopzilla shopping.yahoo compari heureka ceneo price.ro compari.ro emag"
    " mercadolibre rakuten temu",
    Kind.SOCIAL: "facebook fb instagram ig twitter x.com t.co linkedin lnkd pinterest pin.it reddit"
    " tumblr snapchat threads bsky mastodon vk weibo quora nextdoor discord meta",
    Kind.VIDEO: "youtube youtu.be vimeo tiktok twitch dailymotion rumble bilibili",
    Kind.MESSENGER: "whatsapp wa.me telegram t.me messenger m.me viber signal line.me wechat slack"
    " teams",
    Kind.MAIL: "mail.google mail.yahoo outlook.live outlook.office mail.aol mail.ru mail.proton"
    " gmail klaviyo mailchimp sendgrid brevo mailgun patron",
    Kind.AI: "chatgpt chat.openai openai perplexity gemini.google copilot.microsoft claude.ai"
    " claude deepseek mistral you.com grok poe.com phind meta.ai",
    Kind.AUDIO: "spotify soundcloud podcasts.apple deezer overcast",
    Kind.GATEWAY: "paypal checkout.stripe hooks.stripe klarna adyen mollie payu netopia shop.app"
    " pay.google appleid.apple accounts.google 3dsecure cardinalcommerce sagepay worldpay",
}
_SITES = {site: kind for kind, sites in _KINDS.items() for site in sites.split()}

# A click id proves the click was paid (or mailed), whatever the UTM parameters forgot to say.
_CLICK_IDS = {
    "gclid": Channel.PAID_SEARCH,
    "gbraid": Channel.PAID_SEARCH,
    "wbraid": Channel.PAID_SEARCH,
    "msclkid": Channel.PAID_SEARCH,
    "yclid": Channel.PAID_SEARCH,
    "dclid": Channel.DISPLAY,
    "gad_source": Channel.PAID_SEARCH,
    "srsltid": Channel.ORGANIC_SHOPPING,
    "ttclid": Channel.PAID_SOCIAL,
    "twclid": Channel.PAID_SOCIAL,
    "li_fat_id": Channel.PAID_SOCIAL,
    "epik": Channel.PAID_SOCIAL,
    "rdt_cid": Channel.PAID_SOCIAL,
    "ScCid": Channel.PAID_SOCIAL,
    "mc_eid": Channel.EMAIL,
    "_kx": Channel.EMAIL,
    "irclickid": Channel.AFFILIATE,
    "awc": Channel.AFFILIATE,
    "ranSiteID": Channel.AFFILIATE,
    "tduid": Channel.AFFILIATE,
}
# Facebook adds fbclid to every outgoing link, paid or not: it tells the site only.
_SOCIAL_CLICK_IDS = ("fbclid", "igshid")

# Most addresses tell nothing; asking that first is ten times cheaper than parsing them.
_TELLING = re.compile("utm_|" + "|".join((*_CLICK_IDS, *_SOCIAL_CLICK_IDS)))

_MEDIA: dict[Channel, str] = {
    Channel.EMAIL: "email e-mail e_mail mail newsletter",
    Channel.SMS: "sms text mms",
    Channel.PUSH: "push webpush web-push web_push mobile-push notification push_notification",
    Channel.MESSENGER: "whatsapp messenger chat viber telegram",
    Channel.AFFILIATE: "affiliate affiliates partner",
    Channel.INFLUENCER: "influencer creator ambassador",
    Channel.DISPLAY: "display banner cpm expandable interstitial programmatic",
    Channel.AUDIO: "audio podcast radio",
    Channel.OFFLINE: "qr print flyer offline catalog store tv",
    Channel.CROSS_NETWORK: "cross-network cross_network pmax",
    Channel.ORGANIC_SOCIAL: "social social-network social-media sm social_media organic-social"
    " organic_social",
    Channel.PAID_SOCIAL: "paid-social paid_social paidsocial cpc-social",
    Channel.ORGANIC_VIDEO: "video",
    Channel.PAID_VIDEO: "paid-video paid_video cpv",
    Channel.ORGANIC_SEARCH: "organic seo",
    Channel.ORGANIC_SHOPPING: "shopping product_sync",
    Channel.REFERRAL: "referral link app",
}
_BY_MEDIUM = {medium: channel for channel, media in _MEDIA.items() for medium in media.split()}
_PAID_MEDIA = frozenset(
    [
        "cpc",
        "ppc",
        "cpa",
        "cpp",
        "paid",
        "paidsearch",
        "paid-search",
        "paid_search",
        "sem",
        "retargeting",
        "ads",
    ]
)

_PAID = {
    Kind.SEARCH: Channel.PAID_SEARCH,
    Kind.SHOPPING: Channel.PAID_SHOPPING,
    Kind.SOCIAL: Channel.PAID_SOCIAL,
    Kind.VIDEO: Channel.PAID_VIDEO,
    Kind.AUDIO: Channel.AUDIO,
    Kind.AI: Channel.AI_ASSISTANT,
}
_ORGANIC = {
    Kind.SEARCH: Channel.ORGANIC_SEARCH,
    Kind.SHOPPING: Channel.ORGANIC_SHOPPING,
    Kind.SOCIAL: Channel.ORGANIC_SOCIAL,
    Kind.VIDEO: Channel.ORGANIC_VIDEO,
    Kind.AUDIO: Channel.AUDIO,
    Kind.AI: Channel.AI_ASSISTANT,
    Kind.MESSENGER: Channel.MESSENGER,
    Kind.MAIL: Channel.EMAIL,
}


class Arrival(msgspec.Struct, frozen=True):
    """How an event's page was reached: its channel, None when that gives nothing away, and what
    tells its campaign from others ("" without one)."""

    channel: Channel | None = None
    campaign: str = ""


NOWHERE = Arrival()


def arrival(context: Mapping[str, Any], own_hosts: frozenset[str]) -> Arrival:
    """What an event's context says of how she came.

    There is no channel without a page, nor on a page reached from the shop itself or on the way
    back from a payment page. `own_hosts` are the shop's hosts without "www.".
    """
    page, campaign = context.get("page"), context.get("campaign")
    if page.__class__ is not dict:
        if campaign.__class__ is not dict:
            return NOWHERE
        page = NOTHING
    if campaign.__class__ is not dict:
        url = page.get("url")
        if url.__class__ is str and "search" not in page and "referrer" not in page:
            return _arrival_at(url, own_hosts)
        campaign = NOTHING
    words = (campaign.get("source"), campaign.get("medium"), campaign.get("name"))
    where = (page.get("url"), page.get("search"), page.get("referrer"))
    for value in (*words, *where):
        if value is not None and value.__class__ is not str:
            words, where = _texts(words), _texts(where)
            break
    return _arrival(words, where, own_hosts)


# Pages repeat: nearly every event finds its answer in one of these two.
@lru_cache(VERDICT_CACHE)
def _arrival_at(url: str, own_hosts: frozenset[str]) -> Arrival:
    return _arrival((None, None, None), (url, None, None), own_hosts)


@lru_cache(VERDICT_CACHE)
def _arrival(words: Three, where: Three, own_hosts: frozenset[str]) -> Arrival:
    url, search, referrer_url = where
    query = _query(url, search)
    source, medium, name = (
        _word(word) or _word(query.get(key))
        for word, key in zip(words, ("utm_source", "utm_medium", "utm_campaign"), strict=True)
    )
    click = next((key for key in (*_CLICK_IDS, *_SOCIAL_CLICK_IDS) if key in query), None)
    key = f"{source}|{medium}|{name}" if source or medium or name else ""
    if not key and not click:
        if not any(where):
            return NOWHERE
        referrer = host(referrer_url)
        if referrer and _is_own(referrer, host(url), own_hosts):
            return NOWHERE
        return Arrival(verdict("", "", "", None, referrer))
    return Arrival(verdict(source, medium, name, click, host(referrer_url)), key)


@lru_cache(VERDICT_CACHE)
def verdict(
    source: str, medium: str, name: str, click: str | None, referrer: str
) -> Channel | None:
    """The channel of a click: UTM words first (they are deliberate), then click id, then referrer.

    All words in lower case; "" where there is none. None for a return from a payment page.
    """
    kind = site_kind(source) or site_kind(referrer)
    if "shopping" in name.split("_") or "shopping" in name.split("-"):
        return Channel.PAID_SHOPPING if medium in _PAID_MEDIA else Channel.ORGANIC_SHOPPING
    if medium in _PAID_MEDIA:
        return _PAID.get(kind, Channel.PAID_OTHER) if kind else Channel.PAID_OTHER
    if medium in _BY_MEDIUM:
        return _BY_MEDIUM[medium]
    if source in _BY_MEDIUM:
        return _BY_MEDIUM[source]
    if click in _CLICK_IDS:
        return _CLICK_IDS[click]
    if click in _SOCIAL_CLICK_IDS:
        return Channel.ORGANIC_SOCIAL
    if kind is Kind.GATEWAY:
        return None
    if kind is not None:
        return _ORGANIC[kind]
    if source or medium or name:
        return Channel.CAMPAIGN
    return Channel.REFERRAL if referrer else Channel.DIRECT


@lru_cache(VERDICT_CACHE)
def site_kind(site: str) -> Kind | None:
    """The kind of a site by its host ("m.facebook.com", "com.pinterest") or name ("facebook")."""
    if not site:
        return None
    parts = site.split(".")
    # Longest names first, so that mail.google.com is mail and www.google.com is search.
    for length in range(min(len(parts), 3), 0, -1):
        for start in range(len(parts) - length + 1):
            if found := _SITES.get(".".join(parts[start : start + length])):
                return found
    return None


def host(url: Any) -> str:
    """The host of an absolute URL in lower case without "www." and port; "" when there is none."""
    if not isinstance(url, str):
        return ""
    start = url.find("//", 0, 16)
    if start < 0:
        return ""
    start += 2
    end = len(url)
    for mark in "/?#":
        if 0 <= (found := url.find(mark, start)) < end:
            end = found
    name = url[start:end].rpartition("@")[2].partition(":")[0].lower()
    return name.removeprefix("www.")


def _is_own(referrer: str, page_host: str, own_hosts: frozenset[str]) -> bool:
    if referrer == page_host or referrer in own_hosts:
        return True
    return any(referrer.endswith(f".{own}") for own in own_hosts)


def _query(url: str | None, search: str | None) -> dict[str, str]:
    """The parameters of the page's address, when they can tell anything."""
    if not search:
        search = (url or "").partition("?")[2].partition("#")[0]
    if not _TELLING.search(search):
        return {}
    return dict(parse_qsl(search.removeprefix("?")[:4096], errors="replace"))


def _texts(values: tuple[Any, Any, Any]) -> Three:
    first, second, third = (value if isinstance(value, str) else None for value in values)
    return first, second, third


def _word(value: str | None) -> str:
    return value.strip().lower()[:200] if value else ""
