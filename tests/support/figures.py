"""Stores the measurements of a run in one JSON file in the reports folder."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

__all__ = ["Figures"]


class Figures:
    """Collects measurements by name; ``write`` adds them to the file, replacing those of the same name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.measured: dict[str, dict[str, object]] = {}

    def add(self, name: str, unit: str, values: Sequence[float]) -> float:
        """Add values of one figure to those of this run; return the median of all of them."""
        earlier: Any = self.measured.get(name, {}).get("values", [])
        every = [*earlier, *(round(value, 3) for value in values)]
        middle = round(median(every), 3)
        self.measured[name] = {"unit": unit, "median": middle, "values": every}
        return middle

    def write(self) -> None:
        earlier = json.loads(self.path.read_text()) if self.path.exists() else {}
        self.path.write_text(json.dumps({**earlier, **self.measured}, indent=2, sort_keys=True) + "\n")
