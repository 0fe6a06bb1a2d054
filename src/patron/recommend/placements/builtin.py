"""The placements that are there without anybody setting them up."""

from patron.recommend.placements.definition import (
    Area,
    Bought,
    Exclude,
    Explore,
    Ignored,
    Placement,
    Shows,
)
from patron.recommend.rules.types import Strategy

_PRODUCTS = ['kind = "product" or kind is missing']
_NOT_AGAIN = Exclude(bought=Bought(days=90, unless="bought_again >= 20%"))
_TIRES = Ignored(factor=0.9)
_FRESH = Explore(share=0.1)


def built_in() -> list[Placement]:
    """All of them, in the order in which they are shown. A shop's own of the same key replaces
    one."""
    return [*_BUILT_IN]


_BUILT_IN = (
    Placement(
        key="bought_together",
        name="Bought together",
        purpose="On a product's page: what goes into the same order with it.",
        count=6,
        chain=[Strategy.TOGETHER],
        blend=[Strategy.BUNDLE, Strategy.ALSO_VIEWED],
        fallback=[Strategy.SIMILAR, Strategy.BEST_SELLERS, Strategy.NEW],
        filters=_PRODUCTS,
        exclude=_NOT_AGAIN,
    ),
    Placement(
        key="also_viewed",
        name="Also viewed",
        purpose="On a product's page: what those who look at it look at, too.",
        count=8,
        chain=[Strategy.ALSO_VIEWED],
        blend=[Strategy.SESSION, Strategy.SIMILAR, Strategy.TOGETHER],
        fallback=[Strategy.SIMILAR, Strategy.BEST_SELLERS, Strategy.NEW],
        popular_in=Area.CATEGORY,
        filters=_PRODUCTS,
        ignored=_TIRES,
    ),
    Placement(
        key="recommended_for_you",
        name="Recommended for you",
        purpose="On the first page, in her account or a mail: what suits her, by what she looked"
        " at and bought.",
        count=12,
        chain=[Strategy.FOR_YOU, Strategy.SESSION],
        blend=[
            Strategy.SESSION,
            Strategy.BECAUSE_YOU_VIEWED,
            Strategy.NEXT_ORDER,
            Strategy.BEST_SELLERS,
        ],
        fallback=[Strategy.BEST_SELLERS, Strategy.NEW],
        filters=_PRODUCTS,
        exclude=_NOT_AGAIN,
        ignored=_TIRES,
        explore=_FRESH,
    ),
    Placement(
        key="similar_products",
        name="Similar products",
        purpose="On a product's page, above all of one that is sold out: what could take its"
        " place.",
        count=8,
        chain=[Strategy.SIMILAR, Strategy.ALSO_VIEWED],
        blend=[Strategy.ALSO_VIEWED],
        fallback=[Strategy.BEST_SELLERS, Strategy.NEW],
        popular_in=Area.CATEGORY,
        filters=_PRODUCTS,
    ),
    Placement(
        key="for_this_cart",
        name="For this cart",
        purpose="In the cart: what goes with everything in it.",
        count=6,
        chain=[Strategy.CART],
        blend=[Strategy.SESSION, Strategy.BEST_SELLERS],
        fallback=[Strategy.BEST_SELLERS, Strategy.NEW],
        filters=_PRODUCTS,
        exclude=_NOT_AGAIN,
    ),
    Placement(
        key="buy_it_again",
        name="Buy it again",
        purpose="In her account or a mail: what she buys again and again, when it is due.",
        count=8,
        chain=[Strategy.AGAIN],
        filters=_PRODUCTS,
        exclude=Exclude(current=False),
    ),
    Placement(
        key="trending",
        name="Trending",
        purpose="Anywhere: what is more sought after lately than it used to be.",
        count=12,
        chain=[Strategy.TRENDING],
        fallback=[Strategy.BEST_SELLERS, Strategy.NEW],
        filters=_PRODUCTS,
        ignored=_TIRES,
    ),
    Placement(
        key="best_sellers",
        name="Best-sellers",
        purpose="Anywhere: what is bought most, lately above all. In a shop without orders yet,"
        " its newest products.",
        count=12,
        chain=[Strategy.BEST_SELLERS],
        fallback=[Strategy.NEW],
        filters=_PRODUCTS,
    ),
    Placement(
        key="new",
        name="New",
        purpose="Anywhere: what has come to the shop last.",
        count=12,
        chain=[Strategy.NEW],
        filters=_PRODUCTS,
        ignored=_TIRES,
    ),
    Placement(
        key="on_sale",
        name="On sale",
        purpose="Anywhere: what costs less than it did, the most sought after first.",
        count=12,
        chain=[Strategy.ON_SALE],
        filters=[*_PRODUCTS, "on_sale"],
        ignored=_TIRES,
    ),
    Placement(
        key="recently_viewed",
        name="Recently viewed",
        purpose="Anywhere: what she looked at lately, the last first.",
        count=8,
        chain=[Strategy.RECENTLY_VIEWED],
        filters=_PRODUCTS,
    ),
    Placement(
        key="because_you_viewed",
        name="Because you viewed",
        purpose="On the first page or in a mail: what is near to a product she looked at, which it"
        " names.",
        count=8,
        chain=[Strategy.BECAUSE_YOU_VIEWED],
        filters=_PRODUCTS,
        exclude=Exclude(viewed=True, bought=_NOT_AGAIN.bought),
        ignored=_TIRES,
    ),
    Placement(
        key="free_shipping_filler",
        name="Up to free shipping",
        purpose="In a cart that lacks something for free shipping: what brings it there without"
        " going far beyond. Empty where shipping is free already, and where"
        " nobody has said from when on it is.",
        count=6,
        chain=[Strategy.FILLER, Strategy.CART],
        fallback=[Strategy.BEST_SELLERS],
        filters=[
            *_PRODUCTS,
            "context.free_shipping_gap > 0 and price >= context.free_shipping_gap",
            "price <= max(2 * context.free_shipping_gap, 0.4 * context.cart_value)",
        ],
        exclude=_NOT_AGAIN,
    ),
    Placement(
        key="upsell",
        name="A step up",
        purpose="On a product's page: of its category, and better by its price.",
        count=4,
        chain=[Strategy.UPSELL, Strategy.SIMILAR],
        filters=[
            *_PRODUCTS,
            "category within context.product.category",
            "price >= 1.1 * context.product.price and price <= 2.5 * context.product.price",
        ],
    ),
    Placement(
        key="bundles",
        name="Bundles",
        purpose="On a product's page: a few things that make a set with it.",
        count=3,
        chain=[Strategy.BUNDLE, Strategy.TOGETHER],
        filters=_PRODUCTS,
        exclude=_NOT_AGAIN,
    ),
    Placement(
        key="star_products",
        name="Stars of the shop",
        purpose="On the first page: what is bought much and earns much.",
        count=8,
        chain=[Strategy.STAR],
        fallback=[Strategy.BEST_SELLERS, Strategy.NEW],
        filters=_PRODUCTS,
    ),
    Placement(
        key="categories",
        name="Categories for her",
        purpose="In menus and on the first page: the shop's categories in the order that suits"
        " her.",
        shows=Shows.CATEGORIES,
        count=8,
        chain=[Strategy.CATEGORIES],
        fallback=[Strategy.BEST_SELLERS, Strategy.NEW],
    ),
    Placement(
        key="good_to_read",
        name="Good to read",
        purpose="On a product's page or in a mail: guides, posts and reviews that go with what she"
        " looks at.",
        count=3,
        chain=[Strategy.SESSION, Strategy.SIMILAR, Strategy.FOR_YOU],
        filters=['kind is known and kind != "product"'],
        exclude=Exclude(cart=False),
    ),
)
