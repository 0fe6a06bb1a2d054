"""Sends events with a real client library: `python send.py '{"client": "segment", …}'`.

Prints {"errors": […]}: what the client reported it could not deliver.
"""

import json
import sys
import time
from importlib import import_module
from typing import Any


def main() -> None:
    how = json.loads(sys.argv[1])
    errors: list[str] = []
    client = import_module(f"{how['client']}.analytics.client").Client(
        how["key"],
        host=how["host"],
        gzip=how.get("gzip", False),
        max_retries=12,
        max_queue_size=100_000,
        on_error=lambda error, _: errors.append(repr(error) + str(error)),
    )
    if how.get("calls"):
        one_of_each(client)
    for number in range(how.get("count", 0)):
        message_id = f"{how['client']}-{number}"
        text = "x" * how.get("size", 200)
        client.track("u-1", "Product Viewed", {"text": text}, message_id=message_id)
        if number % 50 == 0:
            time.sleep(how.get("pause", 0))
    client.flush()
    client.join()
    print(json.dumps({"errors": errors}))


def one_of_each(client: Any) -> None:
    client.identify("u-1", {"email": "ada@example.com", "name": "Ada 🍞"})
    client.track("u-1", "Order Completed", {"products": [{"product_id": "1", "price": 4.2}]})
    client.page("u-1", "Shop", "Bread")
    client.screen("u-1", "App", "Cart")
    client.group("u-1", "household-9", {"size": 3})
    client.alias("visitor-7", "u-1")


if __name__ == "__main__":
    main()
