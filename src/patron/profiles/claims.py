"""What an event claims about who it was: identifiers in their order of priority.

After Segment Unify: user_id, then email, then the rest in alphabetical order.
"""

from typing import Any

import msgspec

from patron.events.types import GROUP, Event, EventType, Trust
from patron.profiles.address import Blocklist, is_placeholder, normalise_email, normalise_phone
from patron.profiles.topics.finding import Finder, finder_of
from patron.profiles.types import Claim
from patron.shops.types import METRICS, ShopSettings

USER, EMAIL, PHONE, ANONYMOUS = "user_id", "email", "phone", "anonymous_id"

DEVICE_KINDS = frozenset(
    {
        ANONYMOUS, "ga_client_id", "fbp", "cross_domain_id", "device_id",
        "android.id", "android.idfa", "android.push_token", "ios.id", "ios.idfa", "ios.push_token",
    }
)  # fmt: skip
"""Identifiers of a thing that several people may use: never proof of a person."""

ADDRESS_EVENTS = frozenset(
    {"Email Subscribed", "Checkout Started", "Order Completed", "Signed Up", "Account Created"}
)
"""Events whose `properties.email` is the acting person's own address. A shared wish list or an
unsubscription names an address too, but proves nothing about who holds it."""

DEFAULT_LIMITS = {USER: 1}
DEFAULT_LIMIT = 5
_MAX_EXTERNAL = 20


class Rules(msgspec.Struct, frozen=True):
    """What a shop decided about identity."""

    region: str
    blocklist: Blocklist
    limits: dict[str, int]
    order: str = METRICS["revenue"]
    asks: frozenset[str] = frozenset()  # channels over which a yes waits for its confirmation
    topics: Finder = Finder({})

    def limit(self, kind: str) -> int:
        """How many identifiers of `kind` one person may have (of anonymous_id: within a week)."""
        return self.limits.get(kind, DEFAULT_LIMIT)


def rules_of(settings: ShopSettings) -> Rules:
    return Rules(
        settings.phone_region,
        Blocklist(settings.blocked_identifiers),
        {**DEFAULT_LIMITS, **settings.identity_limits},
        settings.metrics.get("revenue", METRICS["revenue"]),
        frozenset(settings.double_opt_in),
        finder_of(settings.topics, settings.locale),
    )


def is_strong(kind: str, trust: int) -> bool:
    """Whether an identifier stands for a person and not for a thing.

    External ids count once somebody trusted said so; from a page they could be anything.
    """
    if kind in DEVICE_KINDS:
        return False
    return kind in (USER, EMAIL, PHONE) or trust >= Trust.VERIFIED


def email_claim(given: Any, blocklist: Blocklist) -> Claim | None:
    """A claim to the address `given`, or None when it is no address or stands for nobody."""
    if not isinstance(given, str):
        return None
    found = normalise_email(given)
    if found is None or is_placeholder(found[1]) or blocklist.clean(EMAIL, found[1]) is None:
        return None
    return Claim(EMAIL, found[1], found[0])


def phone_claim(given: Any, rules: Rules) -> Claim | None:
    if not isinstance(given, str | int) or isinstance(given, bool):
        return None
    found = normalise_phone(str(given), rules.region)
    if found is None or rules.blocklist.clean(PHONE, found) is None:
        return None
    return Claim(PHONE, found)


Claims = tuple[Claim, ...]


