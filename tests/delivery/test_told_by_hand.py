"""What is written on somebody over the API is told to the owner's systems: in order, and once."""

from typing import Any

import pytest

from conftest import House
from delivery.telling import Told, told
from patron.app.wiring import Walker
from patron.events.inbox import Inbox
from patron.events.types import Source, Trust
from patron.kit.db import connect, value
from patron.kit.problems import Problem
from patron.profiles import routes
from patron.profiles import store as profiles
from patron.profiles.consents import by_hand
from patron.profiles.erasure import store as erasure
from patron.profiles.labels import mark
from patron.profiles.types import SuppressionReason
from patron.profiles.untold import store, tasks

ANN = {"type": "identify", "userId": "ann", "traits": {"email": "ann@x.example"}}


class Hand:
    """Writes on people as the API does; the worker tells, the walk walks."""

    def __init__(self, here: Told, inbox: Inbox) -> None:
        self.here, self.stage, self.inbox = here, here.stage, inbox

    async def says(self, *calls: dict[str, Any]) -> None:
        await self.inbox.append(self.stage.shop, calls, trust=Trust.SERVER, source=Source.SERVER)
        await self.walk()

    async def walk(self) -> None:
        walker = Walker(self.stage.shop, self.stage.house.clock, self.stage.house.signer)
        async with await connect(self.stage.house.url, "walk") as connection:
            while await walker.step(connection):
                pass

    async def told(self) -> int:
        count = await tasks.tell(self.stage.db, self.stage.shop, self.inbox)
        await self.walk()
        await self.here.tell()
        return count

    async def tag(self, tag: str) -> None:
        async with self.stage.unit() as tx:
            await mark.tag(tx, self.stage.shop, "user_id:ann", tag, "till 3", self.stage.now)

    async def untag(self, tag: str) -> None:
        async with self.stage.unit() as tx:
            await mark.untag(tx, self.stage.shop, "user_id:ann", tag, self.stage.now)

    async def consent(self, state: Any) -> None:
        clock = self.stage.house.clock
        given = routes.ConsentIn(state=state)
        said = routes.add_consent.fn
        await said(self.stage.db, self.stage.shop, clock, who="user_id:ann", data=given)

    async def waiting(self) -> int:
        async with self.stage.unit() as tx:
            return int(await value(tx, "SELECT count(*) FROM untold"))


def at_hand(house: House, story: Any) -> None:
    async def run(here: Told) -> None:
        inbox = Inbox(house.url, house.clock)
        try:
            await story(Hand(here, inbox))
        finally:
            await inbox.close()

    told(house, run)


def test_a_consent_and_a_tag_are_told_in_order_and_once(house: House) -> None:
    async def story(hand: Hand) -> None:
        await hand.says(ANN)
        await hand.here.register("profile.updated", "consent.changed")
        await hand.tag("bargain shopper")
        await hand.tag("Bargain Shopper")  # she has it
        await hand.consent("granted")
        await hand.untag("bargain shopper")
        await hand.consent("withdrawn")
        untold = await _all(hand)
        assert await hand.told() == 4
        heard = [one.said for one in hand.here.receiver.heard]
        assert [one["type"] for one in heard] == [
            "profile.updated", "consent.changed", "profile.updated", "consent.changed",
        ]  # fmt: skip
        first, yes, _, no = (one["data"] for one in heard)
        assert (first["changed"], first["profile"]["user_ids"]) == (["tags"], ["ann"])
        assert yes["event"]["name"] == "Consent Recorded"
        assert yes["event"]["properties"] == {
            "channel": "email", "purpose": "marketing", "state": "granted",
        }  # fmt: skip
        assert no["event"]["properties"]["state"] == "withdrawn"
        assert "ann@x.example" not in str(yes["event"])

        # The worker stopped between telling and writing down that it had.
        again = [tasks.about(one) for one in untold]
        await hand.inbox.append(
            hand.stage.shop, again, trust=Trust.SERVER, source=Source.PATRON
        )  # fmt: skip
        assert (await hand.told(), await hand.waiting()) == (0, 0)
        assert len(hand.here.receiver.heard) == 4

    at_hand(house, story)


def test_who_says_so_herself_is_not_believed_and_who_is_erased_is_not_told(house: House) -> None:
    async def story(hand: Hand) -> None:
        await hand.says(ANN)
        await hand.here.register("profile.updated", "consent.changed")
        for name in ("Consent Recorded", "Profile Tagged"):
            await hand.says({"type": "track", "event": name, "userId": "ann", "properties": {}})
        await hand.tag("vip")
        async with hand.stage.unit() as tx:
            root = await profiles.find(tx, "user_id:ann")
            assert root is not None
            await erasure.erase(tx, root, None, hand.stage.now)
        assert (await hand.waiting(), await hand.told()) == (0, 0)
        assert hand.here.receiver.topics() == []

    at_hand(house, story)


def test_notes_and_suppressions_are_told_without_what_they_say(house: House) -> None:
    async def story(hand: Hand) -> None:
        stage, email = hand.stage, SuppressionReason.MANUAL
        await hand.says(ANN)
        await hand.here.register("profile.updated", "consent.changed")
        async with stage.unit() as tx:
            note = await mark.note(tx, stage.shop, "user_id:ann", "loves oak", "till 3", stage.now)
            await by_hand.suppress(tx, "email", "ann@x.example", "by letter", stage.now)
            await by_hand.suppress(tx, "email", "nobody@x.example", "by letter", stage.now)
            await by_hand.lift(tx, "email", "ann@x.example", email, "she wrote", stage.now)
            await mark.unnote(tx, stage.shop, "user_id:ann", note.id, stage.now)
            assert await profiles.suppressed(tx, "email", "nobody@x.example") == "manual"
            with pytest.raises(Problem, match="does not exist"):
                await by_hand.lift(tx, "sms", "+14155550123", email, "why", stage.now)
        assert await hand.told() == 4
        heard = [one.said["data"] for one in hand.here.receiver.heard]
        assert [one.get("changed") for one in heard] == [["notes"], None, None, ["notes"]]
        assert [one["event"]["name"] for one in heard[1:3]] == [
            "Suppression Added", "Suppression Lifted",
        ]  # fmt: skip
        assert heard[1]["event"]["properties"] == {"channel": "email", "reason": "manual"}
        assert heard[1]["profile"]["emails"] == ["ann@x.example"]
        for private in ("oak", "letter", "she wrote"):
            assert private not in str(heard)

    at_hand(house, story)


async def _all(hand: Hand) -> list[store.Untold]:
    async with hand.stage.unit() as tx:
        return await store.oldest(tx, 10)
