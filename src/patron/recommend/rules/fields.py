"""What a rule may ask for: every field with its kind and its words."""

import difflib
from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """What a field, or any part of a rule, is."""

    NUMBER = "number"
    TRUTH = "yes or no"
    TEXT = "text"
    PATH = "category"
    TEXTS = "list of texts"
    FACT = "number, text, yes or no, or list"
    ID = "product id"


class About(StrEnum):
    """Whom a field speaks of."""

    PRODUCT = "the product that may be offered"
    CURRENT = "the product looked at"
    CUSTOMER = "the customer"
    CONTEXT = "the moment"


class Field(msgspec.Struct, frozen=True):
    """A name as rules write it; NAME in it stands for any name; `unit` may be empty."""

    name: str
    kind: Kind
    about: About
    words: str
    example: str
    unit: str = ""


class Operator(msgspec.Struct, frozen=True):
    """A sign or word between values, with what it means."""

    name: str
    words: str
    example: str


class Ref(msgspec.Struct, frozen=True):
    """A field that is asked for: `what` is its column, `key` what stands for NAME."""

    about: About
    what: str
    kind: Kind
    key: str = ""


_MONEY = "the shop's currency"
_SHARE = "share from 0 to 1"
_PRODUCT = (
    ("price", Kind.NUMBER, _MONEY, "What it costs now.", "price < 20"),
    (
        "compare_at",
        Kind.NUMBER,
        _MONEY,
        "The price it is crossed out from.",
        "compare_at - price >= 5",
    ),
    (
        "discount",
        Kind.NUMBER,
        _SHARE,
        "How far below `compare_at` it is; 0 where there is none.",
        "discount >= 20%",
    ),
    (
        "margin",
        Kind.NUMBER,
        _SHARE,
        "What the shop earns on it.",
        "margin > 0.4",
    ),
    ("stock", Kind.NUMBER, "pieces", "How many there are.", "stock is missing or stock >= 3"),
    ("in_stock", Kind.TRUTH, "", "It can be bought now.", "in_stock"),
    ("on_sale", Kind.TRUTH, "", "It costs less than `compare_at`.", "not on_sale"),
    ("age", Kind.NUMBER, "days", "Since it was first seen in the shop.", "age < 30"),
    (
        "popularity",
        Kind.NUMBER,
        _SHARE,
        "How sought after it is; 1 is the most popular product.",
        "popularity < 10%",
    ),
    (
        "bought_again",
        Kind.NUMBER,
        _SHARE,
        "How many of its buyers bought it more than once.",
        "bought_again >= 25%",
    ),
    ("brand", Kind.TEXT, "", "Who makes it.", 'brand in ("Acme", "Brio")'),
    (
        "category",
        Kind.PATH,
        "",
        "Its place in the tree: `Shoes > Boots`.",
        'category within "Boots"',
    ),
    ("kind", Kind.TEXT, "", "`product`, or what content it is.", 'kind = "guide"'),
    ("attr.NAME", Kind.FACT, "", "An attribute of it.", 'attr.colour = "red"'),
    ("id", Kind.ID, "", "The shop's id of it.", 'id not in ("SKU-1", "SKU-2")'),
)
_CURRENT_EXAMPLES = {
    "price": "price >= 1.2 * context.product.price",
    "brand": "brand = context.product.brand",
    "category": "category within context.product.category",
    "kind": 'context.product.kind = "guide"',
    "attr.NAME": "attr.size = context.product.attr.size",
    "id": 'context.product.id != "SKU-1"',
    "in_stock": "not context.product.in_stock",
    "on_sale": "context.product.on_sale",
}
_MOMENT = (
    (
        "context.cart_value",
        Kind.NUMBER,
        _MONEY,
        "What the cart is worth.",
        "context.cart_value > 50",
    ),
    (
        "context.cart_size",
        Kind.NUMBER,
        "products",
        "How many products are in the cart.",
        "context.cart_size = 0",
    ),
    (
        "context.cart.brands",
        Kind.TEXTS,
        "",
        "Brands of the products in the cart.",
        "brand in context.cart.brands",
    ),
    (
        "context.cart.categories",
        Kind.TEXTS,
        "",
        "Their categories.",
        "category within context.cart.categories",
    ),
    (
        "context.viewed.brands",
        Kind.TEXTS,
        "",
        "Brands of what was looked at in this visit.",
        "brand in context.viewed.brands",
    ),
    (
        "context.viewed.categories",
        Kind.TEXTS,
        "",
        "Categories of it.",
        "category in context.viewed.categories",
    ),
    (
        "context.free_shipping_gap",
        Kind.NUMBER,
        _MONEY,
        "What the cart lacks for free shipping; missing where the shop has not said from when on.",
        "price >= context.free_shipping_gap",
    ),
    (
        "context.param.NAME",
        Kind.FACT,
        "",
        "What the page sent along with its question.",
        "attr.size = context.param.size",
    ),
)
_CURRENT = "context.product."
OPERATORS = (
    Operator("=", "Equal; of texts in whatever case.", 'brand = "Acme"'),
    Operator("!=", "Not equal.", "brand != context.product.brand"),
    Operator("<", "Less.", "price < 20"),
    Operator("<=", "Less or equal.", "price <= 19.99"),
    Operator(">", "More.", "margin > 40%"),
    Operator(">=", "More or equal.", "stock >= 3"),
    Operator("in", "Equal to one of them.", 'brand in ("Acme", "Brio")'),
    Operator("not in", "Equal to none of them.", 'attr.size not in ("S", "M")'),
    Operator(
        "contains",
        "A list has the member; a text has these letters in it, in whatever case.",
        'customer.segments contains "vip"',
    ),
    Operator("not contains", "The opposite.", 'brand not contains "outlet"'),
    Operator(
        "within",
        "The category is one of these or below one, by name or by whole path.",
        'category within "Shoes > Boots"',
    ),
    Operator("not within", "The opposite.", 'category not within ("Sale", "Gifts")'),
    Operator("is known", "There is a value.", "margin is known"),
    Operator("is missing", "There is none.", "stock is missing or stock > 0"),
    Operator("and", "Both hold.", "in_stock and price < 20"),
    Operator("or", "One of them holds; weaker than `and`.", "on_sale or age < 14"),
    Operator("not", "It does not hold; stronger than `and`.", "not on_sale and in_stock"),
    Operator(
        "if … else",
        "One number where it holds, the other where it does not or is not known.",
        "1.5 if margin > 40% else 1",
    ),
    Operator("+", "Sum.", "1 + popularity"),
    Operator("-", "Difference, or the number below zero.", "compare_at - price >= 5"),
    Operator("*", "Product.", "price >= 1.2 * context.product.price"),
    Operator("/", "Quotient; missing where the second is 0.", "price / context.cart_value < 0.5"),
)


