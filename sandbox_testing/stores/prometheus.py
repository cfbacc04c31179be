"""Prometheus: samples, exemplars, targets, alerts."""

from dataclasses import dataclass
from typing import Any

from sandbox_testing.stores.http import Store

__all__ = ["Prometheus", "Sample"]


@dataclass(frozen=True)
class Sample:
    """One series of an instant vector. ``timestamp`` is in seconds since the epoch."""

    labels: dict[str, str]
    value: float
    timestamp: float


class Prometheus(Store):
    name = "prometheus"

    def query(self, expression: str, *, at: float | None = None) -> list[Sample]:
        data = self.get("/api/v1/query", query=expression, time=at)["data"]
        if data["resultType"] == "scalar":
            timestamp, value = data["result"]
            return [Sample({}, float(value), float(timestamp))]
        return [Sample(row["metric"], float(row["value"][1]), float(row["value"][0])) for row in data["result"]]

    def value(self, expression: str) -> float:
        """Return the value of an expression with at most one series; 0 if it gives none."""
        samples = self.query(expression)
        if len(samples) > 1:
            raise ValueError(f"{expression} gives {len(samples)} series, not one: {[s.labels for s in samples]}")
        return samples[0].value if samples else 0.0

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(
            "/api/v1/query_range", query=expression, start=start, end=end, step=step
        )["data"]["result"]
        return found

    def exemplars(self, expression: str, start: float, end: float) -> list[dict[str, Any]]:
        """Return exemplars of the selected series: {seriesLabels, exemplars: [{labels, value, timestamp}]}."""
        found: list[dict[str, Any]] = self.get("/api/v1/query_exemplars", query=expression, start=start, end=end)[
            "data"
        ]
        return found

    def targets(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/api/v1/targets", state="active")["data"]["activeTargets"]
        return found

    def alerts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/api/v1/alerts")["data"]["alerts"]
        return found

    def series(self, selector: str, start: float, end: float) -> list[dict[str, str]]:
        found: list[dict[str, str]] = self.get("/api/v1/series", **{"match[]": selector, "start": start, "end": end})[
            "data"
        ]
        return found
