"""What the three clients say: pure, so that the sender and the recount agree."""

from collections import Counter
from typing import Any

PEOPLE = 400
CART_EVERY = 110
NAMES = ("Product Viewed", "Product List Viewed", "Products Searched")


class Call:
    """One call: `kind` track or identify."""

    def __init__(self, kind: str, user: str, name: str, body: dict[str, Any]) -> None:
        self.kind, self.user, self.name, self.body = kind, user, name, body


def call(number: int, *, carts: bool) -> Call:
    """The `number`th call of a client. With `carts`, three of CART_EVERY calls are one person who
    gives her address, agrees to mail and leaves a cart."""
    who, step = divmod(number, CART_EVERY)
    if carts and step < 3:
        user, email = f"cart-{who}", f"cart-{who}@people.example"
        if step == 0:
            return Call("identify", user, "Identified", {"email": email})
        if step == 1:
            body = {"email": email, "list": "news", "text": "Yes", "where": "checkout"}
            return Call("track", user, "Email Subscribed", body)
        tea = {"cart_id": user, "product_id": "tea", "name": "Tea", "price": 4.5}
        return Call("track", user, "Product Added", tea)
    return Call(
        "track", f"u-{number % PEOPLE}", NAMES[number % 3], {"product_id": f"p{number % 50}"}
    )


def message_id(client: str, number: int) -> str:
    return f"{client}-{number}"


def totals(count: int, *, carts: bool) -> "Counter[tuple[str, str]]":
    """(user, event name) of the first `count` calls of a client."""
    said = (call(number, carts=carts) for number in range(count))
    return Counter((one.user, one.name) for one in said)


def buyers(count: int) -> list[str]:
    """Addresses of those who leave a cart in `count` calls."""
    whole = (count - 3) // CART_EVERY + 1 if count >= 3 else 0
    return [f"cart-{who}@people.example" for who in range(whole)]
