"""The schema: migrations and tables match, and many instances can start at once."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from auth.service import MIGRATIONS
from auth.tables import metadata
from kit.migrations import newest_revision
from testing.postgres import Server

_UPGRADE = """
import asyncio, sys
from pathlib import Path
from kit.database import Database
from kit.migrations import upgrade

async def main():
    database = Database(sys.argv[1], "test")
    print(await upgrade(database, Path(sys.argv[2])), "alembic" in sys.modules)
    await database.close()

asyncio.run(main())
"""


def _upgrade(url: str) -> str:
    """Run the upgrade of a starting instance. Returns whether it changed the schema and imported Alembic."""
    command = [sys.executable, "-c", _UPGRADE, url, str(MIGRATIONS)]
    folder = MIGRATIONS.parent.parent
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


def test_migrations_make_exactly_the_tables_that_the_code_uses(postgres: Server) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    url = postgres.new_database("schema")
    assert _upgrade(url) == "True True"
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_instances_that_start_at_once_migrate_once(postgres: Server) -> None:
    url = postgres.new_database("schema")
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(_upgrade, [url] * 3))
    assert {answer.split()[0] for answer in answers} <= {"True", "False"}
    assert _upgrade(url) == "False False", "a schema that is current costs no import of Alembic"


def test_schema_of_a_newer_release_is_left_alone(postgres: Server) -> None:
    url = postgres.new_database("schema")
    _upgrade(url)
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    assert _upgrade(url) == "False False"
    engine.dispose()


def test_newest_revision_is_the_one_that_alembic_calls_head() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [newest_revision(MIGRATIONS)]
