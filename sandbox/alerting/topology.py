"""Who stands before whom: services/catalog.yml."""

from collections.abc import Mapping
from typing import Any

import yaml

from sandbox.model import ROOT

__all__ = ["Catalog", "callers", "callers_in_a_row", "catalog"]

CATALOG = ROOT / "services" / "catalog.yml"

Catalog = Mapping[str, Mapping[str, Any]]


def catalog() -> Catalog:
    """A row per service."""
    return yaml.safe_load(CATALOG.read_text())["services"]


def callers(known: Catalog, name: str) -> set[str]:
    """All that call a service, directly or through others."""
    direct = _direct(known, name)
    return direct.union(*(callers(known, caller) for caller in direct))


def callers_in_a_row(known: Catalog, name: str) -> int:
    """How many services the longest way of a request passes before it reaches this one."""
    return max((1 + callers_in_a_row(known, caller) for caller in _direct(known, name)), default=0)


def _direct(known: Catalog, name: str) -> set[str]:
    return {caller for caller, row in known.items() if name in row["calls"]}
