"""The demo shop's data, read once for all of its tests."""

from datetime import UTC, datetime

import pytest

from patron.app.demo.catalogue import Catalogue, open_catalogue
from patron.app.demo.history import History

SEED = 7
NOW = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return open_catalogue(SEED)


@pytest.fixture(scope="session")
def history(catalogue: Catalogue) -> History:
    return History(catalogue, NOW, SEED)
