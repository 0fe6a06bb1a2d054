"""What Patron writes to its log, and what it never writes there."""

import io
import json
import logging
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patron.kit.log import (
    JsonFormatter,
    TextFormatter,
    configure,
    logger,
    mask,
    mask_address,
)


def lines(format: str, level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    configure(format, level, stream)  # type: ignore[arg-type]
    return stream


def test_json_line_carries_the_fields() -> None:
    out = lines("json")
    cart = UUID("0190a4c0-0000-7000-8000-000000000001")
    logger("patron.carts").info("cart closed", extra={"cart": cart, "items": 3, "note": None})
    line = json.loads(out.getvalue())
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "patron.carts",
        "message": "cart closed",
        "cart": str(cart),
        "items": 3,
        "note": None,
    }


def test_text_line_is_one_line_whatever_the_values_hold() -> None:
    out = lines("text")
    logger("patron.events").warning("drop\nfake", extra={"why": 'two\nlines and "quotes"', "n": 2})
    text = out.getvalue()
    assert text.count("\n") == 1
    assert 'WARNING patron.events  drop\\nfake  why="two\\nlines and \\"quotes\\"" n=2' in text


def test_a_value_cannot_steer_the_terminal() -> None:
    out = lines("text")
    logger("patron").info("\x1b[2J", extra={"title": "a\u2028b\x9b"})
    assert out.getvalue().rstrip("\n").isprintable()


def test_addresses_and_secrets_are_masked_everywhere() -> None:
    out = lines("json")
    log = logger("patron.delivery")
    try:
        raise ValueError("no mailbox for carla@example.com")
    except ValueError:
        log.exception(
            "mail to %s failed",
            "berta@example.com",
            extra={
                "email": "anna@example.com",
                "phone": "+14155550123",
                "smtp_password": "hunter2",
                "request": {"authorization": "Basic abc", "to": ["dora@example.com"]},
                "url": "postgresql://patron:s3cret@/patron",
                "conninfo": "host=/run password='s3 cret' user=patron",
            },
        )
    text = out.getvalue()
    for word in ("anna", "berta", "carla", "dora", "4155550", "hunter2", "abc", "s3"):
        assert word not in text
    line = json.loads(text)
    assert line["message"] == "mail to b…@example.com failed"
    assert line["phone"] == "+1…23"
    assert "ValueError: no mailbox for c…@example.com" in line["error"]
    assert line["url"] == "postgresql://patron:[hidden]@/patron"


def test_stack_information_is_written() -> None:
    out = lines("text")
    logger("patron").error("look", stack_info=True)
    assert "test_log.py" in out.getvalue()


def test_a_field_may_not_overwrite_the_lines_own() -> None:
    out = lines("json")
    logger("patron").info("real", extra={"level": "fatal", "error": "x"})
    line = json.loads(out.getvalue())
    assert (line["level"], line["field_level"], line["field_error"]) == ("info", "fatal", "x")


def test_levels_count_for_patron_and_libraries_speak_from_warnings_on() -> None:
    out = lines("text", "debug")
    logger("patron.kit").debug("ours")
    logging.getLogger("library").info("chatter")
    logging.getLogger("library").warning("trouble")
    text = out.getvalue()
    assert "ours" in text and "trouble" in text and "chatter" not in text


def test_configuring_again_replaces_the_first_stream() -> None:
    first, second = lines("text"), lines("json")
    logger("patron").info("once")
    assert first.getvalue() == ""
    assert json.loads(second.getvalue())["message"] == "once"


def test_wrong_level_and_format_are_named() -> None:
    with pytest.raises(ValueError, match=r"log_level: 'loud'.*debug, info"):
        configure("text", "loud")
    with pytest.raises(ValueError, match=r"log_format: 'xml'.*text or json"):
        configure("xml", "info")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("anna@example.com", "a…@example.com"),
        ("a@example.com", "…@example.com"),
        ("+14155550123", "+1…23"),
        ("12345", "…"),
        ('"odd@name"@example.com', '"…@example.com'),
    ],
)
def test_mask_address(address: str, masked: str) -> None:
    assert mask_address(address) == masked


@given(st.emails())
def test_no_mail_address_survives_the_mask(address: str) -> None:
    assert address not in mask(f"sent to <{address}> today")


any_value = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text(st.characters(categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=8,
)


@given(st.text(), any_value)
def test_any_value_becomes_one_readable_line(message: str, value: object) -> None:
    record = logging.makeLogRecord({"name": "patron", "msg": message, "anything": value})
    assert "anything" in json.loads(JsonFormatter().format(record))
    assert TextFormatter().format(record).isprintable()
