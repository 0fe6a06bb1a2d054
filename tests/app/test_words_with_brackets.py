"""What customers and files say is shown as it stands, whatever brackets are in it."""

from collections.abc import Iterator

import pytest

from running import Running, running


@pytest.fixture(scope="module")
def shop() -> Iterator[Running]:
    with running() as house:
        house.open_shop()
        yield house


def test_an_error_keeps_its_brackets(shop: Running) -> None:
    refused = shop.command("profile", "show", "user_id:[/red] [bold]")
    assert refused.returncode == 1
    assert "[/red] [bold]" in " ".join(refused.stderr.split())


def test_a_table_keeps_its_brackets(shop: Running) -> None:
    shop.run("key", "create", "till [/no] [b]", "--scope", "ingest")
    listed = shop.command("shop", "list")
    assert listed.returncode == 0
    keys = shop.command("key", "list")
    assert keys.returncode == 0
    assert all(word in keys.stdout for word in ("till", "[/no]", "[b]"))
    (made,) = (key for key in shop.run("key", "list") if key["name"] == "till [/no] [b]")
    assert made["id"] in keys.stdout  # whole, for `patron key revoke`, however narrow the terminal
    assert shop.command("key", "create", "till").returncode == 1  # it might do nothing
