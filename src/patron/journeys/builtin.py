"""The journey every shop starts with."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from patron.journeys import store
from patron.journeys.types import Journey, Status
from patron.kit.db import Tx
from patron.shops.types import Shop

ABANDONED_CART = "abandoned_cart"
NAME = "Abandoned cart"
WAIT = timedelta(hours=1)
ORDER = "Order Completed"


async def install(
    tx: Tx, shop: Shop, now: datetime, *, status: Status, wait: timedelta = WAIT
) -> Journey:
    """Give a new shop its cart journey, `on` or `off`. A journey of that key is left as it is."""
    found = await store.journey(tx, ABANDONED_CART)
    if found is not None:
        return found
    definition = abandoned_cart(shop.settings.metrics, wait)
    await store.put(tx, ABANDONED_CART, NAME, definition, now)
    await store.set_status(tx, ABANDONED_CART, status, now)
    made = await store.journey(tx, ABANDONED_CART)
    if made is None:
        raise LookupError(f"journey {ABANDONED_CART} vanished while it was made")
    return made


def abandoned_cart(metrics: Mapping[str, str], wait: timedelta = WAIT) -> dict[str, Any]:
    """One mail, `wait` (whole seconds) after the last change of a cart nobody ordered."""
    orders = order_names(metrics)
    return {
        "trigger": {"cart": "changed"},
        "steps": [
            {"id": "idle", "wait": {"seconds": int(wait.total_seconds())}},
            {
                "id": "unordered",
                "condition": {
                    "rule": {"event": orders, "did": False, "since": "start"},
                    "else": "exit",
                },
            },
            {
                "id": "mail",
                "send": {
                    "channel": "email",
                    "template": "abandoned_cart",
                    "purpose": "marketing",
                    "expires": {"days": 1},
                },
            },
        ],
        "exit_on": [{"cart": "closed"}, {"cart": "emptied"}, {"event": orders}],
        "holdout": 0.1,
        "max_age_minutes": 60,
        "reentry": "always",
    }


def order_names(metrics: Mapping[str, str]) -> list[str]:
    """The events that are an order in this shop: the standard's name, and its own if it has one."""
    return sorted({ORDER, metrics.get("revenue", ORDER)})
