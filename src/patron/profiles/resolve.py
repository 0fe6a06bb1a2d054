"""Who it was: a pure fold over events, one by one in the order in which they arrived.

The state is loaded for a whole batch and decided on event by event, so batching cannot change the
people. The identifiers of an event are taken in order of priority (user_id, email, the rest
alphabetically); one that would exceed a limit, join two known people or follow from an unverified
claim is left out, and the refusal is kept. This is Segment's "drop the lowest and match again"
without losing the identifiers that were not at fault.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from patron.events.reading.values import moment
from patron.events.types import IDENTIFY, PATRON, Event, Source, Trust
from patron.profiles.batch.presence import shows_her
from patron.profiles.batch.state import DAY, Grave, Origin, Root, State, Tie
from patron.profiles.claims import (
    ANONYMOUS,
    EMAIL,
    PHONE,
    USER,
    Claims,
    Rules,
    aliased,
    email_claim,
    is_strong,
    phone_claim,
)
from patron.profiles.consent import CHANNEL_KIND, WORDS, asked, words
from patron.profiles.sales import offered
from patron.profiles.sales import word as sale_word
from patron.profiles.topics.finding import TEXTS
from patron.profiles.types import Claim, Refusal

LIMITED_WITHIN = {ANONYMOUS: 7 * DAY}
"""The limit counts identifiers of these kinds within this time around the event; others, ever."""

MAX_NAMES_OF_ONE = 300
"""Identifiers of all kinds that one person may have: she is loaded whole at each of her events."""

Seen = dict[tuple[int, int], tuple[Origin, list[Tie]]]
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def lived_at(event: Event) -> datetime:
    """The latest moment at which `event` shows that its person was there, against a tombstone.

    History without a time of its own, such as a row of an old customer list, counts as said now; of
    the person it shows no more than that her account was made, or changed, at some time.
    """
    if event.ts < event.received_at or not (event.backfill or event.source is Source.IMPORT):
        return event.ts
    shown = (moment(event.traits.get(name)) for name in ("createdAt", "updatedAt"))
    return max((at for at in shown if at is not None), default=_LONG_AGO)


class Resolver:
    """Decides for one batch. `new_id` gives ids that sort in the order in which they were made."""

    def __init__(self, state: State, rules: Rules, now: datetime, new_id: Callable[[], UUID]):
        self.state = state
        self.rules = rules
        self.now = now
        self.erased: list[Event] = []
        self._new_id = new_id
        self._seen: Seen = {}

    def fold(self, events: list[Event], claims: list[Claims]) -> None:
        """Set `origin_id` of each event; `claims` are what a `Reader` read in them."""
        seen, see = self._seen, self.state.see
        for event, theirs in zip(events, claims, strict=True):
            ts, trust = event.ts, event.trust
            # Nearly every event says what one before it said: same tuple, same person.
            match = seen.get((id(theirs), trust))
            if match is None or event.source is PATRON or event.previous_id is not None:
                origin = self._origin(event, theirs)
                if origin is None:
                    self.erased.append(event)
                    continue
            else:
                origin = match[0]
                for tie in match[1]:
                    if ts > tie.until or ts < tie.first_seen or trust > tie.trust:
                        see(tie, ts, trust)
            event.origin_id = origin.id
            origin.count(event.name, ts, event.source is not PATRON or shows_her(event))
            if event.traits and event.type is IDENTIFY:
                origin.write_traits(event.traits, ts, trust)
            if event.name in TEXTS and (topics := self.rules.topics.traits(event)):
                origin.write_traits(topics, ts, trust)
            if event.name in WORDS:
                self._listen(event)
            elif event.name == self.rules.order and offered(event, self.rules.order):
                self._sell(event)

    def _origin(self, event: Event, theirs: Claims) -> Origin | None:
        """The origin of an event, or None when it belongs to somebody who was erased."""
        if event.source is Source.PATRON and (told := told_origin(event)) is not None:
            return self.state.origins.get(told)
        alias = aliased(event, self.rules)
        claims = theirs
        if alias:
            claims = alias + tuple(claim for claim in theirs if claim not in alias)
        elif not self.state.graves and (ties := self.state.ties_of(theirs)) is not None:
            origin = self.state.origins[ties[0].origin_id]
            self._seen[id(theirs), event.trust] = (origin, ties)
            for tie in ties:
                self.state.see(tie, event.ts, event.trust)
            return origin
        buried = self._buried(claims)
        if buried and any(lived_at(event) <= grave.erased_at for grave in buried):
            return None
        one = _Match(event)
        for number, claim in enumerate(claims):
            asked_for = number < len(alias) and event.trust >= Trust.SERVER
            self._take(one, claim, forced=asked_for)
        if one.origin is None:
            origin = self.state.add_origin(self._new_id(), event.ts)
        else:
            origin = self.state.origins[one.origin]
        if one.ties and not (one.fresh or one.refused or alias or buried):
            self._seen[id(theirs), event.trust] = (origin, one.ties)
        for tie in one.ties:
            self.state.see(tie, event.ts, event.trust)
        for claim in one.fresh:
            self._attach(claim, origin.id, event)
        return origin

    def _buried(self, claims: Claims) -> list[Grave]:
        graves = self.state.graves
        if not graves:
            return []
        return [graves[c.kind, c.value] for c in claims if (c.kind, c.value) in graves]

    def _take(self, one: "_Match", claim: Claim, *, forced: bool) -> None:
        """Let `claim` count for the event, or refuse it."""
        tie = self.state.ties.get((claim.kind, claim.value))
        if tie is None:
            if any((each.kind, each.value) == (claim.kind, claim.value) for each in one.fresh):
                return  # the same address, spelled in another way
            if forced or self._admits(one, None, claim, None):
                one.fresh.append(claim)
            return
        root = self.state.root_of(tie.origin_id)
        if root is not one.base:
            if not forced and not self._admits(one, root, claim, tie):
                return
            root = self.state.root_of(tie.origin_id)  # it may have been moved there
            if one.base is not None and root is not one.base:
                root = self._merge(one.base, root, one.event, forced=forced)
            one.base = root
        if is_strong(tie.kind, tie.trust):
            one.anchor = max(one.anchor, tie.trust)
        one.ties.append(tie)
        if one.origin is None:
            one.origin = tie.origin_id

    def _admits(self, one: "_Match", other: Root | None, claim: Claim, tie: Tie | None) -> bool:
        """Whether `claim`, held by `other` (through `tie`) or by nobody, may join the event."""
        if one.base is None and not one.fresh:
            return True
        strong = tie is not None and is_strong(tie.kind, tie.trust)
        reason = self._refuses(one, other, claim, strong)
        root = one.base if other is None else other
        if reason is Refusal.LIMIT and tie is not None and self._displaces(one, other, tie):
            reason = self._refuses(one, other, claim, strong)
        elif tie is not None and other is not None and self._takes_back(one, other, tie, reason):
            reason = None
        if reason is None:
            return True
        one.refused = True
        if root is not None:
            self.state.refuse(root.id, claim, reason, one.event.ts)
        return False

    def _refuses(
        self, one: "_Match", other: Root | None, claim: Claim, strong: bool = False
    ) -> Refusal | None:
        """Why `claim`, which is of `other` or of nobody yet, may not join the event's person."""
        base, event = one.base, one.event
        fresh = one.fresh if other is not None else [*one.fresh, claim]
        known = base if base is not None and base.known else None
        if base is not None and other is not None:
            if known is not None and other.known:
                return Refusal.TWO_KNOWN
            if self.state.are_parted(base, other):
                return Refusal.PARTED
        if known is None and other is not None and other.known:
            known = other
        if known is not None:
            anchored = one.anchor >= 0 or (strong and other is known)
            for each in fresh:
                if not is_strong(each.kind, Trust.VERIFIED) or not known.held.get(each.kind):
                    continue
                if event.trust == Trust.PUBLIC:
                    return self._limited(base, other, fresh, event) or Refusal.UNVERIFIED
                if not anchored:
                    return Refusal.SHARED_DEVICE
        return self._limited(base, other, fresh, event)

    def _limited(
        self, base: Root | None, other: Root | None, fresh: list[Claim], event: Event
    ) -> Refusal | None:
        adding = [claim.kind for claim in fresh]
        size = (0 if base is None else base.size) + (0 if other is None else other.size)
        if size + len(adding) > MAX_NAMES_OF_ONE:
            return Refusal.LIMIT
        smaller: dict[str, list[Tie]] = {}
        if base is not None and other is not None:
            smaller = min(base.held, other.held, key=len)
        for kind in {*adding, *smaller}:
            within = LIMITED_WITHIN.get(kind)
            count = adding.count(kind)
            sides = min(count, 1) + (count > self.rules.limit(kind))
            for root in (base, other):
                if root is not None and (held := root.held.get(kind)):
                    sides += 1
                    count += (
                        len(held)
                        if within is None
                        else sum(abs(tie.first_seen - event.ts) < within for tie in held)
                    )
            if sides > 1 and count > self.rules.limit(kind):
                return Refusal.LIMIT
        return None

    def _displaces(self, one: "_Match", root: Root | None, tie: Tie) -> bool:
        """Make way for a trusted user id where only a page had claimed another one.

        Otherwise anybody could type a customer's address beside an invented user id and keep the
        shop's own word about her out for good. The displaced id gets an origin of its own.
        """
        if root is None or one.base is not None or not any(c.kind == USER for c in one.fresh):
            return False
        if not is_strong(tie.kind, tie.trust) or min(tie.trust, one.event.trust) < Trust.VERIFIED:
            return False
        users = root.held.get(USER, [])
        if len(users) != 1 or users[0].trust > Trust.PUBLIC:
            return False
        displaced = Claim(USER, users[0].value)
        self.state.refuse(root.id, displaced, Refusal.DISPLACED, one.event.ts)
        self.state.move_out(users[0], self._new_id(), one.event.ts)
        self._seen.clear()
        return True

    def _takes_back(self, one: "_Match", holder: Root, tie: Tie, reason: Refusal | None) -> bool:
        """Give an address that only a page had claimed to the customer the shop's server names.

        Otherwise whoever types it first beside an invented user id keeps it from her for good. The
        page's visitor keeps all else: what was done under that name is not hers.
        """
        if reason not in (Refusal.LIMIT, Refusal.TWO_KNOWN) or tie.kind not in (EMAIL, PHONE):
            return False
        if one.event.trust < Trust.SERVER or tie.trust > Trust.PUBLIC:
            return False
        names = one.ties if one.base is not None else one.fresh
        named = any(each.kind == USER for each in names)
        claim = Claim(tie.kind, tie.value)
        if not named or self._limited(one.base, None, [*one.fresh, claim], one.event):
            return False
        self.state.refuse(holder.id, claim, Refusal.DISPLACED, one.event.ts)
        self.state.move_out(tie, self._new_id(), one.event.ts, one.origin)
        self._seen.clear()
        return True

    def _merge(self, one: Root, other: Root, event: Event, *, forced: bool) -> Root:
        """Join two people. The known one keeps her id, else the older; by alias, the one named."""
        if one.known == other.known and not forced:
            winner, loser = (one, other) if one.id < other.id else (other, one)
        else:
            winner, loser = (one, other) if one.known or not other.known else (other, one)
        reason = "alias" if forced else "stitch"
        self.state.merge(winner, loser, self._new_id(), reason, event, self.now)
        return winner

    def _attach(self, claim: Claim, origin_id: UUID, event: Event) -> None:
        tie = self.state.attach(claim, origin_id, event.ts, event.trust)
        grave: Grave | None = self.state.graves.get((tie.kind, tie.value))
        if grave is not None:
            self.state.suppressed += [
                (channel, tie.value, reason, at) for channel, reason, at in grave.suppressed
            ]

    def _listen(self, event: Event) -> None:
        """Keep what a consent event says."""
        said = asked(event)
        if said is None:
            return
        kind = CHANNEL_KIND[said.channel]
        root = self.state.root_of(event.origin_id)
        held = [tie.value for tie in root.held.get(kind, ())]
        given = event.properties.get(kind) or event.traits.get(kind)
        named = None
        if given is not None:
            claim = (
                email_claim(given, self.rules.blocklist)
                if kind == EMAIL
                else phone_claim(given, self.rules)
            )
            if claim is None:
                return
            named = claim.value
        self.state.words += words(event, said, named, held, self.rules.asks)

    def _sell(self, event: Event) -> None:
        """Keep what a sale says about the address that was given in it."""
        given = event.properties.get(EMAIL) or event.traits.get(EMAIL)
        claim = email_claim(given, self.rules.blocklist)
        held = [tie.value for tie in self.state.root_of(event.origin_id).held.get(EMAIL, ())]
        key = claim.value if claim is not None else held[0] if len(held) == 1 else None
        if key in held and key is not None:
            self.state.words.append(sale_word(event, key))
            self.state.sales.append(event)


class _Match:
    """What an event has matched so far."""

    __slots__ = ("anchor", "base", "event", "fresh", "origin", "refused", "ties")

    def __init__(self, event: Event) -> None:
        self.event = event
        self.base: Root | None = None
        self.origin: UUID | None = None
        self.ties: list[Tie] = []
        self.fresh: list[Claim] = []
        self.anchor = -1  # the trust of the best identifier of a person that matched
        self.refused = False


def told_origin(event: Event) -> UUID | None:
    """The origin that Patron's own event names in `context.patron.origin_id`."""
    told = event.context.get("patron")
    if not isinstance(told, dict):
        return None
    try:
        return UUID(str(told.get("origin_id")))
    except ValueError:
        return None
