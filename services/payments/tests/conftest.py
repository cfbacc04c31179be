"""The ledger's code, and payments as a real process with the real auth and the real acquirer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from payments.tests.books import Books
from payments.tests.running import Shop, open_shop
from testing.postgres import Server


@pytest.fixture(scope="module")
def ledger_url(postgres: Server) -> str:
    """One database per module, so that modules do not depend on each other's data or order."""
    return postgres.new_database("ledger")


@pytest.fixture
def books(ledger_url: str) -> Iterator[Books]:
    """The ledger's code and database, without HTTP; the acquirer starts empty."""
    opened = Books(ledger_url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def shop(postgres: Server) -> Iterator[Shop]:
    """payments, auth and acquirer, running."""
    with open_shop(postgres) as opened:
        yield opened


@pytest.fixture
def calm(shop: Shop) -> Iterator[Shop]:
    """The shop with a closed circuit, and an acquirer with normal behaviour before and after."""
    shop.calm()
    yield shop
    shop.calm()
