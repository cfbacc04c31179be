"""A scenario: one practised incident, defined in sandbox/incidents/scenarios/<name>.yml."""

import dataclasses
from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Any

from sandbox.model.documents import parse_yaml
from sandbox.model.errors import StackError

__all__ = ["FOLDER", "Scenario", "names", "read"]

FOLDER = Path(__file__).with_name("scenarios")
# Log lines of the gateway for failed requests.
SERVER_ERRORS = '{service_name="gateway"} | event="http.access" | json | http_response_status_code >= 500'


@dataclass(frozen=True)
class Scenario:
    """The definition of a scenario.

    - fault: `kind` and its parameters (faults.py).
    - alert: the alert that must fire, with `service` if several have it.
    - may: other alerts that may fire, each with the reason; any other is a false alert.
    - runbook: the runbook that is followed.
    - shows: a line of the block of its diagnosis that must have a result while the fault is in place.
    - mitigation: a line of the block of its mitigation that is executed.
    - sli: `service/objective` of prometheus/slos.
    - recovered: PromQL that has a result exactly while all is well. If `sli` is given too, both must hold.
    - bad: LogQL of the affected requests; empty if there are none.
    - load: number of customers.
    - told_by: `alert`, or `mail` if alerting itself fails.
    - detect_seconds, recover_seconds: time limits.
    - cause, wrong, hints: for the drill.
    """

    name: str
    title: str
    kind: str
    story: str
    fault: dict[str, Any]
    alert: str
    runbook: str
    mitigation: str
    cause: str
    wrong: tuple[str, ...]
    hints: tuple[str, ...]
    service: str = ""
    told_by: str = "alert"
    may: dict[str, str] = field(default_factory=dict)
    shows: str = ""
    sli: str = ""
    recovered: str = ""
    bad: str = SERVER_ERRORS
    load: int = 4
    detect_seconds: float = 60.0
    recover_seconds: float = 60.0


def names() -> list[str]:
    """Return the names of all scenarios, in order."""
    return sorted(path.stem for path in FOLDER.glob("*.yml"))


def read(name: str) -> Scenario:
    """Read a scenario. Raises StackError for an unknown name, or an unknown or missing key."""
    path = FOLDER / f"{name}.yml"
    if not path.exists():
        raise StackError(f"There is no scenario {name!r}.", f"Choose from: {', '.join(names())}, or all.")
    data = parse_yaml(path.read_text(encoding="utf-8"))
    fields = {one.name: one for one in dataclasses.fields(Scenario)}
    unknown = sorted(set(data) - set(fields))
    absent = [
        key
        for key, one in fields.items()
        if key not in {*data, "name"} and one.default is MISSING and one.default_factory is MISSING
    ]
    if unknown or absent:
        problems = [f"unknown {key}" for key in unknown] + [f"{key} is missing" for key in absent]
        raise StackError(
            f"sandbox/incidents/scenarios/{name}.yml: {', '.join(problems)}.",
            "sandbox/incidents/scenario.py explains the keys.",
        )
    if not data.get("sli") and not data.get("recovered"):
        raise StackError(f"sandbox/incidents/scenarios/{name}.yml: say sli or recovered.", "They tell when it is over.")
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
    return Scenario(name, **values)
