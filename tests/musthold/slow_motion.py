"""A running shop whose processes live on a clock of the test, and the people who shop there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

import httpx

import outside
from conductor import Conductor, conducting
from musthold.inside import Inside, consent, item, open_shop
from patron.experiments.assign import arm
from patron.journeys.builtin import ABANDONED_CART
from postbox import Mailbox
from running import Running, eventually

TEN = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)  # ten o'clock in New York


@dataclass
class SlowMotion:
    """The shop with its real cart journey (an hour, one in ten held out) switched on."""

    shop: Running
    inside: Inside
    box: Mailbox
    conductor: Conductor
    told: list[str] = field(default_factory=list)
    """Message ids of what was acknowledged, once for each call, however often it was repeated."""
    ended: dict[str, tuple[str, int]] = field(default_factory=dict)
    """What became of whom: the state of her only message, and the mails she got."""

    def say(self, event: str, who: str, properties: dict[str, Any]) -> int:
        """A track call, repeated until it is acknowledged; how often it had to be said."""
        call = {
            "type": "track",
            "event": event,
            "userId": who,
            "messageId": f"{event}-{who}",
            "timestamp": self.conductor.now.isoformat(),
            "properties": properties,
        }
        if "email" in properties:
            call["context"] = {"traits": {"email": properties["email"]}}
        tries = count(1)

        def taken() -> int:
            tried = next(tries)
            try:
                answer = outside.post(
                    f"{self.shop.url}/v1/track",
                    json=call,
                    auth=(self.shop.server_key, ""),
                    timeout=30,
                )
            except httpx.TransportError:
                return 0
            return tried if answer.status_code == 200 else 0

        said = eventually(taken, f"the acknowledgement of {event} of {who}")
        self.told.append(str(call["messageId"]))
        return said

    def customer(self, name: str, *, treated: bool = True) -> str:
        """Somebody new who agreed to mail and is not held out (or is)."""
        for number in count():
            who = f"{name}-{number}"
            self.say("Email Subscribed", who, consent(address(who)))
            self.inside.walked()
            origin = self.inside.value("SELECT origin_id FROM identifier WHERE value = %s", (who,))
            if (arm(f"journey:{ABANDONED_CART}", origin, 0.1) == "treatment") == treated:
                break
        return who

    def leaves(self, who: str) -> int:
        """She puts a thing into her cart; how often that had to be said."""
        return self.say("Product Added", who, {"cart_id": f"cart-{who}", **item("tea")})

    def orders(self, who: str) -> None:
        self.say("Order Completed", who, {"order_id": f"order-{who}", "products": [item("tea")]})

    def mails(self, who: str) -> int:
        return len(self.box.to(address(who)))

    def messages(self, who: str) -> list[str]:
        """The states of the messages written for her."""
        found = self.inside.rows(
            "SELECT o.state FROM outbox o JOIN identifier i ON i.origin_id = o.origin_id"
            " WHERE i.kind = 'user_id' AND i.value = %s ORDER BY o.id",
            (who,),
        )
        return [state for (state,) in found]

    def runs(self, who: str) -> list[tuple[str, str | None]]:
        """(state, reason of exit) of her journeys."""
        found = self.inside.rows(
            "SELECT r.state, r.exit_reason FROM run r JOIN identifier i"
            " ON i.origin_id = r.origin_id WHERE i.kind = 'user_id' AND i.value = %s ORDER BY r.id",
            (who,),
        )
        return [(state, reason) for state, reason in found]


def address(who: str) -> str:
    return f"{who}@people.example"


@contextmanager
def in_slow_motion(box: Mailbox, **settings: Any) -> Iterator[SlowMotion]:
    """The shop at ten o'clock; mails go to `box`."""
    with (
        conducting(at=TEN) as conductor,
        open_shop(
            test_socket=conductor.path,
            **box.settings,
            **settings,
        ) as shop,
    ):
        switched = shop.call("POST", f"/api/journeys/{ABANDONED_CART}/on")
        assert switched.status_code in (200, 201), switched.text
        yield SlowMotion(shop, Inside(shop), box, conductor)
