"""The service level objectives of prometheus/slos, as questions to Prometheus."""

from dataclasses import dataclass
from functools import cache

import yaml

from sandbox.model import ROOT
from sandbox.model.errors import StackError

__all__ = ["PERIOD_SECONDS", "Objective", "objectives", "read"]

FOLDER = ROOT / "prometheus" / "slos"
# sloPeriod of prometheus/slos/windows/sandbox-12h.yml.
PERIOD_SECONDS = 12 * 3600.0


@dataclass(frozen=True)
class Objective:
    """`target` is the share of good events that is promised, such as 0.995."""

    name: str
    description: str
    target: float
    error_query: str
    total_query: str

    def bad(self, window: str) -> str:
        """Bad events a second over a window such as 20s."""
        return self.error_query.replace("{{.window}}", window)

    def total(self, window: str) -> str:
        """All events a second."""
        return self.total_query.replace("{{.window}}", window)

    def ratio(self, window: str) -> str:
        """The share of bad events."""
        return f"({self.bad(window)}) / ({self.total(window)})"

    def holds(self, window: str) -> str:
        """Gives something exactly while the objective is kept over the window."""
        return f"({self.ratio(window)}) <= {1 - self.target:.6g}"


@cache
def objectives() -> dict[str, Objective]:
    """Every objective by `service/name`."""
    found = {}
    for path in sorted(FOLDER.glob("*.yml")):
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        for row in data["slos"]:
            events = row["sli"]["events"]
            name = f"{data['service']}/{row['name']}"
            found[name] = Objective(
                name, row["description"], row["objective"] / 100, events["error_query"], events["total_query"]
            )
    return found


def read(name: str) -> Objective:
    """One objective. Raises StackError when there is none of that name."""
    if name not in objectives():
        raise StackError(f"There is no objective {name!r}.", f"Choose from: {', '.join(objectives())}.")
    return objectives()[name]
