"""What the demo's shopper is shown beside her cart makes sense to whoever looks at it."""

from patron.app.demo.catalogue import Catalogue
from patron.app.demo.stage.scenes import HABIT, PICKS, _sensible
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
