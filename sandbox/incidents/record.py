"""The record of a game day, stored as JSON. Reviews are generated from it, and later runs are compared with it."""

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["FALSE_ALERT", "STAGES", "Record", "earlier", "folder_of", "write"]

# The stages of a timeline in their usual order, with their descriptions.
STAGES = {
    "first_bad": "first bad request",
    "injected": "fault in force",
    "pending": "alert pending",
    "firing": "alert firing",
    "mail": "page arrived",
    "acknowledged": "acknowledged",
    "mitigating": "mitigation begun",
    "mitigated": "mitigation done",
    "recovered": "objective holds again",
}
# Suffix of the problem that a false alert causes.
FALSE_ALERT = "fired and should not have"


@dataclass
class Record:
    """One game day.

    Times are in seconds since the epoch, by the names of STAGES; a stage that did not occur is absent. `addresses`:
    addresses of the stores. `problems`: deviations from the scenario; empty means passed.
    """

    scenario: str
    title: str
    kind: str
    story: str
    engine: str
    mode: str
    began: float
    ended: float = 0.0
    times: dict[str, float] = field(default_factory=dict)
    expected: dict[str, Any] = field(default_factory=dict)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    mails: list[dict[str, Any]] = field(default_factory=list)
    diagnosis: list[dict[str, Any]] = field(default_factory=list)
    mitigation: dict[str, Any] = field(default_factory=dict)
    customers: dict[str, Any] = field(default_factory=dict)
    budget: dict[str, Any] = field(default_factory=dict)
    telemetry: dict[str, Any] = field(default_factory=dict)
    evidence: dict[str, list[str]] = field(default_factory=dict)
    plots: dict[str, Any] = field(default_factory=dict)
    drill: dict[str, Any] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def start(self) -> float:
        """The start of the incident: the first bad request or the injection, whichever was earlier."""
        known = [self.times[stage] for stage in ("first_bad", "injected") if stage in self.times]
        return min(known, default=self.began)

    @property
    def passed(self) -> bool:
        return not self.problems

    def since_start(self, stage: str) -> float | None:
        """Return the seconds from the start to a stage; None if it did not occur."""
        return round(self.times[stage] - self.start, 1) if stage in self.times else None

    @property
    def durations(self) -> dict[str, float | None]:
        """Return the seconds from the start to detection, acknowledgement, mitigation and recovery.

        Detection is the time when the alert fires, or when its mail arrives.
        """
        told = "firing" if "firing" in self.times else "mail"
        stages = {"detect": told, "acknowledge": "acknowledged", "mitigate": "mitigated", "recover": "recovered"}
        return {name: self.since_start(stage) for name, stage in stages.items()}

    @property
    def verified_after(self) -> float | None:
        """The seconds from the end of the mitigation until the objective held."""
        if {"mitigated", "recovered"} <= self.times.keys():
            return round(max(0.0, self.times["recovered"] - self.times["mitigated"]), 1)
        return None


def folder_of(root: Path, record: Record) -> Path:
    """Return the folder of one run, named by time and scenario."""
    moment = datetime.fromtimestamp(record.began, UTC).strftime("%Y%m%dT%H%M%S")
    return root / ".run" / "gameday" / f"{moment}-{record.scenario}"


def write(root: Path, record: Record) -> Path:
    """Store a record; return its folder."""
    folder = folder_of(root, record)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "record.json").write_text(json.dumps(asdict(record), indent=1) + "\n", encoding="utf-8")
    return folder


def earlier(root: Path, record: Record | None = None) -> list[Record]:
    """Return the runs of this checkout, oldest first.

    With `record`, only those before it, of the same scenario and mode: durations of drills and of unattended runs are
    not comparable.
    """
    found = []
    for path in sorted((root / ".run" / "gameday").glob("*/record.json")):
        one = Record(**json.loads(path.read_text(encoding="utf-8")))
        alike = record is None or (one.scenario, one.mode) == (record.scenario, record.mode)
        if alike and (record is None or one.began < record.began):
            found.append(one)
    return found