class Reader:
    """Reads the claims of a batch's events; events that say the same get the very same tuple."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._plain: dict[tuple[str | None, str | None], Claims] = {}

    def claimed(self, event: Event) -> Claims:
        """The identifiers of `event`, the most telling one first, each once."""
        context = event.context
        if (
            event.traits
            or event.name in ADDRESS_EVENTS
            or "externalIds" in context
            or "device" in context
            or event.type is GROUP
        ):
            return _claimed(event, self._rules)
        key = (event.user_id, event.anonymous_id)
        claims = self._plain.get(key)
        if claims is None:
            claims = self._plain[key] = _claimed(event, self._rules)
        return claims


def _claimed(event: Event, rules: Rules) -> Claims:
    claims: list[Claim] = []
    if event.user_id is not None and (user := rules.blocklist.clean(USER, event.user_id)):
        claims.append(Claim(USER, user))
    traits = _person_traits(event)
    email = traits.get("email")
    if event.name in ADDRESS_EVENTS and isinstance(event.properties.get("email"), str):
        email = event.properties["email"] or email
    if email and (claim := email_claim(email, rules.blocklist)):
        claims.append(claim)
    rest = _rest(event, traits, rules)
    if len(rest) > 1:
        every = {*claims, *rest}
        return tuple(sorted(every, key=lambda c: (_priority(c.kind), c.kind, c.value)))
    return (*claims, *rest)


def aliased(event: Event, rules: Rules) -> Claims:
    """What an alias call says was the same person: the new id first, then the previous one.

    The previous id may have been an anonymous id or, when a server says so, a user id.
    """
    if event.type is not EventType.ALIAS or event.previous_id is None:
        return ()
    if event.user_id is None or not (user := rules.blocklist.clean(USER, event.user_id)):
        return ()
    claims = [Claim(USER, user)]
    if event.trust >= Trust.SERVER and (previous := rules.blocklist.clean(USER, event.previous_id)):
        claims.append(Claim(USER, previous))
    if previous := rules.blocklist.clean(ANONYMOUS, event.previous_id):
        claims.append(Claim(ANONYMOUS, previous))
    return tuple(claims)


def _person_traits(event: Event) -> dict[str, Any]:
    """Traits of the acting person: those of a group call describe the group."""
    if event.type is EventType.GROUP:
        found = event.context.get("traits")
        return found if isinstance(found, dict) else {}
    return event.traits


def _priority(kind: str) -> int:
    return 0 if kind == USER else 1 if kind == EMAIL else 2


def _rest(event: Event, traits: dict[str, Any], rules: Rules) -> list[Claim]:
    claims: list[Claim] = []
    clean = rules.blocklist.clean
    if event.anonymous_id is not None and (value := clean(ANONYMOUS, event.anonymous_id)):
        claims.append(Claim(ANONYMOUS, value))
    if (phone := traits.get("phone")) and (claim := phone_claim(phone, rules)):
        claims.append(claim)
    context = event.context
    if (external := context.get("externalIds")) and isinstance(external, list):
        claims += _external(external, rules)
    if (device := context.get("device")) and isinstance(device, dict):
        claims += _device(device, rules)
    return claims


def _external(entries: list[Any], rules: Rules) -> list[Claim]:
    """`context.externalIds` as Segment defines it; hashed ones cannot be compared and are left."""
    claims: list[Claim] = []
    for entry in entries[:_MAX_EXTERNAL]:
        if not isinstance(entry, dict):
            continue
        kind, value = entry.get("type"), entry.get("id")
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(kind, str) or not isinstance(value, str) or not 0 < len(kind) <= 64:
            continue
        if entry.get("collection", "users") != "users" or entry.get("encoding", "none") != "none":
            continue
        kind = kind.strip().lower()
        claim: Claim | None
        if kind == EMAIL:
            claim = email_claim(value, rules.blocklist)
        elif kind == PHONE:
            claim = phone_claim(value, rules)
        else:
            cleaned = rules.blocklist.clean(kind, value)
            claim = Claim(kind, cleaned) if cleaned else None
        if claim is not None:
            claims.append(claim)
    return claims


def _device(device: dict[str, Any], rules: Rules) -> list[Claim]:
    system = device.get("type")
    system = system.lower() if isinstance(system, str) else ""
    if system not in ("ios", "android"):
        return []
    claims: list[Claim] = []
    given = [(f"{system}.id", device.get("id"))]
    if device.get("adTrackingEnabled") is not False:
        given.append((f"{system}.idfa", device.get("advertisingId")))
    for kind, value in given:
        if isinstance(value, str) and (cleaned := rules.blocklist.clean(kind, value)):
            claims.append(Claim(kind, cleaned))
    return claims
