"""Whether the owner's systems hear what their webhooks tell them."""

from patron.app.care.finding import Finding
from patron.delivery.channels.webhook import store
from patron.delivery.channels.webhook.keeping import BY_HAND
from patron.delivery.channels.webhook.types import Endpoint, Status
from patron.kit.db import Tx
from patron.shops.types import Shop

MANY = 400


async def of_shop(tx: Tx, shop: Shop) -> list[Finding]:
    """One finding for each webhook that wants something; nothing where there is none."""
    return [_found(shop, one) for one in await store.every(tx)]


def _found(shop: Shop, one: Endpoint) -> Finding:
    name = f"{shop.slug}: webhook {one.key}"
    if one.status == Status.OFF:
        if one.reason == BY_HAND:
            return Finding(name, "ok", BY_HAND)
        remedy = f"mend {one.url}, then `patron webhook enable {one.key} --catch-up`"
        return Finding(name, "failed", f"off: {one.reason}", remedy)
    if one.failing_since is not None and one.failures > 1:
        detail = (
            f"{one.failures} attempts failed since {one.failing_since:%Y-%m-%d %H:%M} UTC,"
            f" {one.waiting:,} messages wait"
        )
        remedy = f"`patron webhook test {one.key}`; `patron webhook deliveries {one.key}` says more"
        return Finding(name, "warning", detail, remedy)
    if one.waiting > MANY:
        remedy = f"{one.url} is slower than what happens: answer first, work afterwards"
        return Finding(name, "warning", f"at least {one.waiting:,} messages wait", remedy)
    return Finding(name, "ok", f"{one.waiting:,} messages wait")
