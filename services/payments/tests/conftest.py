"""A ledger to test, and payments as it runs, with the real auth and the real acquirer beside it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from payments.tests.books import Books
from payments.tests.running import Shop, open_shop
from testing.postgres import Server


@pytest.fixture(scope="module")
def ledger_url(postgres: Server) -> str:
    """A database per module: what one leaves behind is no finding of the next, in whichever order they run."""
    return postgres.new_database("ledger")


@pytest.fixture
def books(ledger_url: str) -> Iterator[Books]:
    """The ledger's code and database, without HTTP; the acquirer's memory is new."""
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
    """The shop with an acquirer that behaves well before and after, and a closed circuit."""
    shop.calm()
    yield shop
    shop.calm()
