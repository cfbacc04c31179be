"""Upgrade a database's schema when a service starts, or downgrade it when a release is rolled back.

Revisions are files `NNNN_what.py` in the service's `migrations/versions`; `NNNN` is the revision's identifier. So the
newest revision is known from a file name, and a service with a current schema starts without importing Alembic. If
several instances start at once, an advisory lock lets one migrate while the others wait.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import MetaData, text

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from kit.database import Database

__all__ = ["downgrade", "newest_revision", "run_environment", "upgrade"]

_LOCK = 7_312_004


def newest_revision(folder: Path) -> str:
    """Return the identifier of the newest revision in `folder`/versions."""
    return max(path.name.partition("_")[0] for path in (folder / "versions").glob("[0-9]*.py"))


async def upgrade(database: Database, folder: Path) -> bool:
    """Apply the missing revisions in one transaction; True if there were any. Raises DatabaseUnavailable.

    A schema newer than this release is not changed, so that a release can be rolled back.
    """
    if (await _current(database) or "") >= newest_revision(folder):
        return False
    async with database.transaction() as connection:
        await connection.execute(text("SET LOCAL statement_timeout = 0"))
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        await connection.run_sync(_apply, folder)
    return True


async def downgrade(database: Database, folder: Path, revision: str) -> str:
    """Undo the revisions after `revision` in one transaction. Returns the revision that the schema had.

    Raises ValueError if `folder` lacks that revision or the schema's own, or if there is nothing to undo.
    """
    known = sorted(path.name.partition("_")[0] for path in (folder / "versions").glob("[0-9]*.py"))
    before = await _current(database)
    if revision not in known:
        raise ValueError(f"there is no revision {revision}; this release knows {', '.join(known)}")
    if before not in known:
        raise ValueError(f"the schema is at {before}, which this release does not know; it knows {', '.join(known)}")
    if before <= revision:
        raise ValueError(f"the schema is at {before}: there is nothing to undo")
    async with database.transaction() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        await connection.run_sync(_undo, folder, revision)
    return before


async def _current(database: Database) -> str | None:
    async with database.read() as connection:
        known = await connection.scalar(text("SELECT to_regclass('alembic_version')::text"))
        return await connection.scalar(text("SELECT version_num FROM alembic_version")) if known else None


def _apply(connection: Connection, folder: Path) -> None:
    from alembic import command

    command.upgrade(_config(connection, folder), "head")


def _undo(connection: Connection, folder: Path, revision: str) -> None:
    from alembic import command

    command.downgrade(_config(connection, folder), revision)


def _config(connection: Connection, folder: Path) -> Any:
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(folder))
    return config


def run_environment(metadata: MetaData) -> None:
    """The body of each service's `migrations/env.py`: run the revisions on the connection that `upgrade` holds."""
    from alembic import context

    connection: Any = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()
