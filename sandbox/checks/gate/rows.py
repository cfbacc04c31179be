"""Reads the rows of the gate from rows.toml."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROWS_FILE", "Row", "read_rows"]

ROWS_FILE = Path(__file__).with_name("rows.toml")


@dataclass(frozen=True)
class Row:
    """One line of the plan. ``checks`` are pytest node ids; ``missing`` is what must be built first, if anything."""

    id: str
    promise: str
    checks: tuple[str, ...] = ()
    missing: str = ""

    @property
    def task(self) -> str:
        """The task: 4.2 for the row 4.2.C.1, exit for the exit criteria."""
        return self.id.partition(".C.")[0] if ".C." in self.id else "exit"


def read_rows(path: Path = ROWS_FILE) -> list[Row]:
    """Return all rows in order.

    Raises ``ValueError`` for a duplicate id, or a row with neither a check nor a reason.
    """
    rows = [
        Row(row["id"], row["promise"], tuple(row.get("checks", ())), row.get("missing", ""))
        for row in tomllib.loads(path.read_text(encoding="utf-8"))["row"]
    ]
    ids = [row.id for row in rows]
    if twice := sorted({one for one in ids if ids.count(one) > 1}):
        raise ValueError(f"{path.name} has these rows twice: {', '.join(twice)}")
    if idle := [row.id for row in rows if not row.checks and not row.missing]:
        raise ValueError(f"{path.name}: {', '.join(idle)}: name the checks, or what is missing")
    return rows
