"""`python -m kit.migrate SERVICE REVISION`: downgrade the schema of a service's database to an earlier revision."""

from __future__ import annotations

import asyncio
import importlib
import sys
from pathlib import Path

from kit.database import Database
from kit.migrations import downgrade


async def _run(service: str, revision: str) -> str:
    settings = importlib.import_module(f"{service}.settings").settings()
    folder = Path(__file__).resolve().parent.parent / service / "migrations"
    database = Database(settings.database_url.get_secret_value(), application=f"{service}-migrate", pool_size=1)
    try:
        before = await downgrade(database, folder, revision)
    finally:
        await database.close()
    return f"schema of {service}: from {before} back to {revision}"


def main() -> None:
    """Exit with status 1 and one line if the revision does not exist or is newer than the schema."""
    if len(sys.argv) != 3:
        sys.exit("usage: python -m kit.migrate SERVICE REVISION")
    try:
        sys.stdout.write(asyncio.run(_run(*sys.argv[1:])) + "\n")
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
