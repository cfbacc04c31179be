"""Reads the port table of docs/reference/ports.md."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["PortRow", "documented_ports"]

COLUMNS = ["port", "variable", "component", "what answers", "engine"]


@dataclass(frozen=True)
class PortRow:
    """One row of the table. ``port`` is the default; ``variable`` is empty if none sets it."""

    port: int
    variable: str
    component: str
    engine: str


def documented_ports(page: Path) -> list[PortRow]:
    """Read the page's only table. Raises ``ValueError`` if it has other columns than expected."""
    lines = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    header, _rule, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    if header != COLUMNS:
        raise ValueError(f"{page.name} has the columns {header}, expected {COLUMNS}")
    return [
        PortRow(int(port), variable.strip("`"), component, engine) for port, variable, component, _what, engine in rows
    ]
