"""Searchable data besides the stores of telemetry: the output of programs, and the databases."""

import time
from collections.abc import Iterator

import psycopg
from psycopg import sql

from sandbox.model.catalog import catalog
from sandbox.model.stack import Stack
from sandbox_testing import Haystack, Passage, Prometheus, eventually
from tests.support import components

__all__ = ["further_haystacks", "scraped"]

TEXTUAL = ("text", "character varying", "character", "json", "jsonb", "bytea", "name", "xml", "ARRAY", "inet")


def further_haystacks(stack: Stack) -> list[Haystack]:
    """Return places to search besides the stores."""
    return [
        Haystack("output", lambda _since: (Passage(name, text) for name, text in components.output(stack))),
        Haystack("postgres", lambda _since: _columns(stack)),
    ]


def scraped(prometheus: Prometheus) -> None:
    """Wait for another scrape of every target, after which Prometheus has the latest changes."""
    moment = time.time()
    eventually(
        "a scrape of every target from now on",
        lambda: prometheus.query("min(timestamp(up))"),
        lambda oldest: oldest and oldest[0].value > moment,
    )


def _columns(stack: Stack) -> Iterator[Passage]:
    """Return every column that can hold text as one passage, named database.table.column."""
    for database in filter(None, (row.database for row in catalog().values())):
        with psycopg.connect(stack.database(database)) as connection:
            columns = connection.execute(
                "SELECT table_schema, table_name, column_name FROM information_schema.columns"
                " WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND data_type = ANY(%s)",
                [list(TEXTUAL)],
            ).fetchall()
            for schema, table, column in columns:
                query = sql.SQL("SELECT string_agg({column}::text, E'\\n') FROM {table}").format(
                    column=sql.Identifier(column), table=sql.Identifier(schema, table)
                )
                [text] = connection.execute(query).fetchone() or [None]
                yield Passage(f"{database}.{table}.{column}", text or "")
