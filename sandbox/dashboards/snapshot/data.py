"""Runs the queries of a panel; returns series, rows, lines and spans."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.dashboards.queries import Query
from sandbox.model.stack import Stack
from sandbox_testing.spans import Span
from sandbox_testing.stores import LogLine, Loki, Prometheus, Tempo

__all__ = ["Series", "Stores"]


@dataclass(frozen=True)
class Series:
    """A named series: times in seconds since the epoch, values in the panel's unit."""

    name: str
    labels: Mapping[str, str]
    times: tuple[float, ...]
    values: tuple[float, ...]

    @property
    def last(self) -> float:
        """The newest value; NaN counts, as in Grafana."""
        return self.values[-1] if self.values else math.nan


class Stores:
    """Queries the stores of the running stack from ``start`` to ``end`` (seconds since the epoch)."""

    def __init__(self, stack: Stack, start: float, end: float) -> None:
        self.start, self.end = start, end
        self.step = float(max(5, math.ceil((end - start) / 240)))
        self.prometheus = Prometheus(stack.url("prometheus"))
        self.loki = Loki(stack.url("loki"))
        self.tempo = Tempo(stack.url("tempo"))

    def close(self) -> None:
        for store in (self.prometheus, self.loki, self.tempo):
            store.close()

    def series(self, query: Query) -> list[Series]:
        """Return the series of a metric query; those of an instant query have one point."""
        if query.store == "loki":
            return [self._line(query, row) for row in self._of_loki(query.expression)]
        if query.kind == "instant":
            samples = self.prometheus.query(query.expression, at=self.end)
            return [
                Series(named(query.legend, one.labels), one.labels, (one.timestamp,), (one.value,)) for one in samples
            ]
        answer = self.prometheus.query_range(query.expression, self.start, self.end, self.step)
        return [self._line(query, row) for row in answer]

    def exemplars(self, query: Query) -> Iterator[tuple[float, float]]:
        """Return time and value of each exemplar of a query."""
        for series in self.prometheus.exemplars(query.expression, self.start, self.end):
            for one in series["exemplars"]:
                yield float(one["timestamp"]), float(one["value"])

    def lines(self, query: Query, most: int) -> list[LogLine]:
        """Return the newest lines of a log query, newest first."""
        span = {"start": int(self.start * 1e9), "end": int(self.end * 1e9)}
        answer = self.loki.get(
            "/loki/api/v1/query_range", query=query.expression, limit=most, direction="backward", **span
        )
        found = [
            LogLine(int(stamp), body, stream["stream"], rest[0].get("structuredMetadata", {}) if rest else {})
            for stream in answer["data"]["result"]
            for stamp, body, *rest in stream["values"]
        ]
        return sorted(found, key=lambda line: line.timestamp, reverse=True)[:most]

    def traces(self, query: Query, most: int) -> list[dict[str, Any]]:
        """Return the newest traces that match a TraceQL query, newest first."""
        span = {"start": int(self.start), "end": int(self.end) + 1}
        found = (
            self.tempo.get("/api/search", q=query.expression, limit=max(most, 20), spss=1, **span).get("traces") or []
        )
        return sorted(found, key=lambda one: int(one["startTimeUnixNano"]), reverse=True)[:most]

    def trace(self, trace_id: str) -> list[Span]:
        """Return the spans of one trace; none if its id is empty or unknown."""
        return self.tempo.trace(trace_id) if re.fullmatch(r"[0-9a-f]{8,32}", trace_id) else []

    def _of_loki(self, expression: str) -> list[dict[str, Any]]:
        span = {"start": int(self.start * 1e9), "end": int(self.end * 1e9), "step": max(self.step, 15)}
        return self.loki.get("/loki/api/v1/query_range", query=expression, **span)["data"]["result"]

    def _line(self, query: Query, row: Mapping[str, Any]) -> Series:
        points = [(float(stamp), float(value)) for stamp, value in row["values"]]
        name = named(query.legend, row["metric"])
        return Series(name, row["metric"], tuple(t for t, _ in points), tuple(v for _, v in points))


def named(legend: str, labels: Mapping[str, str]) -> str:
    """Return Grafana's name of a series."""
    if not legend:
        return ", ".join(f"{key}={value}" for key, value in labels.items()) or "value"
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: labels.get(found[1], ""), legend).strip()
