"""From outside: a stranger signs up, confirms from her mailbox, and chooses what she gets.

A whole Patron, a real mail server, a real browser that runs no script.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

import outside
from postbox import Mailbox, mailbox
from running import Running, eventually, running

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
ADA = "ada@customers.example"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium: `apt-get install chromium`"),
]


@pytest.fixture(scope="module")
def box() -> Iterator[Mailbox]:
    with mailbox() as opened:
        yield opened


@pytest.fixture(scope="module")
def house(box: Mailbox) -> Iterator[Running]:
    with running(**box.settings) as house:
        house.open_shop()
        house.run("shop", "set", "double_opt_in", '["email"]')
        house.start()
        more = {
            "purposes": {"new_in": "News about new things"},
            "interests": ["Tea", "Crockery"],
            "brand_color": "#8a3b12",
        }
        assert house.call("PATCH", "/api/shop/settings", json=more).status_code == 200
        yield house


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A phone on which scripts are off."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = chromium.new_context(
            java_script_enabled=False, viewport={"width": 390, "height": 844}
        )
        yield context.new_page()
        chromium.close()


def consent(house: Running) -> dict[str, Any]:
    answer = house.call("GET", f"/api/profiles/email:{ADA}")
    return dict(answer.json()["reach"]["email"]) if answer.status_code == 200 else {}


def signed_up_and_confirmed(house: Running, box: Mailbox, page: Page) -> None:
    """A page says that she subscribed; she answers the mail that asks."""
    said = {
        "anonymousId": "b1",
        "event": "Email Subscribed",
        "properties": {"email": ADA, "text": "Buy at evil.example"},
    }
    answer = outside.post(f"{house.url}/v1/track", json=said, auth=(house.write_key, ""))
    assert answer.status_code == 200
    (mail,) = eventually(lambda: box.to(ADA), "the mail that asks")
    assert consent(house)["consent"] == "pending"
    body = mail.get_body(("plain",))
    assert body is not None and mail["List-Unsubscribe"] is None
    text = body.get_content()
    assert "Offers, news and reminders by e-mail" in text and "evil" not in text
    found = re.search(rf"{re.escape(house.url)}/confirm/\S+", text)
    assert found is not None
    page.goto(found[0])
    assert consent(house)["consent"] == "pending"
    page.get_by_role("button", name="Yes, write to me").click()
    assert "it is confirmed" in page.inner_text("h1")
    assert consent(house) | {"since": ""} == {
        "address": ADA, "address_key": ADA, "verified": False, "consent": "granted",
        "suppressed": None, "confirmed": True, "since": "",
    }  # fmt: skip


def chose(house: Running, page: Page) -> None:
    """Letters off, of the rest one a month, and tea, please; then she asks to be forgotten."""
    page.goto(house.run("privacy", "link", f"email:{ADA}")["url"])
    assert page.locator("h1").inner_text() == "What you get from us"
    assert "a…@customers.example" in page.inner_text("main")
    switch = page.get_by_label("Offers, news and reminders")
    assert switch.is_checked() and not page.get_by_label("News about new things").is_checked()
    switch.uncheck()
    page.get_by_label("At most one letter a month").check()
    page.get_by_label("Tea").check()
    page.get_by_role("button", name="Save").click()
    assert "Saved" in page.get_by_role("status").inner_text()
    assert not page.get_by_label("Offers, news and reminders").is_checked()
    assert page.get_by_label("At most one letter a month").is_checked()
    assert consent(house)["consent"] == "withdrawn"
    assert house.call("GET", f"/api/profiles/email:{ADA}").json()["traits"]["interests"] == ["Tea"]
    page.get_by_role("button", name="Forget me").click()
    assert "You hear from us by mail" in page.get_by_role("status").inner_text()
    assert page.get_by_role("button", name="You asked us to forget you").is_disabled()


def test_she_signs_up_confirms_chooses_and_asks(
    house: Running, box: Mailbox, page: Page, tmp_path: Path
) -> None:
    signed_up_and_confirmed(house, box, page)
    chose(house, page)
    listed = house.call("GET", "/api/suppressions?reason=unsubscribe").json()["items"]
    assert [one["address_key"] for one in listed] == [ADA]
    refused = house.command("suppress", "lift", ADA, "--reason", "unsubscribe", "--why", "please")
    assert refused.returncode == 1 and "only a newer yes of hers" in refused.stderr
    file = tmp_path / "suppressions.csv"
    assert house.run("suppress", "export", str(file))["suppressions"] == 1
    assert [one["address_key"] for one in house.run("suppress", "export")] == [ADA]
    assert house.run("suppress", "import", str(file))["added"] == 0
    upload = house.call(
        "POST", "/api/suppressions/import?reason=hard_bounce", content=b"email\nb@x.example\n"
    )
    assert (upload.json()["added"], upload.status_code) == (1, 200)
    taken = house.call("GET", "/api/suppressions/export?reason=hard_bounce")
    assert "b@x.example,email,hard_bounce" in taken.text
    (asked,) = house.run("privacy", "list", "--state", "open")
    assert (asked["kind"], asked["address_key"]) == ("erasure", ADA)
    assert house.call("DELETE", f"/api/profiles/email:{ADA}").status_code == 200
    (asked,) = house.call("GET", "/api/privacy-requests?state=done").json()["items"]
    assert house.call("GET", "/api/privacy-requests?state=open").json()["items"] == []
    assert house.call("GET", "/api/privacy-requests?state=x").status_code == 400
    assert (asked["state"], asked["address_key"], asked["origin_id"]) == ("done", None, None)
    page.reload()
    assert "Nothing is kept here" in page.inner_text("h1")
