"""Reason codes and objections in words: for the customer who sees an offer, and for the owner."""

from collections.abc import Mapping, Sequence

import msgspec

from patron.recommend.rules.types import Goods, Objection, Strategy, Touch


class Said(msgspec.Struct, frozen=True):
    """What a code says. `with_product` has {product} in it and is used where one speaks for it;
    a code without `customer` is not told to her."""

    owner: str
    customer: str = ""
    with_product: str = ""


REASONS: dict[str, Said] = {
    Strategy.TOGETHER: Said(
        "Is in one order with it more often than chance would have it.",
        "Often bought together",
        "Often bought with {product}",
    ),
    Strategy.CART: Said(
        "Is often bought with what is in the cart.",
        "Goes with your cart",
        "Goes with {product}",
    ),
    Strategy.BUNDLE: Said(
        "Is bought as a set with it.", "Makes a set", "Makes a set with {product}"
    ),
    Strategy.ALSO_VIEWED: Said(
        "Is looked at by those who look at it.",
        "Others looked at this, too",
        "Who looks at {product} looks at this, too",
    ),
    Strategy.SIMILAR: Said(
        "Is like it in words, category, brand and price, or in who looks at it.",
        "Similar",
        "Similar to {product}",
    ),
    Strategy.BECAUSE_YOU_VIEWED: Said(
        "Is near to something she looked at.",
        "Because of what you looked at",
        "Because you looked at {product}",
    ),
    Strategy.SESSION: Said(
        "Is what others on the same way through the shop looked at next.",
        "Fits what you are looking at",
        "Fits {product}",
    ),
    Strategy.FOR_YOU: Said(
        "Follows from what she looked at and bought, the latest first.",
        "Picked for you",
        "Picked for you because of {product}",
    ),
    Strategy.AGAIN: Said(
        "She bought it before, and it is about time for more.", "Time for more of it?"
    ),
    Strategy.NEXT_ORDER: Said(
        "Fits her next order: she buys it often, or those do who buy as she does.",
        "For your next order",
    ),
    Strategy.TRENDING: Said(
        "Is more sought after lately than it used to be.", "In demand right now"
    ),
    Strategy.BEST_SELLERS: Said("Is bought most, lately above all.", "A best-seller"),
    Strategy.NEW: Said("Has come to the shop lately.", "New here"),
    Strategy.ON_SALE: Said("Costs less than it did.", "Reduced"),
    Strategy.STAR: Said("Is bought much and earns much.", "A favourite of the shop"),
    Strategy.RECENTLY_VIEWED: Said("She looked at it lately.", "You looked at this lately"),
    Strategy.FILLER: Said("Fills the cart up to free shipping.", "Brings you to free shipping"),
    Strategy.UPSELL: Said(
        "Is of the same category and a higher price.", "A step up", "A step up from {product}"
    ),
    Strategy.CATEGORIES: Said(
        "Stands where what she looks at and buys puts it, and what everybody does.",
        "Much sought after",
    ),
    Touch.PINNED: Said("A pin of yours puts it here.", "Chosen by the shop"),
    Touch.EXPLORED: Said("Is new and shown to be tried.", "New here"),
    Touch.BOOSTED: Said("A boost of yours lifts it."),
    Touch.FALLBACK: Said("Fills up, because the placement's own strategies had no more."),
}

HERS = "You were here before"
"""Said of a category in which she looked at something, bought something, or has it in the cart."""

OBJECTIONS: dict[str, str] = {
    Objection.NO_PRODUCT: "It is in the shop's past, but not in its catalog.",
    Objection.TWICE: "An earlier strategy of the placement had offered it already.",
    Objection.NOT_SHOWN: "The catalog says that it is not to be shown.",
    Objection.OUT_OF_STOCK: "It cannot be bought now.",
    Objection.CURRENT: "It is the product looked at, or a variant of it.",
    Objection.IN_CART: "It is in the cart, or a variant of it is.",
    Objection.EXCLUDED: "The page asked for it to be left out.",
    Objection.VIEWED: "She has looked at it in this visit.",
    Objection.BOUGHT: "She bought it lately.",
    Objection.IGNORED: "She was shown it often and never clicked.",
    Objection.PRICE: "Its price is outside the range, or not known.",
    Objection.FILTER: "A filter does not let it pass; the number counts filters from 0.",
    Objection.RELEVANCE: "Too little speaks for it, beside the best of the same strategy.",
    Objection.APART: "It may not stand beside something that is there; the number counts from 0.",
    Objection.PARENT: "A variant of the same product is in the answer.",
    Objection.BRAND: "The answer has enough of the brand.",
    Objection.CATEGORY: "The answer has enough of the category.",
}

NO_PRODUCTS, KEPT_OUT, NOTHING_KNOWN, OFF = "no_products", "kept_out", "nothing_known", "off"
EMPTY: dict[str, str] = {
    NO_PRODUCTS: "The catalog has nothing that may be shown.",
    KEPT_OUT: "All that its strategies offer is kept out.",
    NOTHING_KNOWN: "Its strategies know nothing to offer here, and neither does a fallback.",
    OFF: "The placement is off: pages get nothing.",
    "held_out": "She is held out of the placement and sees nothing in its place.",
}
"""Why an answer is empty, for the owner."""


def why_empty(dropped: Mapping[str, int], goods: Goods) -> str:
    """Why nothing is offered where so many products were `dropped`; a key of `EMPTY`."""
    if not goods.shown.any():
        return NO_PRODUCTS
    return KEPT_OUT if dropped else NOTHING_KNOWN


def told(codes: Sequence[str], product: str | None = None) -> str:
    """Why she is offered it, in her words; `product` is the title of what speaks for it. Empty
    where no code is meant for her."""
    for code in codes:
        said = REASONS.get(code)
        if said is not None and said.customer:
            if product and said.with_product:
                # Not `format`: a title is data and may hold braces.
                return said.with_product.replace("{product}", product)
            return said.customer
    return ""


def explained(codes: Sequence[str]) -> list[str]:
    """Why it is offered, in sentences for the owner, one a code."""
    return [REASONS[code].owner for code in codes if code in REASONS]


def left_out(name: str) -> str:
    """Why products are not offered, by a key of `Ranked.dropped`."""
    return OBJECTIONS[Objection(name.split("[", 1)[0])]
