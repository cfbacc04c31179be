"""Tempo: traces by id and by TraceQL."""

from typing import Any

import httpx

from sandbox_testing.spans import Span, spans_of_otlp
from sandbox_testing.stores.http import Store

__all__ = ["Tempo"]


class Tempo(Store):
    name = "tempo"

    def raw(self, trace_id: str) -> dict[str, Any] | None:
        """Return the trace as Tempo stores it (OTLP in JSON), or None if Tempo does not know it (yet)."""
        try:
            found: dict[str, Any] = self.get(f"/api/traces/{trace_id}")
            return found
        except httpx.HTTPStatusError as refused:
            if refused.response.status_code == httpx.codes.NOT_FOUND:
                return None
            raise

    def trace(self, trace_id: str) -> list[Span]:
        """Return the spans of a trace, oldest first; empty if Tempo does not know it (yet)."""
        return spans_of_otlp(self.raw(trace_id) or {})

    def search(self, traceql: str, start: float, end: float, *, limit: int = 2000) -> list[dict[str, Any]]:
        """Return traces with a span that the TraceQL query selects.

        Each is {traceID, rootServiceName, rootTraceName, spanSets}. Times are in seconds since the epoch. Raises
        ``ValueError`` if there are as many as the limit, because some may be missing.
        """
        query = {"q": traceql, "start": int(start), "end": int(end) + 1, "limit": limit, "spss": 100}
        traces = self.get("/api/search", **query).get("traces") or []
        if len(traces) >= limit:
            raise ValueError(f"{traceql} selects {limit} traces or more: narrow the time or raise the limit")
        # Tempo drops leading zeros.
        return [{**trace, "traceID": trace["traceID"].zfill(32)} for trace in traces]
