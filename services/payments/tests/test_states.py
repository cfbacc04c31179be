"""A payment makes allowed transitions only, and the ledger cannot be falsified, not even with SQL."""

from __future__ import annotations

from itertools import product
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from payments.states import TRANSITIONS, Status
from payments.tables import metadata
from payments.tests.books import Books

INSERT = """
    INSERT INTO payments (user_id, status, amount, captured_amount, refunded_amount, currency, card_brand, card_last4)
    VALUES (:user, :status, 10, 10, 5, 'EUR', 'Visa', '4242') RETURNING id
"""


def _execute(books: Books, *statements: str, **values: object) -> None:
    async def work() -> None:
        async with books.database.transaction() as connection:
            for statement in statements:
                await connection.execute(text(statement), values)

    books.run(work())


def test_database_allows_exactly_the_transitions_that_the_code_knows(books: Books) -> None:
    allowed = {pair for pair in product(Status, Status) if _database_allows(books, *pair)}
    assert allowed == {(before, after) for before, following in TRANSITIONS.items() for after in following}


def _database_allows(books: Books, before: Status, after: Status) -> bool:
    user = str(uuid4())
    _execute(books, INSERT, user=user, status=before)
    try:
        _execute(books, "UPDATE payments SET status = :after WHERE user_id = :user", user=user, after=after)
    except DBAPIError as error:
        if "a payment cannot go from" in str(error):
            return False
        raise
    return True


def test_declined_failed_and_refunded_payments_are_final() -> None:
    assert {status for status, after in TRANSITIONS.items() if not after} == {"declined", "failed", "refunded"}


@pytest.mark.parametrize(
    "falsification",
    [
        "UPDATE ledger_entries SET amount = amount * 2",
        "DELETE FROM ledger_entries",
        "DELETE FROM ledger_transactions",
        "UPDATE payments SET refunded_amount = captured_amount + 1",
        """INSERT INTO ledger_entries (transaction_id, account, currency, amount)
           SELECT id, 'refunds', 'EUR', 1 FROM ledger_transactions""",
        """INSERT INTO ledger_entries (transaction_id, account, currency, amount)
           SELECT transaction_id, account, 'USD', amount FROM ledger_entries WHERE amount > 0""",
        "INSERT INTO ledger_transactions (operation_id) SELECT operation_id FROM ledger_transactions",
    ],
)
def test_the_ledger_refuses_to_be_falsified(books: Books, falsification: str) -> None:
    books.run(books.pay(str(uuid4()), "key"))
    with pytest.raises(DBAPIError):
        _execute(books, falsification)


def test_tables_in_the_code_are_the_tables_that_migrations_make(books: Books) -> None:
    async def differences() -> list[object]:
        async with books.database.read() as connection:
            return await connection.run_sync(lambda c: compare_metadata(MigrationContext.configure(c), metadata))

    assert books.run(differences()) == []
