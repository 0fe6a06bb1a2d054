"""What a journey did and what it earned."""

from datetime import datetime, timedelta

from patron.analytics import store
from patron.analytics.incremental import Arm, Effect, Finding, about, judge
from patron.analytics.types import (
    Amount,
    Cohort,
    Compared,
    JourneyResult,
    Period,
    Proof,
    Share,
)
from patron.kit.db import Tx
from patron.kit.money import format_money
from patron.shops.types import Shop

WINDOW = timedelta(days=5)


async def results(
    tx: Tx,
    shop: Shop,
    journey: str,
    now: datetime,
    period: Period = Period(),  # noqa: B008 - frozen
    *,
    window: timedelta = WINDOW,
) -> JourneyResult | None:
    """The result of a journey, or None when there is none of that key.

    Attribution says whose last click an order followed; proof says what would not have been bought
    without the journey. They answer different questions and are never added.
    """
    if not await store.exists(tx, journey):
        return None
    source = f"journey:{journey}"
    counts = await store.counts(tx, journey, source, period)
    cohorts, mixed = await store.cohorts(tx, source, period, window, shop.currency, now)
    return JourneyResult(
        journey=journey,
        since=period.since,
        until=period.until,
        entered=counts.entered,
        held_out=counts.held_out,
        sent=counts.sent,
        opened=counts.opened,
        clicked=counts.clicked,
        ordered=await store.ordered(tx, source, period, window),
        skipped=counts.skipped,
        attributed=await store.attributed(tx, source, period, window, shop.currency),
        currency=shop.currency,
        other_currency=await store.other_currencies(tx, source, period, window, shop.currency),
        proof=proof(shop, cohorts, mixed, counts.entered, window),
    )


def proof(shop: Shop, cohorts: list[Cohort], mixed: int, entered: int, window: timedelta) -> Proof:
    """The finding in the shop's words. `entered` runs led to the people of `cohorts`, ripe or not:
    this is how many carts stand for one person when more are asked for."""
    treated, held = (_arm(one) for one in cohorts)
    finding = judge(treated, held)
    maturing = sum(one.maturing for one in cohorts)
    people = treated.people + held.people + maturing + mixed
    carts = about(finding.more_people * max(entered, people, 1) / max(people, 1))
    return Proof(
        verdict=finding.verdict,
        words=_words(shop, finding, carts),
        window=window.days,
        treated=_compared(cohorts[0]),
        held_out=_compared(cohorts[1]),
        extra=_amount(finding.extra, shop.currency),
        per_person=_amount(finding.revenue, shop.currency),
        lift=_share(finding.rate),
        maturing=maturing,
        mixed=mixed,
        more_carts=carts,
    )


def _words(shop: Shop, finding: Finding, carts: int) -> str:
    def told(amount: float) -> str:
        return format_money(round(amount), shop.currency, shop.locale)

    extra = finding.extra
    between = f"between {told(extra.low)} and {told(extra.high)}" if extra else ""
    if extra is None:
        return f"Too early: about {carts:,} more carts until anything can be said."
    match finding.verdict:
        case "proven":
            return (
                f"Proven: {told(extra.value)} more revenue than without it; 95 % sure that it is"
                f" {between}."
            )
        case "harmful":
            return (
                f"It costs you: {told(-extra.value)} less revenue than without it; 95 % sure that"
                f" the difference is {between}. Switch it off or change it."
            )
    return (
        f"Too early: so far {told(extra.value)}, but it may be anything {between};"
        f" about {carts:,} more carts until it can be told from chance."
    )


def _arm(cohort: Cohort) -> Arm:
    return Arm(cohort.people, cohort.total, cohort.squares, cohort.buyers)


def _compared(cohort: Cohort) -> Compared:
    return Compared(cohort.people, cohort.buyers, round(cohort.total))


def _amount(effect: Effect | None, currency: str) -> Amount | None:
    if effect is None:
        return None
    return Amount(round(effect.value), round(effect.low), round(effect.high), currency)


def _share(effect: Effect | None) -> Share | None:
    return None if effect is None else Share(effect.value, effect.low, effect.high)
