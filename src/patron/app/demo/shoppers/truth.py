"""What is true about the demo shop's cart journey, because it was planted.

The planted effect is the share of carts that are ordered only because their owner was reminded.
It is drawn per cart before anybody is mailed; here it is written down who was, and what came of it.
"""

from dataclasses import dataclass, field
from typing import Any

from patron.app.demo.shoppers.plan import BASE_RATE, DAY, UPLIFT, WINDOW, Fate
from patron.app.demo.source import NOTICE


@dataclass(slots=True)
class CartTruth:
    """A cart that a known person left behind; `value` in US cents, `at` in seconds UTC."""

    user_id: str
    at: int
    value: int
    fate: Fate
    mailed_at: int | None = None
    ordered_at: int | None = None


@dataclass
class DemoTruth:
    """Truth cart by cart, filled while the days are walked.

    Definition: the effect is P(ordered within `window_days` | mailed) − P(… | not mailed) over
    carts left behind by known people; it is the same `uplift` for every such cart.
    """

    seed: int
    base_rate: float = BASE_RATE
    uplift: float = UPLIFT
    window_days: float = WINDOW / DAY
    carts: dict[str, CartTruth] = field(default_factory=dict)

    def left(self, cart_id: str, cart: CartTruth) -> None:
        self.carts[cart_id] = cart

    def summary(self) -> dict[str, Any]:
        """The truth so far; money in US cents. `expected` is what the mails sent are worth on
        average, `realised` what they brought in this one run."""
        mailed = [cart for cart in self.carts.values() if cart.mailed_at is not None]
        caused = [cart for cart in mailed if cart.fate is Fate.IF_MAILED]
        worth = sum(cart.value for cart in mailed) / len(mailed) if mailed else 0.0
        return {
            "notice": NOTICE,
            "seed": self.seed,
            "definition": "ordered within the window if mailed, minus if not mailed",
            "window_days": self.window_days,
            "planted_effect_percentage_points": round(100 * self.uplift, 3),
            "orders_without_mail_percent": round(100 * self.base_rate, 3),
            "carts_left_by_known_people": len(self.carts),
            "average_order_value": round(worth),
            "mailed": len(mailed),
            "expected_incremental_orders": round(len(mailed) * self.uplift, 1),
            "expected_incremental_revenue": round(len(mailed) * self.uplift * worth),
            "realised_incremental_orders": len(caused),
            "realised_incremental_revenue": sum(cart.value for cart in caused),
            "realised_effect_percentage_points": round(
                100 * len(caused) / len(mailed) if mailed else 0.0, 3
            ),
            "currency": "USD",
        }
