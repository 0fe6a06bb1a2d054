"""Many callers of the door at once, who remember what they were answered."""

import threading
import time
from typing import Any

import httpx

import outside
from running import HANG, Running


class Callers:
    """Threads that track single events with the write key until `stop`."""

    def __init__(self, shop: Running, threads: int = 8, name: str = "m") -> None:
        self.shop = shop
        self.name = name
        self.taken: set[str] = set()
        self.refused: list[httpx.Response] = []
        self.slowest = 0.0
        self._enough = threading.Event()
        self._threads = [
            threading.Thread(target=self._call, args=(number,), daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> "Callers":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def more_than(self, count: int) -> bool:
        """Whether more than `count` calls were taken."""
        return len(self.taken) > count

    def stop(self) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join(HANG)
            assert not thread.is_alive()

    def _call(self, caller: int) -> None:
        number = 0
        with outside.client(base_url=self.shop.url, auth=(self.shop.write_key, "")) as client:
            while not self._enough.is_set():
                number += 1
                mark = f"{self.name}-{caller}-{number}"
                body: dict[str, Any] = {
                    "event": "Product Viewed",
                    "userId": f"u{caller}",
                    "messageId": mark,
                    "properties": {"product_id": "tea", "text": "x" * 400},
                }
                started = time.monotonic()
                try:
                    answer = client.post("/v1/track", json=body, timeout=30)
                except httpx.HTTPError:
                    self._enough.wait(0.01)
                    continue
                finally:
                    self.slowest = max(self.slowest, time.monotonic() - started)
                if answer.status_code == 200:
                    self.taken.add(mark)
                else:
                    self.refused.append(answer)
                    self._enough.wait(0.05)

    def only_asked_to_come_again(self) -> bool:
        """Whether every refusal was a 503 or 429 that says when to come back."""
        return all(
            answer.status_code in (503, 429) and int(answer.headers["retry-after"]) > 0
            for answer in self.refused
        )
