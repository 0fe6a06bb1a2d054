"""What the database tells of a shop's past: who is who, who was erased, what is sold."""

from collections.abc import Sequence
from uuid import UUID

from patron.catalog import store as catalog
from patron.catalog.keys import candidates
from patron.catalog.watching import store as watching
from patron.events.lake import store as lake_store
from patron.kit.db import Database, Tx
from patron.profiles import store as profiles
from patron.recommend.history.belonging import MOST_MEMBERSHIPS
from patron.recommend.history.lines import Names
from patron.recommend.history.reading import Find, Told
from patron.segments.members import store as members
from patron.shops.types import METRICS, Shop


def names_of(shop: Shop) -> Names:
    """What the shop calls its events."""
    said = {**METRICS, **shop.settings.metrics}
    return Names(said["viewed_product"], said["added_to_cart"], said["revenue"])


async def told(tx: Tx, shop: Shop) -> Told:
    """Everything at once, as of one transaction."""
    moved: list[tuple[UUID, UUID]] = await profiles.origin_map(tx)
    return Told(
        items=await watching.ids(tx),
        roots={origin.bytes: root.bytes for origin, root in moved},
        gone={origin.bytes for origin in await lake_store.erasures(tx)},
        names=names_of(shop),
        epoch=str((await lake_store.state(tx)).epoch or ""),
        countries={root.bytes: country for root, country in await profiles.countries(tx)},
        segments=await members.smallest(tx, MOST_MEMBERSHIPS),
    )


def finder(db: Database, shop: Shop) -> Find:
    """Finds products by any of their names."""

    async def find(said: Sequence[str]) -> dict[str, str]:
        spelled = {name: candidates(name) for name in said}
        async with db.unit(shop.schema) as tx:
            known = await catalog.resolve(tx, {one for many in spelled.values() for one in many})
        found = {}
        for name, many in spelled.items():
            hits = [known[one] for one in many if one in known]
            if hits:
                found[name] = max(hits, key=lambda hit: hit[2])[0]
        return found

    return find
