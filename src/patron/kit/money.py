"""Money: whole minor units and an ISO 4217 currency. No float is kept anywhere."""

import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

import msgspec

_CODES = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN
BZD CAD CDF CHF CLF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL
GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW
KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN
NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK
SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS
VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
CURRENCIES = frozenset(_CODES.split())
"""Codes of ISO 4217 that somebody sells in; funds, metals and tests are left out."""

# ISO 4217 gives every currency two decimals except these (list one, "minor unit" column).
# fmt: off
_EXPONENTS = {
    **dict.fromkeys(["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX",
                     "UYI", "VND", "VUV", "XAF", "XOF", "XPF"], 0),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
    **dict.fromkeys(["CLF", "UYW"], 4),
}
# fmt: on
_SYMBOLS = {
    "€": "EUR",
    "£": "GBP",
    "¥": "JPY",
    "₹": "INR",
    "₩": "KRW",
    "₺": "TRY",
    "₴": "UAH",
    "₫": "VND",
    "₪": "ILS",
    "zł": "PLN",
    "Kč": "CZK",
    "lei": "RON",
    "лв": "BGN",
}
_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩", "ILS": "₪"}
# How languages write numbers: (thousands, decimal). Everything else is written as in English.
_NARROW = "\u202f"
# fmt: off
_MARKS = {
    **dict.fromkeys(["de", "es", "it", "nl", "pt", "da", "tr", "id", "el", "ro", "sl", "hr", "sr"],
                    (".", ",")),
    **dict.fromkeys(["fr", "nb", "nn", "no", "sv", "fi", "pl", "cs", "sk", "uk", "ru", "bg", "hu",
                     "et", "lv", "lt"], (_NARROW, ",")),
}
# fmt: on
LIMIT = 10**15
"""Larger amounts (minor units, either sign) are refused: they are mistakes, and sums must fit."""

_NUMBER = re.compile(r"[-+]?\d[\d.,' \u00a0\u202f\u2019_]*|[-+]?[.,]\d+")
_CODE = re.compile(r"(?<![A-Za-z])[A-Za-z]{3}(?![A-Za-z])")
_SPACES = re.compile(r"[' \u00a0\u202f\u2019_]")


class Money(msgspec.Struct, frozen=True):
    """`amount` in minor units (cents, or whole yen) of `currency` (ISO 4217, upper case)."""

    amount: int
    currency: str


def exponent(currency: str) -> int:
    """Decimals of `currency` by ISO 4217: USD 2, JPY 0, KWD 3; 2 for a code that is not listed."""
    return _EXPONENTS.get(currency, 2)


def currency_code(value: Any) -> str | None:
    """`value` as an upper-case three-letter code, or None when it cannot be one."""
    if not isinstance(value, str):
        return None
    code = value.strip().upper()
    return code if len(code) == 3 and code.isascii() and code.isalpha() else None


def minor(value: Any, currency: str) -> int | None:
    """A price as the world writes it (12.34, "12,34", "1.234,56 EUR", Decimal) in minor units.

    Half a minor unit is rounded away from zero. None when there is no amount in it, or an absurd
    one. A currency written inside the text is not looked at; `money` does that.
    """
    kind = type(value)
    if kind is float:
        scaled: float = value * 10 ** exponent(currency)
        if -LIMIT < scaled < LIMIT:  # also false for NaN
            whole: int = round(scaled)
            if abs(scaled - whole) < 1e-6:  # the usual case: cheaper than a Decimal by ten
                return whole
            return _whole(Decimal(repr(value)), currency)
        return None
    if kind is int:
        amount: int = value * 10 ** exponent(currency)
        return amount if -LIMIT < amount < LIMIT else None
    if isinstance(value, Decimal):
        return _whole(value, currency)
    if isinstance(value, str):
        number = _decimal(value, currency)
        return None if number is None else _whole(number, currency)
    return None