def fields() -> list[Field]:
    """All of them, in the order in which they are explained; what documentation and an editor are
    made from."""
    return list(_ALL)


def _all() -> list[Field]:
    found = [
        Field(name, kind, About.PRODUCT, words, example, unit)
        for name, kind, unit, words, example in _PRODUCT
    ]
    found.append(
        Field(
            "customer.NAME",
            Kind.FACT,
            About.CUSTOMER,
            "A fact about her: `country`, `segments`, a trait.",
            'customer.segments contains "vip"',
        )
    )
    for name, kind, unit, _, _ in _PRODUCT:
        usual = f"{name} <= context.product.{name}"
        example = _CURRENT_EXAMPLES.get(name, usual)
        told = f"`{name}` of the product looked at."
        found.append(Field(_CURRENT + name, kind, About.CURRENT, told, example, unit))
    for name, kind, unit, words, example in _MOMENT:
        found.append(Field(name, kind, About.CONTEXT, words, example, unit))
    return found


_ALL = _all()
_BY_NAME = {field.name: field for field in _ALL}
_OPEN = [field for field in _ALL if field.name.endswith(".NAME")]
NAMES = [field.name for field in _ALL]


def find(name: str) -> Ref | None:
    """What `name` asks for; None when there is no such field. `product.price` is `price`."""
    plain = name.removeprefix("product.")
    if (field := _BY_NAME.get(plain)) and not plain.endswith(".NAME"):
        return _ref(field, "")
    for field in _OPEN:
        stem = field.name.removesuffix("NAME")
        key = plain.removeprefix(stem)
        if key != plain and key.strip('"').strip():
            return _ref(field, key.strip('"'))
    return None


def _ref(field: Field, key: str) -> Ref:
    what = field.name.removesuffix(".NAME")
    if field.about is About.CURRENT:
        what = what.removeprefix(_CURRENT)
    return Ref(field.about, what, field.kind, key)


def nearest(name: str, allowed: list[str] | None = None) -> str | None:
    """What was probably meant, None when nothing is near."""
    among = NAMES if allowed is None else allowed
    found = difflib.get_close_matches(name, among, n=1, cutoff=0.6)
    if not found and allowed is None:
        last = {field.rsplit(".", 1)[-1]: field for field in reversed(among)}
        close = difflib.get_close_matches(name.rsplit(".", 1)[-1], list(last), n=1, cutoff=0.75)
        found = [last[close[0]]] if close and close[0] != "NAME" else []
    return found[0] if found else None
