"""The record of releases: for each service or frontend part, a stack of releases above the version in .env.

All files are in .run/releases: the record, the variables derived from it for docker-compose.yml, and the code.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox.model.variables import RELEASED

__all__ = ["Release", "read", "variable", "write"]

FILE = ".run/releases/record.json"


@dataclass(frozen=True)
class Release:
    """A version of a service.

    `source` is its build context relative to the checkout; `at` is the time of the release.
    """

    version: str
    source: str
    at: str


def variable(service: str, what: str) -> str:
    """Return a variable of docker-compose.yml: FRONTEND_PAYMENTS_VERSION for (frontend-payments, VERSION)."""
    return f"{service.upper().replace('-', '_')}_{what}"


def read(root: Path) -> dict[str, list[Release]]:
    """Return the releases of each service, oldest first. Services that run the version of .env are not included."""
    path = root / FILE
    if not path.exists():
        return {}
    rows = json.loads(path.read_text(encoding="utf-8"))
    return {service: [Release(**row) for row in releases] for service, releases in rows.items()}


def write(root: Path, releases: dict[str, list[Release]]) -> None:
    """Write the record and the variables derived from it."""
    kept = {service: rows for service, rows in releases.items() if rows}
    lines = ["# Made by `make release` and `make rollback`: what runs in place of the versions of .env."]
    for service, rows in sorted(kept.items()):
        now = rows[-1]
        lines += [f"{variable(service, 'VERSION')}={now.version}", f"{variable(service, 'SOURCE')}={now.source}"]
    _replace(root / FILE, json.dumps({name: [asdict(row) for row in rows] for name, rows in kept.items()}, indent=2))
    if kept:
        _replace(root / RELEASED, "\n".join(lines))
    else:
        (root / RELEASED).unlink(missing_ok=True)


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.replace(path)
