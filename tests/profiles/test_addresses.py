"""Addresses are compared the way their owners mean them, and nobody's address is nobody's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patron.profiles.address import Blocklist, is_placeholder, normalise_email, normalise_phone


@pytest.mark.parametrize(
    ("given_text", "address", "key"),
    [
        (" Ada.Byron+shop@X.Example ", "Ada.Byron+shop@x.example", "ada.byron+shop@x.example"),
        ("o'neil@x.example", "o'neil@x.example", "o'neil@x.example"),
        ("käthe@bücher.example", "käthe@bücher.example", "käthe@xn--bcher-kva.example"),
        ("KÄTHE@XN--BCHER-KVA.example", "KÄTHE@bücher.example", "käthe@xn--bcher-kva.example"),
    ],
)
def test_an_address_is_kept_as_given_and_compared_without_case(
    given_text: str, address: str, key: str
) -> None:
    assert normalise_email(given_text) == (address, key)


@pytest.mark.parametrize(
    "text",
    ["", "ada", "ada@", "@x.example", "no@email", "a b@x.example", "a@b@x.example", "a@x..example",
     "ada@-x.example", "ada.@x.example", f"{'a' * 65}@x.example", "a@x.example\nBcc: b@x.example",
     "Ada <ada@x.example>", "ada@[127.0.0.1]", "ada@x.example\0", "\ud800@x.example"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    assert normalise_email(text) is None


@given(st.text(max_size=60) | st.emails())
def test_normalising_twice_changes_nothing(text: str) -> None:
    found = normalise_email(text)
    if found is not None:
        address, key = found
        assert normalise_email(address) == found
        again = normalise_email(key)
        assert again is not None
        assert again[1] == key


@pytest.mark.parametrize(
    "key",
    ["noreply@shop.example", "no-reply@shop.example", "guest@shop.example", "guest-12@shop.example",
     "x1y2@marketplace.amazon.com", "x1y2@marketplace.amazon.co.uk", "q7@members.ebay.com",
     "till3@shop.example", "nomail@shop.example", "anonymous@shop.example", "a@nomail.example",
     "kasse2@shop.example", "cashier@shop.example", "walk-in@shop.example", "pos_1@shop.example",
     "b2c@relay.walmart.com", "c3d4@verkopen.bol.com", "e5+f6@allegromail.pl", "a@b.invalid"],
)  # fmt: skip
def test_tills_and_marketplaces_write_for_nobody(key: str) -> None:
    assert is_placeholder(key)


@pytest.mark.parametrize(
    "key",
    ["ada@x.example", "noah@x.example", "nora.guest@x.example", "tillman@x.example",
     "posy@x.example", "a@privaterelay.appleid.com", "nadia@noreplies-anonymous.example"],
)  # fmt: skip
def test_people_with_unlucky_names_are_people(key: str) -> None:
    assert not is_placeholder(key)


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("(415) 555-2671", "US", "+14155552671"),
        ("+44 20 7946 0018", "US", "+442079460018"),
        ("020 7946 0018", "GB", "+442079460018"),
        ("0049 30 123456", "DE", "+4930123456"),
        ("12", "US", None),
        ("call me", "US", None),
        ("+1" + "5" * 60, "US", None),
        ("020 7946 0018", "ZZ", None),
        ("0722 123 456", "RO", "+40722123456"),
        ("0722 123 456", "US", None),  # long enough for one, and none there
        ("+1 072 212 3456", "RO", "+10722123456"),  # whoever says the country is believed
    ],
)
def test_a_number_is_read_as_in_its_country(text: str, region: str, number: str | None) -> None:
    assert normalise_phone(text, region) == number


def test_a_shops_own_patterns_are_patterns_only_with_a_star() -> None:
    block = Blocklist(["abc123", "kiosk-*", "email:*@till.example", "a.c"])
    assert block.clean("user_id", "ABC123") is None
    assert block.clean("user_id", "xabc123") == "xabc123"
    assert block.clean("anonymous_id", "Kiosk-12") is None
    assert block.clean("email", "a@till.example") is None
    assert block.clean("user_id", "a@till.example") == "a@till.example"
    assert block.clean("user_id", "abc") == "abc"
    assert block.clean("user_id", " 42 ") == "42"
