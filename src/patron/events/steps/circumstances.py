"""When it happened, from where, and whether a person did it."""

from datetime import UTC, datetime, timedelta

from patron.events.reading.heard import Refusal
from patron.events.reading.values import corrected, moment, shared_moment, shown
from patron.events.steps.consented import always_heard
from patron.events.steps.draft import OURS, Draft, Setting
from patron.events.types import BROWSER, BY_SERVER, Drop
from patron.events.visit.channel import arrival
from patron.events.visit.device import agent, speaks_for_a_browser

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
PUBLIC_PAST = timedelta(days=400)  # a browser's word opens no partition of the log before this
FURTHEST_FUTURE = timedelta(days=366)


def drop_prefetch(draft: Draft, _: Setting) -> Refusal | None:
    purpose = draft.stamp.p
    if not purpose or not any(word in purpose.lower() for word in ("prefetch", "prerender")):
        return None
    return Refusal(
        Drop.PREFETCH,
        f"the browser fetched the page ahead of time (purpose {shown(purpose)});"
        " nobody has seen it, so there is nothing to do",
    )


def drop_bad_time(draft: Draft, _: Setting) -> Refusal | None:
    """Reads the client's times. A time nobody can mean is refused, because clamping would put the
    event into the wrong place of a customer's story for good."""
    call, event = draft.call, draft.event
    given = call.timestamp if call.original_timestamp is None else call.original_timestamp
    if given is None:
        return None
    draft.original = moment(given)
    if draft.original is None:
        return Refusal(Drop.BAD_TIME, f"timestamp {shown(given)} is no time; send ISO 8601 in UTC")
    sent = draft.heard.sent_at if call.sent_at is None else call.sent_at
    if sent is not None:
        draft.sent = shared_moment(sent) if isinstance(sent, str) else moment(sent)
    try:
        ts = corrected(event.received_at, draft.original, draft.sent)
    except OverflowError:  # the two times are further apart than time goes
        ts = datetime.min.replace(tzinfo=UTC)
    if ts < EARLIEST or ts > event.received_at + FURTHEST_FUTURE:
        return Refusal(
            Drop.BAD_TIME,
            f"timestamp {shown(given)} is not between 1990 and a year from now;"
            " check the sender's clock",
        )
    if event.trust is not BY_SERVER and ts < event.received_at - PUBLIC_PAST:
        return Refusal(
            Drop.BAD_TIME,
            f"timestamp {shown(given)} is more than {PUBLIC_PAST.days} days old, which the public"
            " key may not send; import history with a server key",
        )
    draft.corrected = ts
    return None


def put_time(draft: Draft, _: Setting) -> None:
    """timestamp = receivedAt − (sentAt − originalTimestamp), never later than its receipt.

    History that the owner sends keeps its own times: they are the shop's books, not a phone's
    clock.
    """
    event = draft.event
    if draft.original is None or draft.corrected is None:
        return
    own = event.backfill and event.trust is BY_SERVER
    ts = draft.original if own else draft.corrected
    if ts < event.received_at:  # which it is without a word of the client's
        event.ts = ts


def put_device(draft: Draft, _: Setting) -> None:
    """Device, browser and system of the context's User-Agent, else of a browser's connection."""
    event, context = draft.event, draft.event.context
    said = context.get("userAgent")
    if said is None and event.source is BROWSER and speaks_for_a_browser(draft.stamp.ua):
        said = draft.stamp.ua
    if said is None:
        if "device" in context and isinstance(context["device"], dict):
            event.device = "mobile"  # only the mobile SDKs describe their device
        return
    seen = agent(said)
    draft.robot = seen.robot
    event.device = seen.kind
    if seen.browser:
        context.setdefault("browser", seen.browser)
    if seen.os:
        context.setdefault("os", seen.os)


def drop_robot(draft: Draft, setting: Setting) -> Refusal | None:
    """What a robot looked at. An order is one whoever brings the word: a shop's server that hears
    of it from a payment provider may pass on that one's User-Agent."""
    event = draft.event
    if draft.robot is None or event.source in OURS:
        return None
    if event.trust is BY_SERVER and always_heard(event.name, setting):
        return None
    return Refusal(
        Drop.BOT,
        f"a {draft.robot} made this call, not a person; there is nothing to do. A test in a"
        " headless browser is counted as a person under an ordinary User-Agent",
    )


def put_channel(draft: Draft, setting: Setting) -> None:
    found = arrival(draft.event.context, setting.own_hosts)
    draft.campaign = found.campaign
    draft.event.channel = found.channel
