"""What a page, a mail or the owner asks for, and the answer."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from patron.recommend.placements.definition import MOST_PLACES
from patron.recommend.rules.types import Plain
from patron.recommend.serving.goods import Face

MOST_AT_ONCE = 20
MOST_NAMED = 200
LONGEST = 255

Key = Annotated[str, Meta(min_length=1, max_length=60, description="The key of a placement.")]
ProductId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=LONGEST,
        description="Its id, or another name of it in the catalog.",
    ),
]
Products = Annotated[list[ProductId], Meta(max_length=MOST_NAMED)]
Fact = str | float | bool | None | Annotated[list[str], Meta(max_length=100)]


class Question(
    msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True
):
    """What is asked. Without anybody named it is asked for a new visitor.

    `placements` are asked together, `distinct` keeps them from offering the same product twice.
    `product` is the one looked at. `cart` and `viewed` are what the page knows of this visit, the
    oldest first; what the log knows is added. `profile` may be used by servers only. Without
    `compare` she is held out of nothing, and that she asked is not written down.
    """

    placements: Annotated[list[Key], Meta(min_length=1, max_length=MOST_AT_ONCE)]
    anonymous_id: Annotated[str, Meta(max_length=LONGEST)] | None = None
    user_id: Annotated[str, Meta(max_length=LONGEST)] | None = None
    user_hash: Annotated[str, Meta(max_length=128)] | None = None
    profile: Annotated[str, Meta(max_length=LONGEST)] | None = None
    product: ProductId | None = None
    cart: Products | None = None
    cart_value: (
        Annotated[int, Meta(ge=0, description="In minor units of the shop's currency.")] | None
    ) = None
    free_shipping_from: Annotated[int, Meta(ge=0, description="In minor units.")] | None = None
    viewed: Products | None = None
    exclude: Products = []
    count: Annotated[int, Meta(ge=1, le=MOST_PLACES)] | None = None
    distinct: bool = False
    compare: bool = True
    params: Annotated[Mapping[str, Fact], Meta(max_length=30)] = {}
    country: Annotated[str, Meta(max_length=2)] | None = None
    write_key: Annotated[str, Meta(max_length=LONGEST)] | None = None
    seed: Annotated[int, Meta(ge=0, le=2**60)] | None = None

    def named(self) -> list[str]:
        """Every product that it names, as it calls it."""
        looked_at = () if self.product is None else (self.product,)
        return [*looked_at, *(self.cart or ()), *(self.viewed or ()), *self.exclude]


class Item(Face, frozen=True, omit_defaults=True, kw_only=True):
    """An offered product. `reason` is for the customer; `codes` begin with the strategy. `due` is
    the date on which she is expected to need it again."""

    reason: str = ""
    codes: list[str] = msgspec.field(default_factory=list)
    because: str | None = None
    score: float = 0.0
    due: str | None = None


class CategoryItem(msgspec.Struct, frozen=True):
    """An offered category, as the catalog writes its path."""

    category: str
    reason: str = ""
    codes: list[str] = []
    score: float = 0.0


class Answered(msgspec.Struct, frozen=True):
    """The answer of one placement. Send `rec_id` along with what becomes of it; `fallback_share` is
    the part that only fills up, `model` the training it came from, empty before the first. `why` is
    `held_out` where she gets what everybody gets, or nothing, so that it is seen what the placement
    earns: hide the box that is empty then. Of another empty answer it says `no_products` (none may
    be shown), `nothing_known` (to its strategies), or `kept_out`: then `dropped` says by what."""

    placement: str
    rec_id: str
    items: list[Item] = []
    categories: list[CategoryItem] = []
    fallback_share: float = 0.0
    model: str = ""
    why: str = ""
    dropped: dict[str, int] = {}


class Answer(msgspec.Struct, frozen=True):
    """The answers in the order of the question. A placement that is `unknown` or `off` is left out.
    Of the products that the question names the catalog does not know `unknown_products`."""

    placements: list[Answered]
    unknown: list[str] = []
    unknown_products: list[str] = []
    off: list[str] = []


class Wired(msgspec.Struct, frozen=True):
    """`Answered` with its items as JSON that is written already."""

    placement: str
    rec_id: str
    items: msgspec.Raw
    categories: list[CategoryItem]
    fallback_share: float
    model: str
    why: str
    dropped: dict[str, int]


class WiredAnswer(msgspec.Struct, frozen=True):
    """`Answer`, of the same form on the wire."""

    placements: list[Wired]
    unknown: list[str] = []
    unknown_products: list[str] = []
    off: list[str] = []


def plain(params: Mapping[str, Fact]) -> dict[str, Plain]:
    """Parameters as rules see them."""
    return {name: value for name, value in params.items() if value is not None}
