"""A shop's web server that has a feed: a real one, on a free port of this machine."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], bytes]


class FeedServer:
    """`answers` by path; a path without one answers 404. `cut`: so many bytes, then it hangs up."""

    def __init__(self, port: int) -> None:
        self.root = f"http://127.0.0.1:{port}"
        self.answers: dict[str, Answer | Callable[[dict[str, str]], Answer]] = {}
        self.heard: list[tuple[str, dict[str, str]]] = []
        self.cut: int | None = None

    def put(self, body: str | bytes, path: str = "/feed.xml", **headers: str) -> str:
        """Have `body` answered; the address of it."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) else body.encode()
        self.answers[path] = (200, told, data)
        return self.root + path


@contextmanager
def feed_server() -> Iterator[FeedServer]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            here.heard.append((self.path, headers))
            answer = here.answers.get(self.path, (404, {}, b"nothing here"))
            status, told, body = answer(headers) if callable(answer) else answer
            tag = told.get("etag")
            if tag is not None and headers.get("if-none-match") == tag:
                status, body = 304, b""
            self.send_response(status)
            for name, value in told.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if here.cut is not None:
                self.wfile.write(body[: here.cut])
                linger = struct.pack("ii", 1, 0)  # closing sends RST
                self.wfile.flush()
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.close_connection = True
                return
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # who hangs up early is part of the play

    server = Server(("127.0.0.1", 0), Handler)
    here = FeedServer(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def rss(*items: str, google: str = "g") -> str:
    space = f'xmlns:{google}="http://base.google.com/ns/1.0"'
    body = "".join(f"<item>{one}</item>" for one in items)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" {space}>'
        f"<channel><title>Acme</title><link>https://acme.example</link>{body}</channel></rss>"
    )


def item(id: str, /, **more: str) -> str:
    """One item with everything it must have."""
    fields = {
        "id": id,
        "title": f"Tea {id}",
        "link": f"https://acme.example/p/{id}",
        "price": "12.50 USD",
        "availability": "in_stock",
    } | more
    return "".join(f"<g:{name}>{value}</g:{name}>" for name, value in fields.items() if value)
