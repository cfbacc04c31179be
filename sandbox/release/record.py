"""Which release of each service, or part of the frontend, runs, and which ran before: a stack of releases above the
version that .env names.

All of it is below .run/releases: the record, the variables that are made from it and fill in docker-compose.yml, and
the code.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox.model.variables import RELEASED

__all__ = ["Release", "read", "variable", "write"]

FILE = ".run/releases/record.json"


@dataclass(frozen=True)
class Release:
    """A version of a service. `source` is its build context, from the checkout; `at` is when it was released."""

    version: str
    source: str
    at: str


def variable(service: str, what: str) -> str:
    """The name of a variable of docker-compose.yml: FRONTEND_PAYMENTS_VERSION for frontend-payments and VERSION."""
    return f"{service.upper().replace('-', '_')}_{what}"


def read(root: Path) -> dict[str, list[Release]]:
    """The releases of each service, oldest first; a service that runs what .env names is not in it."""
    path = root / FILE
    if not path.exists():
        return {}
    rows = json.loads(path.read_text(encoding="utf-8"))
    return {service: [Release(**row) for row in releases] for service, releases in rows.items()}


def write(root: Path, releases: dict[str, list[Release]]) -> None:
    """Keep the record, and the variables that follow from it."""
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
