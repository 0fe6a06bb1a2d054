"""A journey's result in sentences a shop owner reads."""

from patron.analytics.types import JourneyResult
from patron.kit.money import format_money


def sentences(result: JourneyResult) -> list[str]:
    """What happened, what clicks account for, and what the holdout proves."""
    currency = result.currency
    attributed = format_money(result.attributed.revenue, currency)
    lines = [
        f"[bold]{result.journey}[/bold]",
        f"  {result.entered:,} carts entered · {result.sent:,} mails sent ·"
        f" {result.held_out:,} held out · {result.clicked:,} clicked · {result.ordered:,} ordered",
        f"  attributed to clicks (5 days): {attributed} from {result.attributed.orders:,} orders",
    ]
    if result.skipped:
        reasons = sorted(result.skipped.items(), key=lambda one: (-one[1], one[0]))
        why = ", ".join(f"{reason.replace('_', ' ')} {count:,}" for reason, count in reasons)
        lines.append(f"  not sent: {why}")
    proof = result.proof
    lines.append(f"  [bold]{proof.words}[/bold]")
    if proof.mixed or proof.maturing:
        lines.append(
            f"  left out: {proof.mixed:,} people of both arms, {proof.maturing:,} whose"
            f" {proof.window} days are not over"
        )
    return lines