def money(value: Any, default: str) -> Money | None:
    """Like `minor`, with the currency taken from the text when it names one ("12.34 EUR", "€5").

    An object `{"amount": 1234, "currency": "EUR"}` is taken as minor units: it is how Patron
    itself writes money. `default` is the currency when none is named.
    """
    if isinstance(value, Money):
        return value
    if isinstance(value, dict):
        code = currency_code(value.get("currency", default))
        whole = value.get("amount")
        if not code or type(whole) is not int or not -LIMIT < whole < LIMIT:
            return None
        return Money(whole, code)
    code = default
    if isinstance(value, str):
        if named := _CODE.search(value):
            code = named[0].upper()
        else:
            code = next((c for sign, c in _SYMBOLS.items() if sign in value), default)
    amount = minor(value, code)
    return None if amount is None else Money(amount, code)


def number(value: Any, currency: str = "") -> int | float | None:
    """An amount or count written as text ("12,50 €", "3") as a JSON number, in the unit it has.

    For properties that are kept as they came; to count money use `minor`. `currency` is that of an
    amount: it tells what "12.990" is. None when there is no one number in it.
    """
    if isinstance(value, str):
        found = _decimal(value, currency)
        if found is None or found.adjusted() > 15:
            return None
        return int(found) if found == found.to_integral_value() else float(found)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value if -LIMIT < value < LIMIT else None
    return None


def format_money(amount: int, currency: str, locale: str = "en") -> str:
    """`amount` minor units for a reader of `locale`: $1,234.50 · 1.234,50 € · 1 234,50 SEK."""
    places = exponent(currency)
    digits = str(abs(amount)).rjust(places + 1, "0")
    whole, rest = (digits[:-places], digits[-places:]) if places else (digits, "")
    language = re.split(r"[-_]", locale)[0].lower()
    thousands, decimal = _MARKS.get(language, (",", "."))
    grouped = f"{int(whole):,}".replace(",", thousands)
    number = grouped + (decimal + rest if rest else "")
    sign = "-" if amount < 0 else ""
    symbol = _SIGNS.get(currency)
    if language in _MARKS:
        return f"{sign}{number}\u00a0{symbol or currency}"
    return f"{sign}{symbol}{number}" if symbol else f"{sign}{currency}\u00a0{number}"


def as_decimal(amount: int, currency: str) -> Decimal:
    """Minor units in major ones: 1234 USD is Decimal("12.34")."""
    return Decimal(amount).scaleb(-exponent(currency))


def _whole(number: Decimal, currency: str) -> int | None:
    if not number.is_finite() or number.adjusted() > 15:
        return None
    amount = int(number.scaleb(exponent(currency)).quantize(Decimal(1), ROUND_HALF_UP))
    return amount if -LIMIT < amount < LIMIT else None


def _decimal(text: str, currency: str) -> Decimal | None:
    """The one number in `text`; which mark is the decimal one is told from where it stands.

    Two kinds of mark: the last is the decimal one. One kind, several times: thousands. One mark
    before exactly three digits is thousands when it is a comma, or when the currency has no
    decimals; a point is otherwise decimal, as feeds and JSON write it.
    """
    found = _NUMBER.findall(text[:64])
    if len(found) != 1:
        return None
    number = _SPACES.sub("", found[0]).rstrip(".,")
    if "-" in text.split(found[0])[0]:  # "-€5"
        number = "-" + number.lstrip("-+")
    points, commas = number.count("."), number.count(",")
    if points and commas:
        decimal = max(".", ",", key=number.rfind)
        if number.count(decimal) > 1:
            return None
        number = number.replace("," if decimal == "." else ".", "")
    elif points + commas == 1:
        mark = "." if points else ","
        whole, _, rest = number.partition(mark)
        head = whole.lstrip("-+")
        group = len(rest) == 3 and 1 <= len(head) <= 3 and head[0] != "0"
        places = exponent(currency)
        if group and places != 3 and (mark == "," or places == 0):
            number = number.replace(mark, "")
    else:
        number = number.replace(".", "").replace(",", "")
    try:
        return Decimal(number.replace(",", "."))
    except InvalidOperation:
        return None
