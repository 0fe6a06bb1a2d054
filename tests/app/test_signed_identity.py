"""The shop's server signs who is logged in; the page's word is then believed as hers."""

import hashlib
import hmac
from typing import Any

import outside
from running import Running, eventually, running


def say(house: Running, message: str, user_id: str, user_hash: str) -> None:
    answer = outside.post(
        f"{house.url}/v1/identify",
        json={"userId": user_id, "messageId": message, "context": {"userHash": user_hash}},
        auth=(house.write_key, ""),
    )
    assert answer.status_code == 200


def test_a_page_is_believed_with_the_right_signature_only() -> None:
    with running() as house:
        house.open_shop()
        house.start()
        secret = house.run("shop", "identity-secret")["identity_secret"]
        right = hmac.new(bytes.fromhex(secret), b"17", hashlib.sha256).hexdigest()
        say(house, "m-right", "17", right)
        say(house, "m-wrong", "18", right)

        def heard() -> dict[str, Any]:
            events = house.run("events", "tail", "--once")
            return {e["message_id"]: e for e in events} if len(events) == 2 else {}

        events = eventually(heard, "both events")
        assert events["m-right"]["trust"] == "verified"
        assert events["m-wrong"]["trust"] == "public"
        assert "userHash" not in str(events)
        printed = house.command("shop", "identity-secret").stdout
        assert printed.strip() == secret, "on one line, to be copied"
