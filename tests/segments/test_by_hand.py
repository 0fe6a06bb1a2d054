"""What is written about somebody by hand is taken at once, also while her segments are asked."""

import asyncio

from conftest import House
from patron.kit.db import Database, execute, value
from patron.profiles import store as profiles
from patron.profiles.changes import store as changes
from patron.segments import tasks
from stage import Stage

WAITING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


def test_who_is_held_is_not_taken_from_the_list_of_changes(house: House) -> None:
    async def story(db: Database) -> None:
        stage = Stage(house, db)
        await stage.walk(stage.adds("u:ada"))
        async with stage.unit() as tx:
            ada = await profiles.find(tx, "user_id:ada")
            assert ada is not None
            await changes.note(tx, [ada], stage.now)
        async with stage.unit() as tx:
            await profiles.lock(tx, [ada])
            asking = asyncio.create_task(tasks.fire_due(db, stage.shop, stage.now))
            async with db.session() as watch:
                while not await value(watch, WAITING):
                    await asyncio.sleep(0.01)
            # The second thing written about her within the second.
            await execute(tx, "SET LOCAL lock_timeout = '500ms'")
            await changes.note(tx, [ada], stage.now)
        assert await asking == 1
        async with stage.unit() as tx:
            assert await changes.waiting(tx, 10) == []

    house.run(story)
