"""Bugsink, through its own API: error events with the whole payload that the SDK sent."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

from sandbox_testing.stores.http import Store

__all__ = ["Bugsink", "ErrorEvent"]

API = "/api/canonical/0"


@dataclass(frozen=True)
class ErrorEvent:
    """One stored error event.

    ``ingested_at`` is in seconds since the epoch. ``data`` is the SDK's payload. ``stack`` is the stack as the tracker
    shows it: with original files, lines and source if it has a source map.
    """

    id: str
    project: int
    ingested_at: float
    data: dict[str, Any]
    stack: str = ""

    @property
    def trace_id(self) -> str | None:
        found: str | None = self.data.get("contexts", {}).get("trace", {}).get("trace_id")
        return found

    @property
    def tags(self) -> dict[str, str]:
        """The event's tags. Accepts both formats of Sentry's protocol, an object and a list of pairs."""
        return dict(self.data.get("tags") or {})

    @property
    def exceptions(self) -> list[dict[str, Any]]:
        """Its exceptions, the cause first. Accepts both formats of Sentry's protocol, an object and a list."""
        found: Any = self.data.get("exception") or []
        return list(found.get("values", []) if isinstance(found, dict) else found)

    @property
    def frames(self) -> list[dict[str, Any]]:
        """The stack frames of all exceptions of the event, outermost first."""
        return [frame for one in self.exceptions for frame in (one.get("stacktrace") or {}).get("frames", [])]

    @property
    def text(self) -> str:
        return json.dumps(self.data, ensure_ascii=False)


class Bugsink(Store):
    name = "bugsink"

    def __init__(self, url: str, token: str) -> None:
        super().__init__(url, headers={"Authorization": f"Bearer {token}"}, request_timeout=20.0)
        self._details: dict[str, ErrorEvent] = {}

    def projects(self) -> dict[str, int]:
        """Return project numbers by project name."""
        return {row["name"]: row["id"] for row in self._pages(f"{API}/projects/")}

    def issues(self, project: int, since: float) -> list[dict[str, Any]]:
        """Return the issues of a project seen since a time (seconds since the epoch), newest first."""
        rows = self._pages(f"{API}/issues/", project=project, sort="last_seen", order="desc")
        return list(takewhile(lambda row: _seconds(row["last_seen"]) >= since, rows))

    def events(self, project: int, since: float) -> list[ErrorEvent]:
        """Return the error events of a project received since a time (seconds since the epoch)."""
        found: list[ErrorEvent] = []
        for issue in self.issues(project, since):
            rows = self._pages(f"{API}/events/", issue=issue["id"], order="desc")
            found += map(self._event, takewhile(lambda row: _seconds(row["ingested_at"]) >= since, rows))
        return found

    def of_trace(self, trace_id: str, since: float) -> list[ErrorEvent]:
        """Return the error events of all projects with this trace id, which may lack its leading zeros."""
        every = (event for project in self.projects().values() for event in self.events(project, since))
        return [event for event in every if event.trace_id == trace_id.zfill(32)]

    def resolve(self, issue: str) -> None:
        """Mark an issue as resolved; if it is seen again, it is a regression."""
        self.client.post(f"{API}/issues/{issue}/resolve/").raise_for_status()

    def _event(self, row: dict[str, Any]) -> ErrorEvent:
        key = row["id"]
        if key not in self._details:
            detail = self.get(f"{API}/events/{key}/")
            taken_in, stack = _seconds(detail["ingested_at"]), detail.get("stacktrace_md") or ""
            self._details[key] = ErrorEvent(key, detail["project"], taken_in, detail["data"], stack)
        return self._details[key]

    def _pages(self, path: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Yield row by row, so that pages older than the searched ones are not fetched."""
        answer = self.get(path, **parameters)
        yield from answer["results"]
        while answer.get("next"):
            answer = self.get(answer["next"])
            yield from answer["results"]


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
