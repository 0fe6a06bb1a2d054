"""Ports of loopback for the servers that tests start."""

import random
import socket


def free_port() -> int:
    """A port of loopback that nobody listens on now.

    Below those that the system gives to outgoing connections (from 32768 on): one of them might
    take it before the one who asks listens there.
    """
    while True:
        port = random.SystemRandom().randrange(12_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
