"""Loki: log lines with everything stored with them."""

import json
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sandbox_testing.stores.http import Store

__all__ = ["LogLine", "Loki"]

PAGE = 5000
NANOSECONDS = 1_000_000_000


@dataclass(frozen=True)
class LogLine:
    """One stored line: its text, its labels and its structured metadata. ``timestamp`` is in nanoseconds."""

    timestamp: int
    body: str
    labels: dict[str, str]
    metadata: dict[str, str]

    @cached_property
    def fields(self) -> dict[str, Any]:
        """The JSON object that the service wrote. Raises ``ValueError`` if the body is not one."""
        fields = json.loads(self.body)
        if not isinstance(fields, dict):
            raise ValueError(f"a log line is not a JSON object: {self.body[:200]}")
        return fields

    @property
    def service(self) -> str:
        return self.labels.get("service_name", "")

    @property
    def text(self) -> str:
        """Everything that is stored of the line, to search in."""
        return json.dumps([self.body, self.labels, self.metadata], ensure_ascii=False)


class Loki(Store):
    name = "loki"

    def __init__(self, url: str) -> None:
        # Without this flag, Loki mixes structured metadata into the labels.
        super().__init__(url, headers={"X-Loki-Response-Encoding-Flags": "categorize-labels"}, request_timeout=20.0)

    def lines(self, query: str, start: float, end: float | None = None) -> list[LogLine]:
        """Return all lines of a LogQL log query between two times (seconds since the epoch), oldest first."""
        first, last = int(start * NANOSECONDS), int((end or time.time() + 60) * NANOSECONDS)
        found: list[LogLine] = []
        while True:
            page = self._page(query, first, last)
            found += page
            if len(page) < PAGE:
                return found
            if page[-1].timestamp == page[0].timestamp:
                raise ValueError(f"{query} selects more than {PAGE} lines of one instant; narrow it")
            # Lines with the timestamp of the page's end would be fetched twice: leave them to the next page.
            first = page[-1].timestamp
            found = [line for line in found if line.timestamp < first]

    def of_trace(self, trace_id: str, since: float) -> list[LogLine]:
        """Return the lines of a trace since a time (seconds since the epoch).

        The id may lack its leading zeros, as in the results of Tempo's search.
        """
        return self.lines(f'{{service_name=~".+"}} | trace_id="{trace_id.zfill(32)}"', since)

    def count(self, query: str, at: float | None = None) -> float:
        """Return the value of a LogQL metric query with at most one series; 0 if it gives none."""
        result = self.get("/loki/api/v1/query", query=query, time=at)["data"]["result"]
        return sum(float(row["value"][1]) for row in result)

    def _page(self, query: str, first: int, last: int) -> list[LogLine]:
        answer = self.get(
            "/loki/api/v1/query_range", query=query, start=first, end=last, limit=PAGE, direction="forward"
        )
        lines = [
            LogLine(int(stamp), body, stream["stream"], rest[0].get("structuredMetadata", {}) if rest else {})
            for stream in answer["data"]["result"]
            for stamp, body, *rest in stream["values"]
        ]
        return sorted(lines, key=lambda line: line.timestamp)
