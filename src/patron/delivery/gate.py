"""Whether a message may leave, and if not, which rule said so first."""

from datetime import datetime, timedelta

from patron.delivery.types import Decision, Delay, Facts, Go, Reason, Skip
from patron.messages.types import Recipient
from patron.profiles.consent import basis, obstacle
from patron.profiles.types import Obstacle
from patron.shops.types import Basis, Mode

SAME_SOURCE = timedelta(hours=24)
"""Two messages of one journey never reach one address within this time."""

LONGEST_LAG = timedelta(seconds=5)
"""No marketing leaves while the walk is further behind than this."""

LOOK_AGAIN = timedelta(minutes=15)
CATCH_UP = timedelta(seconds=5)

_OBSTACLES = {
    Obstacle.WITHDRAWN: Reason.CONSENT_WITHDRAWN,
    Obstacle.NOT_CONFIRMED: Reason.NOT_CONFIRMED,
    Obstacle.NO_CONSENT: Reason.NO_CONSENT,
    Obstacle.SUPPRESSED: Reason.SUPPRESSED,
    Obstacle.NO_ADDRESS: Reason.NO_ADDRESS,
}


def decide(facts: Facts) -> Decision:
    """The first rule that objects decides; the order is part of the promise.

    Mode, legal ground, suppression, reachable, similar to what she bought, still wanted,
    not said before a restore, not too often, orders heard of, walk caught up. What an order needs
    asks for no consent and meets no caps.
    """
    for rule in (permitted, _similar, _wanted, _unsaid, _seldom, _informed):
        objection = rule(facts)
        if objection is not None:
            return objection
    address, key = facts.reach.address, facts.reach.address_key
    if address is None or key is None:
        return Skip(Reason.NO_ADDRESS)
    rehearsal = facts.mode is Mode.REHEARSAL
    return Go(facts.owner if rehearsal else address, Recipient(address, key), rehearsal)


def permitted(facts: Facts) -> Skip | None:
    """Whether she may be written to at all; looks at mode, owner, purpose and reach alone."""
    if facts.mode is Mode.REHEARSAL and not facts.owner:
        return Skip(Reason.NO_OWNER)
    found = obstacle(facts.reach, facts.purpose)
    if found is None:
        return None
    because = facts.reach.suppressed if found is Obstacle.SUPPRESSED else None
    return Skip(_OBSTACLES[found], because or "")


def _similar(facts: Facts) -> Skip | None:
    """A sale is a ground for letters about similar things only: of the same uppermost category."""
    if basis(facts.reach, facts.purpose) is not Basis.EXISTING_CUSTOMER:
        return None
    bought = facts.reach.customer.categories if facts.reach.customer else []
    return None if facts.categories.intersection(bought) else Skip(Reason.NOT_SIMILAR)


def _wanted(facts: Facts) -> Skip | None:
    if facts.now >= facts.expires_at:
        return Skip(Reason.TOO_LATE)
    if facts.cart == "empty":
        return Skip(Reason.CART_EMPTY)
    if facts.cart not in (None, "open"):
        return Skip(Reason.CART_CLOSED, facts.cart)
    if facts.condition is not None and not facts.condition.value:
        return Skip(Reason.CONDITION, "; ".join(facts.condition.why))
    return None


def quiet_until(restored_at: datetime, hours_between: int) -> datetime:
    """Until when the caps of marketing may be missing a message that left before a restore."""
    return restored_at + max(SAME_SOURCE, timedelta(hours=hours_between))


def _unsaid(facts: Facts) -> Skip | None:
    """What began before a restore may have been answered then already."""
    if facts.restored_at is None or facts.begun is None or facts.begun > facts.restored_at:
        return None
    return Skip(Reason.RESTORED, facts.restored_at.isoformat())


def _seldom(facts: Facts) -> Skip | None:
    if not facts.marketing:
        return None
    if facts.paused_until is not None and facts.now < facts.paused_until:
        return Skip(Reason.PAUSED, facts.paused_until.isoformat())
    same, other = facts.last_of_source, facts.last_marketing
    if same is not None and facts.now - same < SAME_SOURCE:
        return Skip(Reason.SAME_JOURNEY, same.isoformat())
    if other is not None and facts.now - other < timedelta(hours=facts.hours_between):
        return Skip(Reason.TOO_OFTEN, other.isoformat())
    if other is not None and facts.pace is not None and facts.now - other < facts.pace:
        return Skip(Reason.HER_PACE, other.isoformat())
    return None


def _informed(facts: Facts) -> Delay | None:
    if facts.marketing and facts.restored_at is not None and facts.mode is Mode.LIVE:
        until = quiet_until(facts.restored_at, facts.hours_between)
        if facts.now < until:
            return Delay(until, Reason.RESTORED)
    if facts.cart is not None and facts.orders_silent_since is not None:
        return Delay(facts.now + LOOK_AGAIN, Reason.ORDERS_SILENT)
    if facts.marketing and facts.walk_lag > LONGEST_LAG:
        return Delay(facts.now + CATCH_UP, Reason.WALK_BEHIND)
    return None
