"""Fixtures that the tests of several services share."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator

import pytest

from testing.postgres import Server, running_server

# Spans of tests in this process are captured or dropped.
os.environ.setdefault("OTEL_TRACES_EXPORTER", "none")

DATABASES = {"postgres", "fragile_postgres"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that use a database for `make config`; all others run in `make unit`."""
    for item in items:
        if isinstance(item, pytest.Function) and DATABASES.intersection(item.fixturenames):
            item.add_marker("config")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One PostgreSQL for the whole run; `postgres.new_database("name")` creates a database for one test."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="module")
def fragile_postgres() -> Iterator[Server]:
    """A PostgreSQL that the tests of one file may stop."""
    with running_server() as server:
        yield server


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escape invalid Unicode that a test has logged: reports are sent to another process as UTF-8."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report
