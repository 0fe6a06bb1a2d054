"""The journeys that come with Patron: the one every shop starts with, and others to switch on."""

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
OPEN_ACCOUNT = "open_account"
INVITATION = "Invitation to open an account"
A_GUEST = {"trait": "user_id", "op": "missing"}
ORDER = "Order Completed"


async def install(
    tx: Tx, shop: Shop, now: datetime, *, status: Status, wait: timedelta = WAIT
) -> Journey:
    """Give a new shop its cart journey, `on` or `off`. A journey of that key is left as it is."""
    definition = abandoned_cart(shop.settings.metrics, wait)
    return await _put(tx, ABANDONED_CART, NAME, definition, status, now)


async def offer(tx: Tx, shop: Shop, now: datetime) -> Journey:
    """Give a shop the invitation to open an account, switched off. One of that key is left as it
    is."""
    definition = open_account(shop.settings.metrics)
    return await _put(tx, OPEN_ACCOUNT, INVITATION, definition, Status.OFF, now)


async def offered(tx: Tx, shop: Shop, key: str, now: datetime) -> None:
    """Give a shop the journey of this key if it comes with Patron and is not there: it was founded
    before there was such a one."""
    if key == OPEN_ACCOUNT:
        await offer(tx, shop, now)


async def _put(
    tx: Tx, key: str, name: str, definition: dict[str, Any], status: Status, now: datetime
) -> Journey:
    found = await store.journey(tx, key)
    if found is not None:
        return found
    await store.put(tx, key, name, definition, now)
    await store.set_status(tx, key, status, now)
    made = await store.journey(tx, key)
    if made is None:
        raise LookupError(f"journey {key} vanished while it was made")
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


def open_account(metrics: Mapping[str, str]) -> dict[str, Any]:
    """One mail, a day after an order without an account; at most one in half a year."""
    return {
        "trigger": {"event": order_names(metrics)},
        "steps": [
            {"id": "guest", "condition": {"rule": A_GUEST, "else": "exit"}},
            {"id": "a-day", "wait": {"days": 1}},
            {"id": "still-guest", "condition": {"rule": A_GUEST, "else": "exit"}},
            {
                "id": "mail",
                "send": {
                    "channel": "email",
                    "template": "open_account",
                    "purpose": "marketing",
                    "expires": {"days": 2},
                    "only_if": A_GUEST,
                },
            },
        ],
        "exit_on": [{"event": "Signed Up"}],
        "holdout": 0.1,
        "max_age_minutes": 60,
        "reentry": {"days": 180},
    }


def order_names(metrics: Mapping[str, str]) -> list[str]:
    """The events that are an order in this shop: the standard's name, and its own if it has one."""
    return sorted({ORDER, metrics.get("revenue", ORDER)})
