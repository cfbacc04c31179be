"""Reads the catalog of services, services/catalog.yml."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sandbox.model import ROOT
from sandbox.model.documents import parse_yaml

__all__ = ["SERVICES", "CatalogRow", "Owned", "callers", "callers_in_a_row", "catalog", "frontends"]


@dataclass(frozen=True)
class CatalogRow:
    """One service. ``errors`` is its project number in the error tracker; ``errors`` and ``database`` may be None."""

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
    """Return the services of services/catalog.yml by name."""
    rows: dict[str, dict[str, Any]] = parse_yaml((ROOT / "services" / "catalog.yml").read_text())["services"]
    return {name: CatalogRow(name, **_frozen(row)) for name, row in rows.items()}


@cache
def frontends() -> dict[str, Owned]:
    """Return the micro-frontends of services/catalog.yml by name."""
    rows = parse_yaml((ROOT / "services" / "catalog.yml").read_text())["frontends"]
    return {name: Owned(name, **row) for name, row in rows.items()}


def callers(name: str) -> set[str]:
    """Return all services that call this one, directly or through others."""
    direct = _direct(name)
    return direct.union(*(callers(caller) for caller in direct))


def callers_in_a_row(name: str) -> int:
    """Return the number of services that precede this one on the longest path of a request."""
    return max((1 + callers_in_a_row(caller) for caller in _direct(name)), default=0)


def _direct(name: str) -> set[str]:
    return {caller for caller, row in catalog().items() if name in row.calls}


def _frozen(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "calls": tuple(row["calls"]), "signals": frozenset(row["signals"])}


def _called_from(name: str) -> set[str]:
    return {name}.union(*(_called_from(called) for called in catalog()[name].calls))


SERVICES = tuple(name for name in catalog() if name in _called_from("gateway") and "traces" in catalog()[name].signals)
"""The services that send traces and that a customer reaches: gateway first. One that stands beside them is not here."""
