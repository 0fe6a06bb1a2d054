"""Conditions about what she agreed to, and whether a message would reach her."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from patron.profiles.consent import CHANNEL_KIND, MARKETING, obstacle
from patron.profiles.types import Obstacle, SuppressionReason
from patron.segments.rules.reading import Misread, an_object, one_of, yes_or_no
from patron.segments.types import Answer, Facts, Needs, Scope

CHANNELS = tuple(CHANNEL_KIND)
CONSENTS = ("granted", "withdrawn", "pending", "none")
REASONS = tuple(str(reason) for reason in SuppressionReason)
LONGEST_PURPOSE = 60
_CONSENT = {
    "granted": "has agreed to",
    "withdrawn": "has taken back her word about",
    "pending": "has not yet confirmed that she agreed to",
    "none": "has said nothing about",
}


class _Still(msgspec.Struct, frozen=True):
    """What time alone does not change."""

    channel: str
    purpose: str

    @property
    def recurs(self) -> bool:
        return False

    def edges(self, facts: Facts, now: datetime) -> Iterator[datetime]:
        yield from ()

    def needs(self) -> Needs:
        return Needs(reach=frozenset([(self.channel, self.purpose)]))

    def weight(self) -> int:
        return 1


class Consent(_Still, frozen=True):
    state: str

    def holds(self, facts: Facts, now: datetime) -> bool:
        return facts.reach(self.channel, self.purpose).consent == self.state

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        found = facts.reach(self.channel, self.purpose).consent
        return Answer(found == self.state, [f"{_CONSENT[found]} {self.purpose} by {self.channel}"])


class Reachable(_Still, frozen=True):
    """Whether the gate would let a message through as far as she is concerned."""

    wanted: bool

    def holds(self, facts: Facts, now: datetime) -> bool:
        return (self._objection(facts) is None) == self.wanted

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        objection = self._objection(facts)
        said = f"may be written to by {self.channel} ({self.purpose})"
        if objection is not None:
            said = f"may not be written to by {self.channel} ({self.purpose}): {objection}"
        return Answer((objection is None) == self.wanted, [said])

    def _objection(self, facts: Facts) -> str | None:
        reach = facts.reach(self.channel, self.purpose)
        if reach.address is None:
            return "no address is known"
        match obstacle(reach, self.purpose):
            case None:
                return None
            case Obstacle.NOT_CONFIRMED:
                return "she has not yet confirmed that she agreed to it"
            case Obstacle.SUPPRESSED:
                return f"the address is blocked ({_plain(reach.suppressed or '')})"
            case _:
                return f"she {_CONSENT[reach.consent]} it"


class Suppressed(_Still, frozen=True):
    wanted: bool
    reason: str | None = None

    def holds(self, facts: Facts, now: datetime) -> bool:
        found = facts.reach(self.channel, self.purpose).suppressed
        blocked = found is not None and self.reason in (None, found)
        return blocked == self.wanted

    def evaluate(self, facts: Facts, now: datetime) -> Answer:
        found = facts.reach(self.channel, self.purpose).suppressed
        said = f"the address for {self.channel} is not blocked"
        if found is not None:
            said = f"the address for {self.channel} is blocked ({_plain(found)})"
        return Answer(self.holds(facts, now), [said])


def _plain(reason: str) -> str:
    return str(reason).replace("_", " ")


def read_consent(data: Mapping[str, Any], path: str, scope: Scope) -> Consent:
    an_object(data, path, ["consent", "purpose", "is"])
    state = one_of(data.get("is"), f"{path}.is", CONSENTS, "state of consent")
    return Consent(_channel(data, path, "consent"), _purpose(data, path), state)


def read_reachable(data: Mapping[str, Any], path: str, scope: Scope) -> Reachable:
    an_object(data, path, ["reachable", "purpose", "is"])
    wanted = yes_or_no(data.get("is", True), f"{path}.is")
    return Reachable(_channel(data, path, "reachable"), _purpose(data, path), wanted)


def read_suppressed(data: Mapping[str, Any], path: str, scope: Scope) -> Suppressed:
    an_object(data, path, ["suppressed", "reason", "is"])
    wanted = yes_or_no(data.get("is", True), f"{path}.is")
    reason = None
    if "reason" in data:
        reason = one_of(data["reason"], f"{path}.reason", REASONS, "reason of a suppression")
    return Suppressed(_channel(data, path, "suppressed"), MARKETING, wanted, reason)


def _channel(data: Mapping[str, Any], path: str, form: str) -> str:
    return one_of(data[form], f"{path}.{form}", CHANNELS, "channel")


def _purpose(data: Mapping[str, Any], path: str) -> str:
    """Purposes are the shop's own words, in lower case as they are kept."""
    found = data.get("purpose", MARKETING)
    fits = isinstance(found, str) and 0 < len(found) <= LONGEST_PURPOSE and found.strip()
    if not isinstance(found, str) or not fits or found != found.lower():
        allowed = ["marketing", f"another text of 1 to {LONGEST_PURPOSE} lower-case letters"]
        raise Misread(f"{path}.purpose", found, allowed, "is no purpose")
    return found
