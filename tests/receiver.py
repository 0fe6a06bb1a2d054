"""A receiver of webhooks: a real HTTP server that answers, and fails, as receivers do."""

import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

import msgspec

Answer = int | tuple[int, dict[str, str], bytes] | Literal["reset", "silence", "half"]


class Heard(msgspec.Struct):
    """One request: `headers` by small letters."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def said(self) -> Any:
        return json.loads(self.body)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


class Receiver:
    """Answers 204, or what stands next in `answers`, or what `always` says."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/hook"
        self.heard: list[Heard] = []
        self.answers: list[Answer] = []
        self.always: Answer = 204
        self.over = threading.Event()
        self._lock = threading.Lock()

    def take(self, one: Heard) -> Answer:
        with self._lock:
            self.heard.append(one)
            return self.answers.pop(0) if self.answers else self.always

    def topics(self) -> list[str]:
        return [one.said["type"] for one in self.heard]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.answer(here.take(Heard(self.path, headers, body)))

        def do_GET(self) -> None:
            here.heard.append(Heard(f"GET {self.path}", {}, b""))
            self.answer(204)

        def answer(self, answer: Answer) -> None:
            if answer == "silence":
                here.over.wait(20)
                self.close_connection = True
            elif answer == "reset":
                # With no time to linger, closing sends RST.
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.connection.close()
                self.close_connection = True
            elif answer == "half":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Le")
                self.close_connection = True
            else:
                assert not isinstance(answer, str)
                status, headers, body = (answer, {}, b"") if isinstance(answer, int) else answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # who hangs up early is part of the play

    server = Server(("127.0.0.1", 0), Handler)
    here = Receiver(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield here
    finally:
        here.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
