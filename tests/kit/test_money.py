from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patron.kit.money import Money, as_decimal, exponent, format_money, minor, money, number


@pytest.mark.parametrize(
    ("written", "currency", "amount"),
    [
        (12.34, "USD", 1234),
        (19.99, "USD", 1999),
        (0.285, "USD", 29),
        (1.005, "USD", 101),
        (12, "USD", 1200),
        ("12.34", "USD", 1234),
        ("12,34", "EUR", 1234),
        ("12.34 EUR", "EUR", 1234),
        ("1.234,56", "EUR", 123456),
        ("1,234.56", "USD", 123456),
        ("1 234,56 €", "EUR", 123456),
        ("CHF 1'234.50", "CHF", 123450),
        ("1.234.567", "EUR", 123456700),
        ("1,234", "USD", 123400),
        ("1.234", "USD", 123),
        ("1.299", "JPY", 1299),
        ("1,299", "JPY", 1299),
        ("1.299", "KWD", 1299),
        ("12.", "USD", 1200),
        (".99", "USD", 99),
        ("34.0000", "USD", 3400),
        ("-5.00", "USD", -500),
        ("-€5", "EUR", -500),
        (Decimal("9.99"), "USD", 999),
        (300, "JPY", 300),
        ("300.00", "JPY", 300),
    ],
)
def test_prices_are_read_as_the_world_writes_them(
    written: object, currency: str, amount: int
) -> None:
    assert minor(written, currency) == amount


@pytest.mark.parametrize(
    "nothing",
    [None, "", "free", True, [], {}, float("nan"), float("inf"), 1e300, 10**30, "1e400", "1 - 2",
     "1,2,3.4.5", Decimal("NaN"), Decimal("1e99")],
)  # fmt: skip
def test_what_is_no_price_is_none(nothing: object) -> None:
    assert minor(nothing, "USD") is None


def test_the_currency_in_the_text_counts() -> None:
    assert money("12.34 EUR", "USD") == Money(1234, "EUR")
    assert money("JPY 1,200", "USD") == Money(1200, "JPY")
    assert money("£5", "USD") == Money(500, "GBP")
    assert money("5", "USD") == Money(500, "USD")
    assert money({"amount": 1234, "currency": "eur"}, "USD") == Money(1234, "EUR")
    assert money({"amount": 12.5, "currency": "EUR"}, "USD") is None
    assert money("nothing", "USD") is None


def test_a_number_in_text_keeps_its_unit() -> None:
    assert [number(v) for v in ("12,50 €", "3", "1.234,5", 7, 0.5)] == [12.5, 3, 1234.5, 7, 0.5]
    assert [number(v) for v in ("x", None, True, float("nan"), "1 - 2")] == [None] * 5


def test_amounts_are_written_as_the_reader_writes_them() -> None:
    assert format_money(123450, "USD", "en-US") == "$1,234.50"
    assert format_money(123450, "EUR", "de-DE") == "1.234,50\u00a0€"
    assert format_money(123450, "SEK", "sv") == "1\u202f234,50\u00a0SEK"
    assert format_money(-5, "USD") == "-$0.05"
    assert format_money(1200, "JPY") == "¥1,200"
    assert format_money(1234567, "KWD") == "KWD\u00a01,234.567"


@given(
    st.integers(-(10**12), 10**12),
    st.sampled_from(["USD", "JPY", "KWD", "CLF"]),
    st.sampled_from(["en", "de", "fr"]),
)
def test_what_is_written_can_be_read_again(amount: int, currency: str, locale: str) -> None:
    assert minor(as_decimal(amount, currency), currency) == amount
    if exponent(currency) == 2:
        assert minor(format_money(amount, currency, locale), currency) == amount


@given(st.integers(-(10**9), 10**9))
def test_floats_of_two_decimals_lose_nothing(cents: int) -> None:
    assert minor(cents / 100, "USD") == cents
