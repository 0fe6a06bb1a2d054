"""What was decided, in words for the owner of the shop. Names no address."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from patron.delivery.types import Delay, Facts, Go, Reason, Skip
from patron.profiles.consent import basis
from patron.shops.types import Basis

_SUPPRESSED = {
    "unsubscribe": "she has unsubscribed",
    "complaint": "she has marked an earlier mail as spam",
    "hard_bounce": "an earlier mail to this address bounced",
    "manual": "the address was blocked by hand",
    "erased": "her data was erased",
}
_CLOSED = {
    "order": "she has ordered what was in the cart",
    "merged": "the cart turned out to be the same as an older one",
    "expired": "the cart is too old",
}
_PLAIN = {
    Reason.NO_OWNER: "Not sent: the shop is in rehearsal and no owner's address is set.",
    Reason.CONSENT_WITHDRAWN: "Not sent: she has withdrawn her consent.",
    Reason.NOT_CONFIRMED: "Not sent: she has not yet confirmed that she agreed.",
    Reason.NOT_SIMILAR: (
        "Not sent: she has not agreed to marketing. That she is a customer allows letters about"
        " things like those she bought, and this one is about others."
    ),
    Reason.TOO_LATE: "Not sent: it is too late for it to be of use.",
    Reason.CART_EMPTY: "Not sent: there is nothing left in the cart.",
    Reason.NO_ADDRESS: "Not sent: we have no address of hers.",
}


def of_skip(skip: Skip, facts: Facts, zone: ZoneInfo) -> str:
    """Why a message was not sent."""
    match skip.reason:
        case Reason.NO_CONSENT:
            if facts.reach.address is None:
                return "Not sent: we have neither an address of hers nor her consent."
            return "Not sent: she has not agreed to marketing, or nobody trustworthy said so."
        case Reason.SUPPRESSED:
            return f"Not sent: {_SUPPRESSED.get(skip.because, skip.because)}."
        case Reason.CONDITION:
            return f"Not sent: {skip.because or 'its condition is not met'}."
        case Reason.CART_CLOSED:
            return f"Not sent: {_CLOSED.get(skip.because, 'the cart was closed')}."
        case Reason.SAME_JOURNEY:
            return f"Not sent: this journey wrote to her {_when(skip.because, zone)}."
        case Reason.TOO_OFTEN:
            return (
                f"Not sent: she was written to {_when(skip.because, zone)}; you allow one marketing"
                f" message in {facts.hours_between} hours."
            )
        case Reason.HER_PACE:
            days = facts.pace.days if facts.pace else 0
            return (
                f"Not sent: she was written to {_when(skip.because, zone)}; she wants one letter in"
                f" {days} days."
            )
        case Reason.PAUSED:
            until = local(datetime.fromisoformat(skip.because), zone)
            return f"Not sent: she wants no letters until {until}."
        case Reason.RESTORED:
            return (
                "Not sent: what started it happened before the shop was restored from a backup"
                f" {_when(skip.because, zone)}; it may have left before that."
            )
        case reason:
            return _PLAIN[reason]


def of_delay(delay: Delay, facts: Facts, zone: ZoneInfo) -> str:
    """What a message waits for."""
    if delay.reason is Reason.ORDERS_SILENT and facts.orders_silent_since is not None:
        since = local(facts.orders_silent_since, zone)
        return (
            f"Waiting: no order has come in since {since}, longer than is normal for this hour."
            " She may have ordered without our knowing. Check the shop's order feed."
        )
    if delay.reason is Reason.RESTORED and facts.restored_at is not None:
        return (
            f"Waiting: the shop was restored from a backup on {local(facts.restored_at, zone)}, and"
            " what she was sent shortly before is not known. Marketing goes on from"
            f" {local(delay.until, zone)}."
        )
    return (
        f"Waiting: events of the last {_seconds(facts.walk_lag)} are still being read;"
        " she may have ordered."
    )


def of_go(go: Go, facts: Facts, zone: ZoneInfo) -> str:
    """That a message is being handed over, and on what ground."""
    ground, when = _ground(facts, zone), local(facts.now, zone)
    if go.rehearsal:
        return f"Handed to the mail server at {when}, for you: rehearsal. {ground}"
    return f"Handed to the mail server at {when}. {ground}"


def _ground(facts: Facts, zone: ZoneInfo) -> str:
    reach = facts.reach
    since = f" on {local(reach.since, zone)}" if reach.since else ""
    match basis(reach, facts.purpose):
        case Basis.DOUBLE_OPT_IN:
            return f"She agreed{since}, and confirmed it from her mailbox."
        case Basis.CONSENT:
            return f"She agreed{since}."
        case Basis.EXISTING_CUSTOMER:
            sold = f" on {local(reach.customer.at, zone)}" if reach.customer else ""
            return f"She is a customer: she bought{sold}, could have refused, and did not."
        case _:
            return "It belongs to her order and needs no consent."


def local(moment: datetime, zone: ZoneInfo) -> str:
    """A moment as the shop's clock shows it: "March 2, 14:05"."""
    here = moment.astimezone(zone)
    return f"{here:%B} {here.day}, {here:%H:%M}"


def _when(moment: str, zone: ZoneInfo) -> str:
    return f"on {local(datetime.fromisoformat(moment), zone)}"


def _seconds(lag: timedelta) -> str:
    return f"{max(1, round(lag.total_seconds()))} seconds"
