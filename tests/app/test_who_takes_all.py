"""Taking all that is kept of one person needs a key made for it, and is written down."""

from pathlib import Path

import pytest

from app.audited import Api, told
from conftest import NOON, House
from patron.profiles import walk
from patron.shops.audit.types import Outcome
from profiles.stories import identified

ADA = "email:ada@x.example"
EXPORTS = (f"/api/profiles/{ADA}/export", f"/api/profiles/{ADA}/export.html")


@pytest.mark.parametrize(
    ("scopes", "status"),
    [
        (["profiles:read", "profiles:write", "messages:read", "journeys:read"], 403),
        (["profiles:export"], 200),
        (["shop:admin"], 200),
    ],
)
def test_reading_people_is_not_taking_all_of_one(
    house: House, tmp_path: Path, scopes: list[str], status: int
) -> None:
    async def story(api: Api) -> None:
        async with api.web.db.unit(house.acme.schema) as tx:
            said = [identified("42", email="ada@x.example")]
            await walk.resolve(tx, house.acme, said, NOON, api.web.signer)
        for path in EXPORTS:
            answer = await api.call("GET", path)
            assert answer.status_code == status, (path, answer.text)
            if status == 403:
                assert "profiles:export" in answer.json()["detail"]
                assert "patron key create NAME --scope profiles:export" in answer.json()["remedy"]
        reads = await api.call("GET", f"/api/profiles/{ADA}")
        assert reads.status_code == (403 if scopes == ["profiles:export"] else 200)
        taken = [one for one in await api.entries() if "/export" in one.action]
        outcome = Outcome.REFUSED if status == 403 else Outcome.DONE
        assert [one.outcome for one in taken] == [outcome] * 2
        assert all(one.subject is not None for one in taken)

    told(house, tmp_path, story, scopes)
