"""Signatures after Standard Webhooks (standardwebhooks.com, specification of 2023).

`webhook-signature` holds `v1,` and the base64 of HMAC-SHA256 over "id.timestamp.body"; several,
with a space between, while a secret is being changed.
"""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from uuid import UUID

from patron.delivery.channels.webhook.types import Endpoint
from patron.kit.signing import Signer

OVERLAP = timedelta(hours=24)
"""So long both secrets sign after one was changed."""


def secret_of(signer: Signer, endpoint_id: UUID, generation: int) -> str:
    """The endpoint's secret, 256 bits. It is made of the house's secret and kept nowhere, so no
    copy of the database holds it."""
    digest = signer.digest("webhook", f"{endpoint_id}:{generation}")
    return "whsec_" + base64.b64encode(bytes.fromhex(digest)).decode()


def headers(
    signer: Signer, endpoint: Endpoint, message_id: str, body: str, now: datetime
) -> dict[str, str]:
    """The three headers of an attempt at `now`."""
    secrets = [secret_of(signer, endpoint.id, endpoint.generation)]
    if endpoint.rotated_at is not None and now - endpoint.rotated_at < OVERLAP:
        secrets.append(secret_of(signer, endpoint.id, endpoint.generation - 1))
    stamp = str(int(now.timestamp()))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(_signed(one, message_id, stamp, body) for one in secrets),
    }


def _signed(secret: str, message_id: str, stamp: str, body: str) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{message_id}.{stamp}.{body}".encode(), hashlib.sha256)
    return "v1," + base64.b64encode(mac.digest()).decode()
