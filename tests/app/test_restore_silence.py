"""After a restore nothing is said twice: what waited in the backup may have left since."""

import re
from pathlib import Path
from typing import Any

import outside
from musthold.inside import Inside
from postbox import Mailbox, mailbox
from running import HANG, Running, eventually, running

ADA, BEN, DEE = "ada@people.example", "ben@people.example", "dee@people.example"


def subscribe(shop: Running, who: str, address: str) -> None:
    shop.track(
        "Email Subscribed",
        {"email": address, "text": "Yes, write to me"},
        userId=who,
        context={"traits": {"email": address}},
    )


def leave_a_cart(shop: Running, who: str) -> None:
    tea = {"product_id": "tea", "name": "Hollin Tea", "price": 4.5, "quantity": 1}
    tea["url"] = "https://acme.example/p/tea"
    shop.track("Product Added", {"cart_id": f"cart-{who}", **tea}, userId=who)


def waits(shop: Running, seconds: int) -> None:
    """The cart journey is on, without holdout, and waits so long."""
    journey = shop.call("GET", "/api/journeys/abandoned_cart").json()
    definition = journey["definition"]
    definition["steps"][0]["wait"] = {"seconds": seconds}
    definition["holdout"] = 0
    body = {"name": journey["name"], "definition": definition}
    assert shop.call("PUT", "/api/journeys/abandoned_cart", json=body).status_code == 200
    shop.call("POST", "/api/journeys/abandoned_cart/on")


def runs(shop: Running, state: str) -> list[dict[str, Any]]:
    path = f"/api/journeys/abandoned_cart/runs?state={state}"
    found: list[dict[str, Any]] = shop.call("GET", path).json()["items"]
    return found


def messages(shop: Running, state: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shop.run("message", "list", "--state", state)
    return found


def a_backup_in_the_middle(shop: Running, box: Mailbox, file: Path) -> None:
    """Ben's mail is being handed over and Ada's run waits; then both mails leave, and Ada says no.
    Dee has agreed to mail and done nothing yet."""
    for who, address in (("ada", ADA), ("ben", BEN), ("dee", DEE)):
        subscribe(shop, who, address)
    waits(shop, 1)
    box.hold()
    leave_a_cart(shop, "ben")
    assert box.holding.wait(HANG)
    waits(shop, 3600)
    leave_a_cart(shop, "ada")
    eventually(lambda: runs(shop, "waiting"), "Ada's run")
    shop.run("backup", str(file))
    assert box.to(ADA) == []
    box.release()
    inside = Inside(shop)
    inside.rows("UPDATE run SET wait_seconds = 0, wake_at = now() WHERE state = 'waiting'")
    mail = eventually(lambda: box.to(ADA), "the mail that leaves after the backup")[0]
    link = re.search(r"<(https?://[^>]+)>", mail["List-Unsubscribe"])
    assert link is not None
    outside.post(link[1], data={"List-Unsubscribe": "One-Click"})
    eventually(lambda: inside.states() == {"sent": 2}, "both in the ledger")
    eventually(lambda: inside.events("name = 'Unsubscribed'") == 1, "her no in the log")
    shop.run("lake", "copy")
    assert shop.stop() == 0


def test_a_restored_backup_says_nothing_twice(tmp_path: Path) -> None:
    with (
        mailbox() as box,
        running(**box.settings) as shop,
    ):
        shop.open_shop()
        shop.start()
        file = tmp_path / "patron.tar"
        a_backup_in_the_middle(shop, box, file)

        restored = shop.run("restore", str(file), "--yes")

        assert restored["calmed"] == {"acme": {"runs": 1, "messages": 0, "ambiguous": 1}}
        (doubt,) = messages(shop, "ambiguous")
        why = shop.run("message", "why", doubt["id"])
        assert why["reason"] == "restored"
        assert "restored from" in why["story"][-1]["words"]
        ada = shop.run("profile", "show", "user_id:ada")
        assert ada["email"]["suppressed"] == "unsubscribe", "her no is in the lake"
        shop.start()
        (ended,) = runs(shop, "exited")
        assert ended["exit_reason"] == "restored"
        waits(shop, 1)
        leave_a_cart(shop, "dee")  # she may have been written to an hour ago, for all we know
        eventually(lambda: Inside(shop).states()["delayed"] == 1, "the message that waits")
        held = messages(shop, "delayed")
        assert shop.run("message", "why", held[0]["id"])["reason"] == "restored"
        looked = {f["what"]: f for f in shop.run("doctor", "--no-mail")}
        assert looked["acme: restore"]["state"] == "warning"
        assert "marketing waits until" in looked["acme: restore"]["detail"]
        assert [len(box.to(who)) for who in (ADA, BEN, DEE)] == [1, 1, 0]


def test_a_house_that_was_stopped_and_moved_goes_on_where_it_stood(tmp_path: Path) -> None:
    with running() as shop:
        shop.open_shop()
        shop.start()
        waits(shop, 3600)
        leave_a_cart(shop, "ada")
        eventually(lambda: runs(shop, "waiting"), "Ada's run")
        assert shop.stop() == 0
        file = tmp_path / "patron.tar"
        shop.run("backup", str(file))

        restored = shop.run("restore", str(file), "--yes", "--moved")

        assert restored["calmed"] == {}
        shop.start()
        assert len(runs(shop, "waiting")) == 1
        assert "acme: restore" not in {f["what"] for f in shop.run("doctor", "--no-mail")}

        subscribe(shop, "ada", ADA)
        Inside(shop).walked()
        shop.run("lake", "copy")
        assert shop.stop() == 0
        shop.run("restore", str(file), "--yes", "--moved")
        shop.start()
        assert runs(shop, "waiting") == [], "the lake knows that Patron has run since"
