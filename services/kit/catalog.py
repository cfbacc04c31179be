"""The part of the service catalog that services read at run time."""

from __future__ import annotations

from functools import cache
from pathlib import Path

__all__ = ["team_of"]

_CATALOG = Path(__file__).resolve().parents[1] / "catalog.yml"


@cache
def team_of(owner: str) -> str:
    """Return the team that owns a service or a micro-frontend, from the catalog; `unowned` if it has no row there."""
    import yaml

    if not _CATALOG.exists():
        return "unowned"
    catalog = yaml.safe_load(_CATALOG.read_text(encoding="utf-8"))
    row = (catalog["services"] | catalog["frontends"]).get(owner)
    return row["team"] if row else "unowned"
