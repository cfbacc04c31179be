"""Measured figures of a run, in one JSON file under the reports folder."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median

__all__ = ["Figures"]


class Figures:
    """Collects measurements by name; ``write`` adds them to the file, replacing those of the same name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.measured: dict[str, dict[str, object]] = {}

    def add(self, name: str, unit: str, values: Sequence[float]) -> float:
        """Keep the values of one figure and return their median."""
        middle = round(median(values), 3)
        self.measured[name] = {"unit": unit, "median": middle, "values": [round(value, 3) for value in values]}
        return middle

    def write(self) -> None:
        earlier = json.loads(self.path.read_text()) if self.path.exists() else {}
        self.path.write_text(json.dumps({**earlier, **self.measured}, indent=2, sort_keys=True) + "\n")
