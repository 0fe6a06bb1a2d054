"""A journey's result in sentences a shop owner reads."""

from patron.analytics.types import JourneyResult
from patron.kit.money import format_money


def sentences(result: JourneyResult) -> list[str]:
    """What happened, what clicks account for, and what the holdout proves."""
    currency = result.currency
    attributed = format_money(result.attributed.revenue, currency)
    lines = [
        f"[bold]{result.journey}[/bold]",
        f"  {result.entered} carts entered · {result.sent} mails sent · {result.held_out} held out"
        f" · {result.clicked} clicked · {result.ordered} ordered",
        f"  attributed to clicks (5 days): {attributed} from {result.attributed.orders} orders",
    ]
    if result.skipped:
        why = ", ".join(f"{count} {reason}" for reason, count in sorted(result.skipped.items()))
        lines.append(f"  not sent: {why}")
    proof = result.proof
    if proof.extra is not None:
        extra = proof.extra
        amount, low, high = (
            format_money(minor, currency) for minor in (extra.value, extra.low, extra.high)
        )
        lines.append(f"  [bold]proven against the holdout: {amount}[/bold] (95 %: {low} to {high})")
    lines.append(f"  {proof.words}")
    if proof.mixed or proof.maturing:
        lines.append(
            f"  left out: {proof.mixed} people of both arms, {proof.maturing} whose"
            f" {proof.window} days are not over"
        )
    return lines
