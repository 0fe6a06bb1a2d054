"""What a training found out and what a placement sold, for people."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Group

from patron.app.cli.output import table
from patron.app.cli.results import told
from patron.kit.money import format_money
from patron.recommend.attribution.results import Result
from patron.recommend.pace import Untrained
from patron.recommend.rules.words import EMPTY, left_out
from patron.recommend.training.report import BlendReport, Counted, Report
from patron.shops.types import Shop

LEGEND = (
    "",
    "  hits   lists of ten that held what came next",
    "  MRR    how high it stood: 1 is always first, 0.1 tenth or one time in ten",
    "  NDCG   the same, where several things came next: 1 is all of them in front",
    "  bar    NDCG of plain best-sellers, asked the same",
    "  bias   share of the places that the 1 % most popular products take",
    "  novel  how seldom what is listed was looked at or bought: 10 is one deed in 1,000,",
    "         and each 1 more half of that",
    "  shown  share of the catalog that stood in any list",
    "  asked  questions about the days held back",
)


def nothing(why: str, dropped: Mapping[str, int] | None = None) -> str:
    """Why nothing is offered, and how many products what keeps out."""
    words = [f"Nothing to offer. {EMPTY.get(why, '')}".strip()]
    words += [f"  {many:,}: {left_out(rule)}" for rule, many in (dropped or {}).items()]
    return "\n".join(words)


def sold(found: Result, shop: Shop) -> Any:
    """What came of a placement's answers, and what its holdout proves."""
    rows = [
        ("period", f"{_moment(found.since, shop)} to {_moment(found.until, shop)}"),
        ("shown", f"{found.shown:,} times to {found.viewers:,} people"),
        ("clicks", f"{found.clicks:,} by {found.clickers:,} people"),
        ("put into carts", f"{found.carts:,}"),
        ("orders", f"{found.orders:,}"),
        ("revenue", format_money(found.revenue, found.currency, shop.locale)),
    ]
    if found.other_currency:
        rows.append(("in another currency", f"{found.other_currency:,} orders, not counted"))
    none = "  Nobody is held out of it, so nobody knows who would have bought it anyway."
    proof = [none] if found.proof is None else told(found.proof, found.currency)
    days = [
        (
            str(one.day), f"{one.shown:,}", f"{one.clicks:,}", f"{one.carts:,}", f"{one.orders:,}",
            format_money(one.revenue, found.currency, shop.locale),
        )
        for one in found.days
    ]  # fmt: skip
    columns = ("day", "shown", "clicks", "carts", "orders", "revenue")
    return Group(table(("", ""), rows, ""), *proof, "", table(columns, days, "No day."))


def counted(found: Counted, shop: Shop) -> str:
    """A line about the latest counting."""
    return (
        f"Counted {_moment(found.at, shop)}: {found.new:,} new of {found.deeds:,} deeds, in"
        f" {found.seconds:,.1f} s, of which a processor worked {found.processor_seconds:,.1f} s."
    )


def waiting(found: Untrained, shop: Shop) -> str:
    """What there is before the first training, and when that comes."""
    counted_so_far = "Nothing was counted yet."
    if found.counted is not None:
        counted_so_far = f"{counted(found.counted, shop)} Usual parameters were taken."
    return (
        f"{counted_so_far}\n{_first_training(found, shop)}\n"
        "Nothing was trained yet; `patron recommend train` does it now."
    )


def _first_training(found: Untrained, shop: Shop) -> str:
    if found.is_asked_for:
        return "Training was asked for and begins soon."
    night = f"in the night, by {_moment(found.first_by, shop)}"
    if found.counted is not None and found.counted.deeds >= found.deeds_wanted:
        # One that ended with the house is asked for again by the next counting.
        return f"That is enough to train: after one of the next countings, at the latest {night}."
    return (
        f"The first training comes with {found.orders_wanted:,} orders or"
        f" {found.deeds_wanted:,} deeds, else {night}."
    )


def reported(found: Report, shop: Shop) -> Any:
    """A report of a training."""
    when = _moment(found.made_at, shop)
    what = f"{found.orders:,} orders and {found.interactions:,} deeds of {found.people:,} people"
    held = "" if found.held_back_from is None else (
        f" Asked about what came after {_moment(found.held_back_from, shop)}:"
    )  # fmt: skip
    sources = [
        (one.name, "used" if one.used else "not used", one.why, len(one.tried))
        for one in found.sources
    ]
    rows = [
        (
            one.placement,
            f"{one.measured.hit_rate:.1%}",
            f"{one.measured.mrr:.3f}",
            f"{one.measured.ndcg:.3f}",
            f"{one.best_sellers.ndcg:.3f}",
            f"{one.measured.popularity_bias:.0%}",
            f"{one.measured.novelty:.1f}",
            f"{one.shown_share:.1%}",
            one.measured.questions,
        )
        for one in found.placements
    ]
    columns = ("placement", "hits", "MRR", "NDCG", "bar", "bias", "novel", "shown", "asked")
    blends = [
        (one.placement, one.blend.way or "not used", _grown(one.blend), _why(one.blend))
        for one in found.placements
        if one.blend is not None
    ]
    latest = [] if found.counted is None else [counted(found.counted, shop)]
    return Group(
        *latest,
        f"Trained {when} on {what}.{held}",
        "",
        table(("source", "", "NDCG at 10", "tried"), sources, "No source had anything to count."),
        "",
        table(columns, rows, "Too little happened to judge placements."),
        *(LEGEND if rows else ()),
        "",
        table(
            ("shared link", "", "NDCG", ""), blends, "No placement lets strategies share a link."
        ),
    )


def _grown(blend: BlendReport) -> str:
    """From what the chain finds to what is used instead, on the same questions."""
    now = blend.trees if blend.way == "trees" else blend.ranks
    if not blend.used or blend.chain is None or now is None:
        return ""
    return f"{blend.chain.ndcg:.3f} → {now.ndcg:.3f}"


def _why(blend: BlendReport) -> str:
    return "; ".join(one for one in (blend.why, blend.trees_why) if one)


def _moment(at: datetime | int, shop: Shop) -> str:
    zone = ZoneInfo(shop.time_zone)
    moment = datetime.fromtimestamp(at, zone) if isinstance(at, int) else at.astimezone(zone)
    return f"{moment:%Y-%m-%d %H:%M}"
