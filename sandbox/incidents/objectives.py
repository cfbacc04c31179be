"""The service level objectives of prometheus/slos as PromQL."""

from dataclasses import dataclass
from functools import cache

from sandbox.model import ROOT
from sandbox.model.documents import parse_yaml
from sandbox.model.errors import StackError

__all__ = ["PERIOD_SECONDS", "Objective", "objectives", "read"]

FOLDER = ROOT / "prometheus" / "slos"
# sloPeriod of prometheus/slos/windows/sandbox-12h.yml.
PERIOD_SECONDS = 12 * 3600.0


@dataclass(frozen=True)
class Objective:
    """One objective. `target` is the required share of good events, such as 0.995."""

    name: str
    description: str
    target: float
    error_query: str
    total_query: str

    def bad(self, window: str) -> str:
        """Return PromQL for the bad events per second over a window such as 20s."""
        return self.error_query.replace("{{.window}}", window)

    def total(self, window: str) -> str:
        """Return PromQL for all events per second."""
        return self.total_query.replace("{{.window}}", window)

    def ratio(self, window: str) -> str:
        """Return PromQL for the share of bad events."""
        return f"({self.bad(window)}) / ({self.total(window)})"

    def holds(self, window: str) -> str:
        """Return PromQL that has a result exactly while the objective holds over the window."""
        return f"({self.ratio(window)}) <= {1 - self.target:.6g}"


@cache
def objectives() -> dict[str, Objective]:
    """Return every objective by `service/name`."""
    found = {}
    for path in sorted(FOLDER.glob("*.yml")):
        data = parse_yaml(path.read_text(encoding="utf-8"))
        for row in data["slos"]:
            events = row["sli"]["events"]
            name = f"{data['service']}/{row['name']}"
            found[name] = Objective(
                name, row["description"], row["objective"] / 100, events["error_query"], events["total_query"]
            )
    return found


def read(name: str) -> Objective:
    """Return one objective. Raises StackError if none has this name."""
    if name not in objectives():
        raise StackError(f"There is no objective {name!r}.", f"Choose from: {', '.join(objectives())}.")
    return objectives()[name]
