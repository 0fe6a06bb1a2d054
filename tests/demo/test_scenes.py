"""Who comes to the demo shop, and that what she is shown beside her cart makes sense."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from patron.app.demo.catalogue import Catalogue
from patron.app.demo.stage.place import Place
from patron.app.demo.stage.scenes import HABIT, PICKS, Stage, _sensible
from patron.recommend.types import Pick


def test_no_top_seller_and_no_household_list_stands_in_the_demos_mail(
    catalogue: Catalogue,
) -> None:
    by_noun = {product.noun: product for product in catalogue.shown}
    shown = {product.product_id: product for product in by_noun.values()}
    four = [Pick(one, 12.0, 40, "cart") for one in list(shown)[:PICKS]]
    assert _sensible(shown, four, set())
    assert not _sensible(shown, four, {four[-1].product_id})
    assert not _sensible(shown, four[:-1], set())
    habit = Pick(four[-1].product_id, HABIT + 1, 40, "cart")
    assert not _sensible(shown, [*four[:-1], habit], set())


def test_a_shopper_whose_scene_was_cut_off_does_not_come_again(tmp_path: Path) -> None:
    def started() -> str:
        place = Place({"PATRON_DATA_DIR": str(tmp_path / "demo")})
        known = place.standing() or place.begin(datetime(2026, 3, 4, tzinfo=UTC), 7)
        nothing: Any = None
        others = (nothing, known, nothing, nothing, nothing, nothing, nothing)
        return Stage(*others, keep=place.write).next_person().email

    assert len({started() for _ in range(3)}) == 3
