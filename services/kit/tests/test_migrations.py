"""Downgrades: only with code that contains the revision."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from kit.database import Database
from kit.migrations import downgrade, upgrade
from testing.postgres import Server

_ENVIRONMENT = (
    "from sqlalchemy import MetaData\nfrom kit.migrations import run_environment\nrun_environment(MetaData())\n"
)
_REVISION = """
from alembic import op
revision, down_revision = {revision!r}, {before!r}
def upgrade(): op.execute("CREATE TABLE t{revision} ()")
def downgrade(): op.execute("DROP TABLE t{revision}")
"""


def _release(folder: Path, *revisions: str) -> Path:
    """Return a release with these migrations, each of which creates its own table."""
    versions = folder / "versions"
    versions.mkdir(parents=True)
    (folder / "env.py").write_text(_ENVIRONMENT)
    for before, revision in zip((None, *revisions), revisions, strict=False):
        (versions / f"{revision}_table.py").write_text(_REVISION.format(revision=revision, before=before))
    return folder


async def _tables(database: Database) -> set[str]:
    async with database.read() as connection:
        return set(await connection.scalars(text("SELECT tablename FROM pg_tables WHERE tablename ~ '^t0'")))


async def _there_and_back(url: str, newer: Path, older: Path) -> tuple[str, set[str], bool]:
    database = Database(url, "test", pool_size=1)
    try:
        await upgrade(database, newer)
        before = await downgrade(database, newer, "0001")
        return before, await _tables(database), await upgrade(database, older)
    finally:
        await database.close()


def test_schema_goes_back_to_the_revision_of_the_older_release(postgres: Server, tmp_path: Path) -> None:
    newer, older = _release(tmp_path / "new", "0001", "0002", "0003"), _release(tmp_path / "old", "0001")

    answer = asyncio.run(_there_and_back(postgres.new_database("back"), newer, older))

    assert answer == ("0003", {"t0001"}, False)


async def _back(url: str, made_by: Path, undone_by: Path, revision: str) -> None:
    database = Database(url, "test", pool_size=1)
    try:
        await upgrade(database, made_by)
        await downgrade(database, undone_by, revision)
    finally:
        await database.close()


@pytest.mark.parametrize(
    ("known", "revision", "problem"),
    [
        (("0001", "0002"), "0007", "no revision 0007"),
        (("0001", "0002"), "0002", "nothing to undo"),
        (("0001",), "0001", "does not know"),
    ],
)
def test_what_cannot_be_undone_is_refused(
    postgres: Server, tmp_path: Path, known: tuple[str, ...], revision: str, problem: str
) -> None:
    made_by, undone_by = _release(tmp_path / "new", "0001", "0002"), _release(tmp_path / "other", *known)

    with pytest.raises(ValueError, match=problem):
        asyncio.run(_back(postgres.new_database("back"), made_by, undone_by, revision))
