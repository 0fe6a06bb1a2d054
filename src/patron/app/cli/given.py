"""What is given at the command line: files of JSON, moments."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from patron.kit.problems import Problem, bad_request


def json_in(given: str, what: str, page: str) -> Any:
    """What is in a file of JSON, or with "-" on standard input. Problem 400 when it cannot be read;
    it should hold `what`, which a `page` of the docs describes."""
    remedy = f"give a file with {what} as JSON, as docs/{page} describes it"

    def refused(why: str) -> Problem:
        return bad_request(f"{given} {why}", remedy=remedy)

    try:
        text = sys.stdin.read() if given == "-" else Path(given).read_text("utf-8")
        return msgspec.json.decode(text)
    except OSError as error:
        raise refused(f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise refused("is no text in UTF-8") from error
    except RecursionError as error:
        raise refused("is nested too deep to be read") from error
    except msgspec.DecodeError as error:
        raise refused(f"is no JSON: {error}" if text.strip() else "is empty") from error


def in_utc(moment: datetime) -> datetime:
    """A moment as it was typed: in UTC unless it says otherwise."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
