"""Alertmanager and Mailpit for the tests of pages."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.config.rules.paging import Desk, desk


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as running:
        yield running
