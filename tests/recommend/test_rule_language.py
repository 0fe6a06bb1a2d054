"""A shopkeeper writes a filter or a boost, and learns what is wrong with it."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goods import DAY, NOW, goods, many_words, moment, moments, shelves, words
from patron.recommend.rules.fields import Kind, fields
from patron.recommend.rules.grammar import DEEPEST, LONGEST, MOST_PARTS, Misspoken, parse
from patron.recommend.rules.language import (
    FUNCTIONS,
    LEAST_BOOST,
    MOST_BOOST,
    read_boost,
    read_filter,
)
from patron.recommend.rules.scene import Scene
from patron.recommend.rules.types import Context, Goods

SHOP = goods(
    4,
    price=[1999, 2000, -1, 5000],
    compare_at=[2999, -1, -1, 4000],
    in_stock=[True, True, False, True],
    stock=[1, -1, 0, 9],
    brand=words("Acme", "brio", None, "ACME"),
    category=words("Shoes > Boots", "Shoes > Sandals", None, "Shoes > Boots > Winter"),
    margin=[0.4, np.nan, 0.1, 0.2],
    first_seen=[NOW - 30 * DAY, NOW - 20 * DAY, -1, NOW - DAY],
    popularity=[1, 2, 0, 4],
    repeat=[np.nan, 0.5, 0.1, 0],
    kind=words("product", "product", "guide", None),
    attributes={
        "Colour": words("red", None, "blue", "RED"),
        "Shoe size": words("42", "43", None, "large"),
        "soft": words("true", "false", None, None),
        "tags": many_words(["sale", "new"], [], ["new"], ["old"]),
    },
)
HER = moment(
    product=0,
    cart=[1],
    viewed=[3],
    cart_value=2000,
    free_shipping_from=3000,
    customer={"country": "LV", "segments": ["vip", "mothers"], "orders": 3, "vip": True},
    params={"size": 42, "word": "ac"},
)


def passing(text: str, shop: Goods = SHOP, context: Context = HER) -> list[int]:
    return np.flatnonzero(read_filter(text).mask(Scene(shop, context))).tolist()


def test_every_field_and_every_function_of_the_list_works_as_its_example_says() -> None:
    for one in fields():
        assert one.words.endswith("."), one.name
        if one.kind is Kind.NUMBER:
            assert one.unit, one.name
        assert len(read_filter(one.example).mask(Scene(SHOP, HER))) == 4, one.example
    for name, function in FUNCTIONS.items():
        assert name in function.example
        try:
            assert len(read_boost(function.example).factors(Scene(SHOP, HER))) == 4
        except Misspoken:
            assert len(read_filter(function.example).mask(Scene(SHOP, HER))) == 4


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("price < 20", [0]),
        ("price = 19.99", [0]),
        ("price in (19.99, 20)", [0, 1]),
        ("compare_at - price >= 5", [0]),
        ("discount >= 33% and discount < 34%", [0]),
        ("discount = 0", [1, 3]),
        ("margin = 0.4", [0]),
        ("margin >= 20%", [0, 3]),
        ("stock < 5", [0, 2]),
        ("in_stock", [0, 1, 3]),
        ("in_stock = false", [2]),
        ("on_sale", [0]),
        ("age > 25", [0]),
        ("popularity = 1", [3]),
        ("popularity >= 50%", [1, 3]),
        ("bought_again >= 0.5", [1]),
        ('brand = "acme"', [0, 3]),
        ('brand in ("Brio", "Nobody")', [1]),
        ("brand in ['Brio', “ACME”]", [0, 1, 3]),
        ('brand contains "RI"', [1]),
        ('category within "shoes"', [0, 1, 3]),
        ('category within "Boots"', [0, 3]),
        ('category within "Shoes>Boots"', [0, 3]),
        ('category within ("Sandals", "Winter")', [1, 3]),
        ('category = "Boots"', [0]),
        ('category = "Shoes > Boots"', [0]),
        ('category contains "oot"', [0, 3]),
        ("category within context.product.category", [0, 3]),
        ("category within context.cart.categories", [1]),
        ("category within context.viewed.categories", [3]),
        ('kind = "guide"', [2]),
        ('attr.colour = "red"', [0, 3]),
        ('attr.COLOUR = "red"', [0, 3]),
        ('attr."shoe size" >= 42', [0, 1]),
        ('attr."Shoe size" = context.param.size', [0]),
        ("attr.soft", [0]),
        ("not attr.soft", [1]),
        ('attr.tags = "new"', [0, 2]),
        ('attr.tags contains "l"', [0, 3]),
        ('attr.nothing = "x"', []),
        ('id in ("p1", "p3", "gone")', [1, 3]),
        ("id != context.product.id", [1, 2, 3]),
        ("brand = context.product.brand", [0, 3]),
        ("brand in context.cart.brands", [1]),
        ("brand contains context.param.word", [0, 3]),
        ("price >= 1.5 * context.product.price", [3]),
        ('customer.country = "lv" and price > 20', [3]),
        ('customer.country = "EE" and price > 20', []),
        ('customer.segments contains "VIP" and in_stock', [0, 1, 3]),
        ('customer.segments contains "vi"', []),
        ('customer.country contains "l" and on_sale', [0]),
        ("customer.orders >= 3 and on_sale", [0]),
        ("customer.vip and on_sale", [0]),
        ("customer.vip = true and on_sale", [0]),
        ("context.cart_value = 20 and on_sale", [0]),
        ("context.cart_size = 1 and on_sale", [0]),
        ("context.free_shipping_gap = 10 and on_sale", [0]),
        ('context.product.category within "Boots" and on_sale', [0]),
        ('context.product.id = "p0" and on_sale', [0]),
        ("not (price < 20 or price > 40)", [1]),
        ("price < 20 or brand = 'brio' and in_stock", [0, 1]),
        ("price > (5 if in_stock else 1000)", [0, 1, 3]),
        ("-price < -20", [3]),
        ("price / 0 > 1 or price / 0 <= 1", []),
        ("min(price, 30) = 30", [3]),
        ("default(margin, 1) = 1", [1]),
        ("product.price < 20 AND NOT product.on_sale OR FALSE", []),
        ("price <> 20 and price == 19.99", [0]),
    ],
)
def test_a_filter_lets_pass_what_it_says(text: str, items: list[int]) -> None:
    assert passing(text) == items


def test_what_is_missing_passes_no_comparison_of_numbers_and_no_opposite_of_one() -> None:
    assert passing("price < 20") == [0]
    assert passing("not price < 20") == passing("price >= 20") == [1, 3]
    assert passing("price != 20") == [0, 3]
    assert passing("price is missing") == [2]
    assert passing("not price is known or price < 20") == [0, 2]
    assert passing("customer.age > 18 or in_stock = false") == [2]
    nobody = moment()
    assert passing("price > context.product.price", context=nobody) == []
    assert passing("context.product.in_stock or not context.product.in_stock", context=nobody) == []
    assert passing("context.free_shipping_gap >= 0", context=nobody) == []


def test_a_product_without_a_text_is_not_what_the_text_says() -> None:
    assert passing('brand != "Acme"') == passing('not brand = "Acme"') == [1, 2]
    assert passing('brand not in ("Acme", "Brio")') == passing("brand is missing") == [2]
    assert passing('category not within "Boots"') == [1, 2]
    assert passing('attr.colour not contains "e"') == [1]
    # Two that say nothing have nothing in common.
    assert passing("brand = context.product.brand", context=moment(product=2)) == []


def test_a_boost_is_bounded_and_what_is_missing_changes_nothing() -> None:
    def factors(text: str) -> list[float]:
        found: list[float] = np.round(read_boost(text).factors(Scene(SHOP, HER)), 3).tolist()
        return found

    assert factors("1.5 if margin > 15% else 1") == [1.5, 1, 1, 1.5]
    assert factors("1 + margin") == [1.4, 1, 1.1, 1.2]
    assert factors("price * 1000") == [MOST_BOOST, MOST_BOOST, 1, MOST_BOOST]
    assert factors("0 - price") == [LEAST_BOOST, LEAST_BOOST, 1, LEAST_BOOST]
    assert factors("1 / (price - price)") == [1, 1, 1, 1]
    assert factors("2 if customer.vip else 1") == [2, 2, 2, 2]
    assert factors("3 if in_stock else 2 if price is missing else 1") == [3, 3, 2, 3]
    assert factors('attr."shoe size"') == [42, 43, 1, 1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prise < 20", "line 1, column 1: there is no such field, found prise; nearest: price"),
        (
            "price < 20\n  and bran = 'x'",
            "line 2, column 7: there is no such field, found bran; nearest: brand",
        ),
        ("brand = Acme", "line 1, column 9: there is no such field, found Acme; allowed: a field,"),
        ('price < "x"', 'line 1, column 9: must be a number, found "x" (text)'),
        ("brand > 3", "line 1, column 1: must be a number, found brand (text)"),
        ("price", "line 1, column 1: must be a condition, found price (number)"),
        ("price <", "line 1, column 8: the rule stops too early, found its end; allowed: "),
        ("", "line 1, column 1: the rule is empty, found nothing"),
        ("1 < price < 5", "line 1, column 11: cannot stand here, found <; allowed: "),
        ("price is knwon", "column 10: cannot stand here, found knwon; nearest: known"),
        ('category whitin "x"', "column 10: cannot stand here, found whitin; nearest: within"),
        ("brand = 'Acme", "line 1, column 9: the quote is not closed"),
        ("price ^ 2 > 1", "line 1, column 7: no rule has this sign, found ^"),
        ("mni(price, 2) > 1", "there is no such function, found mni; nearest: min"),
        ("min(price) > 1", "min takes 2 to 10 numbers, found 1"),
        ("min > 1", "there is no such field, found min; nearest: min(…)"),
        ("brand within 'x'", "has no tree, found brand (text); allowed: category"),
        ("brand = attr.maker", "two texts of the product itself cannot be compared"),
        ("brand = ('a', 'b')", "a list is compared with “in”"),
        ("in_stock in ('a')", "cannot be asked for with “in”"),
        ("price contains 'a'", "contains no texts"),
        ("id is missing", "is always known"),
        ("id = id", "is the same"),
        ("brand in (price > 1, 'x')", "cannot stand in a list"),
        ("__import__('os')", "there is no such function, found __import__"),
        ("price.__class__ is known", "there is no such field, found price.__class__"),
        ("customer. = 1", "no rule has this sign, found ."),
        ("1" * 40 + " > price", "a number has at most 32 digits"),
        ("brand = '" + "x" * 201 + "'", "a text has at most 200 characters"),
        ("(" * 30 + "in_stock" + ")" * 30, f"rules are nested at most {DEEPEST} deep"),
        ("not " * 40 + "in_stock", f"rules are nested at most {DEEPEST} deep"),
        ("0 < " + "-" * 40 + "1", f"rules are nested at most {DEEPEST} deep"),
        ("price > " + "+".join("1" * (MOST_PARTS + 1)), f"at most {MOST_PARTS} parts"),
        ("x" * (LONGEST + 1), f"a rule has at most {LONGEST:,} characters"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text: str, said: str) -> None:
    with pytest.raises(Misspoken) as caught:
        read_filter(text)
    assert said in str(caught.value)
    assert caught.value.remedy


def test_a_boost_that_is_a_condition_learns_how_to_become_a_number() -> None:
    with pytest.raises(Misspoken, match=r"a boost is a number.*allowed: 2 if on_sale else 1"):
        read_boost("on_sale")


_PARTS = st.sampled_from(
    [
        "price", "brand", "category", "attr.colour", "customer.segments", "context.param.size",
        "context.product.price", "id", "in_stock", "20", "5%", "'Boots'", '"', "(", ")", "[", "]",
        ",", "+", "-", "*", "/", "<", ">=", "=", "!=", "and", "or", "not", "in", "contains",
        "within", "is", "missing", "known", "if", "else", "min", "log", "\n", "\x00", "é", "true",
    ]
)  # fmt: skip


@given(st.one_of(st.text(max_size=60), st.lists(_PARTS, max_size=24).map(" ".join)))
def test_any_text_is_a_rule_or_is_refused_with_its_place(text: str) -> None:
    for read in (read_filter, read_boost):
        try:
            rule = read(text)
        except Misspoken as wrong:
            assert 1 <= wrong.line <= text.count("\n") + 1
            assert 1 <= wrong.column <= len(text) + 1
            assert wrong.problem and wrong.found is not None
        else:
            assert rule.text == text


_NUMBERS = st.sampled_from(
    [
        "price", "compare_at", "discount", "margin", "stock", "age", "popularity", "bought_again",
        "context.product.price", "context.cart_value", "context.cart_size", "customer.orders",
        "customer.nothing", "context.free_shipping_gap", "attr.colour", "0", "20", "10%",
        "context.param.size", "(price - 5)", "price / stock", "max(price, 20)", "-margin",
        "default(price, 1)", "log(price)", "(1 if on_sale else price)",
    ]
)  # fmt: skip
_TEXTS = st.sampled_from(
    [
        "'acme'", "'Boots'", "('red', 'Tea')", "context.product.brand", "context.param.colours",
        "customer.segments", "context.cart.categories", "context.product.category",
        "context.param.nothing", "('red', context.product.brand)",
    ]
)  # fmt: skip
_COLUMNS = st.sampled_from(["brand", "category", "kind", "attr.colour", "attr.nothing"])
_SIMPLE = st.one_of(
    st.builds(
        "{} {} {}".format, _NUMBERS, st.sampled_from(["<", "<=", ">", ">=", "=", "!="]), _NUMBERS
    ),
    st.builds("{} {} {}".format, _COLUMNS, st.sampled_from(("in", "contains", "not in")), _TEXTS),
    st.builds("category within {}".format, _TEXTS),
    st.builds("{} is {}".format, _NUMBERS | _COLUMNS, st.sampled_from(("known", "missing"))),
    st.sampled_from(["in_stock", "on_sale", "context.product.in_stock", "attr.colour", "true"]),
)
_RULES = st.recursive(
    _SIMPLE,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not ({})".format, inner),
        st.builds("({}) = in_stock".format, inner),
    ),
    max_leaves=6,
)


@given(st.data(), _RULES, _RULES)
def test_rules_obey_logic_and_some_products_get_the_answer_that_all_get(
    data: st.DataObject, one: str, other: str
) -> None:
    shop = data.draw(shelves(most=8))
    context = data.draw(moments(len(shop)))

    def mask(text: str) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        return read_filter(text).mask(Scene(shop, context))

    whole = mask(one)
    assert whole.shape == (len(shop),) and whole.dtype == np.bool_
    some = np.array(data.draw(st.permutations(range(len(shop)))), np.int32)[: len(shop) // 2 + 1]
    part = read_filter(one).mask(Scene(shop, context, some))
    assert part.tolist() == whole[some].tolist()
    assert not (whole & mask(f"not ({one})")).any()
    assert mask(f"not not ({one})").tolist() == whole.tolist()
    both = mask(f"({one}) and ({other})")
    assert both.tolist() == (whole & mask(other)).tolist()
    assert mask(f"({one}) or ({other})").tolist() == (whole | mask(other)).tolist()
    never = mask(f"not (({one}) and ({other}))")
    assert never.tolist() == mask(f"(not ({one})) or (not ({other}))").tolist()
    factors = read_boost(f"price if {one} else margin").factors(Scene(shop, context))
    assert ((factors >= LEAST_BOOST) & (factors <= MOST_BOOST)).all()


@given(
    st.lists(st.integers(-5, 10**13), min_size=1, max_size=20),
    st.decimals(0, 10**11, places=2),
    st.sampled_from(["EUR", "JPY", "KWD"]),
)
def test_amounts_compare_as_they_are_written(
    prices: list[int], limit: Decimal, currency: str
) -> None:
    shop = goods(len(prices), price=prices, currency=currency)
    places = {"EUR": 2, "JPY": 0, "KWD": 3}[currency]
    for sign, holds in (("<", Decimal.__lt__), ("=", Decimal.__eq__), (">=", Decimal.__ge__)):
        expected = [
            number
            for number, price in enumerate(prices)
            if price >= 0 and holds(Decimal(price).scaleb(-places), limit)
        ]
        assert passing(f"price {sign} {limit}", shop, moment()) == expected


def test_reading_a_rule_is_quick_whatever_it_says() -> None:
    # The parser is linear: nested and repeated parts up to the limits are read in one go.
    wide = "brand in (" + ", ".join(f"'{n}'" for n in range(400)) + ")"
    assert parse(wide).size < MOST_PARTS
    assert passing(wide) == []
    deep = "(" * (DEEPEST - 1) + "in_stock" + ")" * (DEEPEST - 1)
    assert passing(deep) == [0, 1, 3]


def test_an_answer_is_nobodys_column() -> None:
    mask = read_filter("in_stock").mask(Scene(SHOP, HER))
    mask[:] = False
    assert passing("in_stock") == [0, 1, 3]
