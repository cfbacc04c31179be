"""What the project says about itself: the catalog of its services and the vocabulary of its telemetry."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from testing.vocabulary import Vocabulary

__all__ = ["ROOT", "SERVICES", "CatalogRow", "Owned", "catalog", "frontends", "vocabulary"]

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class CatalogRow:
    """One service. ``errors`` is its project number in the error tracker; that and ``database`` may be None."""

    name: str
    port: int
    team: str
    errors: int | None
    calls: tuple[str, ...]
    database: str | None
    signals: frozenset[str]


@dataclass(frozen=True)
class Owned:
    """One micro-frontend: its team, and its project number in the error tracker."""

    name: str
    team: str
    errors: int


@cache
def catalog() -> dict[str, CatalogRow]:
    """The rows of services/catalog.yml by name."""
    rows: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "services" / "catalog.yml").read_text())["services"]
    return {name: CatalogRow(name, **_frozen(row)) for name, row in rows.items()}


@cache
def frontends() -> dict[str, Owned]:
    """The micro-frontends of services/catalog.yml by name."""
    rows = yaml.safe_load((ROOT / "services" / "catalog.yml").read_text())["frontends"]
    return {name: Owned(name, **row) for name, row in rows.items()}


def vocabulary() -> "Vocabulary":
    """Every metric, field, attribute and event that the services declare; imports the modules that do."""
    from testing.vocabulary import vocabulary as read

    return read()


def _frozen(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "calls": tuple(row["calls"]), "signals": frozenset(row["signals"])}


def _called_from(name: str) -> set[str]:
    return {name}.union(*(_called_from(called) for called in catalog()[name].calls))


SERVICES = tuple(name for name in catalog() if name in _called_from("gateway") and "traces" in catalog()[name].signals)
"""The services that send traces and that a customer reaches: gateway first. One that stands beside them is not here."""
