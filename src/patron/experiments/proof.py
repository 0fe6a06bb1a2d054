"""What two arms say, in the shop's words."""

from datetime import timedelta

from patron.experiments.incremental import Arm, Effect, Finding, about, judge
from patron.experiments.types import Amount, Cohort, Compared, Proof, Share
from patron.kit.money import format_money
from patron.shops.types import Shop


def proof(
    shop: Shop,
    cohorts: list[Cohort],
    mixed: int,
    window: timedelta,
    *,
    unit: str = "people",
    entered: int = 0,
) -> Proof:
    """The finding in the shop's words. `entered` of `unit` led to the people of `cohorts`, ripe or
    not: this is how many stand for one person when more are asked for."""
    treated, held = (_arm(one) for one in cohorts)
    finding = judge(treated, held, (cohorts[0].maturing, cohorts[1].maturing))
    maturing = sum(one.maturing for one in cohorts)
    people = treated.people + held.people + maturing + mixed
    more = about(finding.more_people * max(entered, people, 1) / max(people, 1))
    lacking = f"about {more:,} more {unit}"
    if not more:
        lacking = f"the {window.days} days of {maturing:,} people have to pass"
    return Proof(
        verdict=finding.verdict,
        words=_words(shop, finding, lacking),
        window=window.days,
        treated=_compared(cohorts[0]),
        held_out=_compared(cohorts[1]),
        extra=_amount(finding.extra, shop.currency),
        per_person=_amount(finding.revenue, shop.currency),
        lift=_share(finding.rate),
        maturing=maturing,
        mixed=mixed,
        more=more,
    )


def _words(shop: Shop, finding: Finding, lacking: str) -> str:
    def told(amount: float) -> str:
        return format_money(round(amount), shop.currency, shop.locale)

    extra = finding.extra
    between = f"between {told(extra.low)} and {told(extra.high)}" if extra else ""
    if extra is None:
        return f"Too early: {lacking} before anything can be said."
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
        f" {lacking} before it can be told from chance."
    )


def _arm(cohort: Cohort) -> Arm:
    return Arm(cohort.people, cohort.total, cohort.squares, cohort.buyers)


def _compared(cohort: Cohort) -> Compared:
    return Compared(cohort.people, cohort.buyers, cohort.orders, round(cohort.total))


def _amount(effect: Effect | None, currency: str) -> Amount | None:
    if effect is None:
        return None
    return Amount(round(effect.value), round(effect.low), round(effect.high), currency)


def _share(effect: Effect | None) -> Share | None:
    return None if effect is None else Share(effect.value, effect.low, effect.high)
