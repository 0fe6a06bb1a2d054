"""Whether the web process of this installation takes calls, asked as a load balancer does."""

from http.client import HTTPConnection, HTTPException

from patron.kit.settings import Settings

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def answers(settings: Settings) -> bool:
    """Whether `/readyz` is answered with 200 within a second."""
    host = _EVERYWHERE.get(settings.listen_host, settings.listen_host)
    web = HTTPConnection(host, settings.listen_port, timeout=1)
    try:
        web.request("GET", "/readyz")
        return web.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        web.close()
