"""Sends the plan with a real client library: `python speak.py '{"client": "segment", …}'`.

Prints {"failed": […]}: message ids that the client reported as not delivered.
"""

import json
import sys
import time
from importlib import import_module
from typing import Any

from plan import call, message_id  # type: ignore[import-not-found]


def main() -> None:
    how = json.loads(sys.argv[1])
    failed: list[str] = []

    def lost(_: Exception, batch: Any) -> None:
        failed.extend(item["messageId"] for item in batch)

    client = import_module(f"{how['client']}.analytics.client").Client(
        how["key"],
        host=how["host"],
        max_queue_size=200_000,
        upload_size=how["upload_size"],
        upload_interval=0.2,
        max_retries=30,
        timeout=15,
        on_error=lost,
    )
    started = time.monotonic()
    for number in range(how["count"]):
        said = call(number, carts=how["carts"])
        mark = message_id(how["client"], number)
        if said.kind == "identify":
            client.identify(said.user, said.body, message_id=mark)
        else:
            client.track(said.user, said.name, said.body, message_id=mark)
        ahead = number / how["rate"] - (time.monotonic() - started)
        if ahead > 0.05:
            time.sleep(ahead)
    client.flush()
    client.join()
    print(json.dumps({"failed": failed}))


if __name__ == "__main__":
    main()
