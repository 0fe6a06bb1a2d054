"""A load generator that costs little: one process, raw sockets, keep-alive, closed loop."""

import select
import socket
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import get_context


@dataclass(frozen=True)
class Load:
    """What `seconds` of load came to; latencies in milliseconds."""

    calls: int
    seconds: float
    p50: float
    p99: float
    refused: int

    @property
    def rate(self) -> float:
        return self.calls / self.seconds


def post(host: str, path: str, body: bytes, authorization: str) -> bytes:
    """The bytes of one POST request."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {authorization}\r\n"
        "User-Agent: patron-bench/1\r\nAccept: */*\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def drive(
    address: tuple[str, int], requests: Sequence[bytes], connections: int, seconds: float
) -> Load:
    """Send `requests` in turn over `connections`, each waiting for its answer, for `seconds`.

    Runs in a process of its own. A call answered other than 200 counts as refused.
    """
    context = get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(
        target=lambda: theirs.send(_drive(address, requests, connections, seconds))
    )
    process.start()
    try:
        if not ours.poll(seconds + 60):
            raise TimeoutError(f"the load on {address} did not end")
        load: Load = ours.recv()
        return load
    finally:
        process.kill()
        process.join()


def _drive(
    address: tuple[str, int], requests: Sequence[bytes], connections: int, seconds: float
) -> Load:
    poll = select.epoll()
    flows: dict[int, _Flow] = {}
    for _ in range(connections):
        flow = _Flow(address)
        flows[flow.socket.fileno()] = flow
        poll.register(flow.socket, select.EPOLLIN)
    number = 0
    started = time.perf_counter()
    end = started + seconds
    for flow in flows.values():
        flow.send(requests[number % len(requests)])
        number += 1
    latencies: list[float] = []
    refused = 0
    while (now := time.perf_counter()) < end:
        for handle, _ in poll.poll(1.0):
            flow = flows[handle]
            status = flow.answered()
            if status is None:
                continue
            if status == 200:
                latencies.append(time.perf_counter() - flow.since)
            else:
                refused += 1
            flow.send(requests[number % len(requests)])
            number += 1
    if not latencies:
        raise RuntimeError(f"no call was taken, {refused} were refused")
    cuts = statistics.quantiles(latencies, n=100) if len(latencies) > 1 else latencies * 99
    return Load(len(latencies), now - started, cuts[49] * 1e3, cuts[98] * 1e3, refused)


class _Flow:
    """One connection with one request under way."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.since = 0.0
        self._heard = b""

    def send(self, request: bytes) -> None:
        self.since = time.perf_counter()
        self.socket.sendall(request)

    def answered(self) -> int | None:
        """The status of the answer once it is whole."""
        self._heard += self.socket.recv(65536)
        head, blank, body = self._heard.partition(b"\r\n\r\n")
        if not blank:
            if not self._heard:
                raise ConnectionError("the server hung up")
            return None
        length = 0
        for line in head.split(b"\r\n")[1:]:
            if line[:15].lower() == b"content-length:":
                length = int(line[15:])
        if len(body) < length:
            return None
        self._heard = b""
        return int(head[9:12])
