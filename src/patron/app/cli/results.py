"""Results in sentences a shop owner reads."""

from patron.analytics.types import JourneyResult
from patron.experiments.types import Proof
from patron.kit.money import format_money


def sentences(result: JourneyResult) -> list[str]:
    """What happened, what clicks account for, and what the holdout proves."""
    currency = result.currency
    attributed = format_money(result.attributed.revenue, currency)
    lines = [
        f"[bold]{result.journey}[/bold]",
        f"  {result.entered:,} {result.unit} entered · {result.sent:,} mails sent ·"
        f" {result.held_out:,} held out · {result.clicked:,} clicked · {result.ordered:,} ordered",
        f"  attributed to clicks (5 days): {attributed} from {result.attributed.orders:,} orders",
    ]
    if result.skipped:
        reasons = sorted(result.skipped.items(), key=lambda one: (-one[1], one[0]))
        why = ", ".join(f"{reason.replace('_', ' ')} {count:,}" for reason, count in reasons)
        lines.append(f"  not sent: {why}")
    return lines + told(result.proof, currency)


def told(proof: Proof, currency: str) -> list[str]:
    """What a holdout proves, of whom, and who is left out."""
    lines = [f"  [bold]{proof.words}[/bold]"]
    for name, arm in (("got it", proof.treated), ("held out", proof.held_out)):
        spent = arm.revenue / arm.people if arm.people else 0
        lines.append(
            f"  {name}: {arm.people:,} people, {arm.buyers:,} bought, {arm.orders:,} orders,"
            f" {format_money(round(spent), currency)} a person in {proof.window} days"
        )
    if proof.mixed or proof.maturing:
        lines.append(
            f"  left out: {proof.mixed:,} people of both arms, {proof.maturing:,} whose"
            f" {proof.window} days are not over"
        )
    return lines
