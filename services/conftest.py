"""Fixtures that the tests of several services share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testing.postgres import Server, running_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One PostgreSQL for the whole run; `postgres.new_database("name")` gives a test a database of its own."""
    with running_server() as server:
        yield server
