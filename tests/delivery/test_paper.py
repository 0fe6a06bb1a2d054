"""Pages that customers see wear the shop's look, and load nothing from elsewhere."""

from html.parser import HTMLParser

import msgspec
import pytest

from patron.delivery.paper import notice
from patron.shops.found import found_shop
from patron.shops.types import Shop
from profiles.stories import NOON


def shop(**settings: object) -> Shop:
    made = found_shop(
        "Acme <b>", currency="USD", time_zone="UTC", public_url="https://acme.example",
        owner_email="o@acme.example", now=NOON,
    )  # fmt: skip
    return msgspec.structs.replace(made, settings=msgspec.convert(settings, type(made.settings)))


class Loads(HTMLParser):
    """What a page would fetch, and its scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag in ("script", "link", "iframe") or (tag == "img" and told.get("src")):
            self.found.append(told.get("src") or tag)


@pytest.mark.parametrize(
    ("logo", "shown"),
    [
        ("https://acme.example/logo.svg", True),
        ("https://pictures.example/logo.png", True),
        ("https://evil.example/logo.png", False),
        ("javascript:alert(1)", False),
        (None, False),
    ],
)
def test_the_logo_is_the_shops_and_the_only_thing_fetched(logo: str | None, shown: bool) -> None:
    answer = notice(
        shop(logo_url=logo, more_hosts=["pictures.example"]), "Hello", "World", "Go", "/x"
    )
    assert Loads(answer.content).found == ([logo] if shown else [])
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';") and ("img-src" in policy) is shown
    assert "Acme &lt;b&gt;" in answer.content and "<b>" not in answer.content
