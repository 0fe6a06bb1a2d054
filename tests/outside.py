"""Calls of a server from outside, as httpx makes them, but patient and without its luggage.

For each call of its own httpx reads all the world's certificates, which costs twenty milliseconds:
more than most answers, and nothing here is encrypted.
"""

import ssl
from typing import Any

import httpx

PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
PATIENCE = 240.0
"""Seconds until an answer that has not come hangs; a slow machine alone never takes so long."""


def request(method: str, url: str, **more: Any) -> httpx.Response:
    return httpx.request(method, url, **{"timeout": PATIENCE, "verify": PLAIN, **more})


def get(url: str, **more: Any) -> httpx.Response:
    return request("GET", url, **more)


def head(url: str, **more: Any) -> httpx.Response:
    return request("HEAD", url, **more)


def post(url: str, **more: Any) -> httpx.Response:
    return request("POST", url, **more)


def client(**more: Any) -> httpx.Client:
    """For many calls, or a connection that is kept."""
    return httpx.Client(**{"timeout": PATIENCE, "verify": PLAIN, **more})
