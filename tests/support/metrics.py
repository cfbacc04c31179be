"""Metrics of OTLP requests as JSON."""

import time
from typing import Any

from sandbox.testbench.otlp import attributes

__all__ = ["gauge", "metrics", "point", "total"]


def metrics(service: Any, *several: dict[str, Any], **scope: Any) -> dict[str, Any]:
    """Return a request with metrics of one service."""
    resource = {"attributes": attributes({"service.name": service})}
    return {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": list(several), **scope}]}]}


def point(number: int = 1, **fields: Any) -> dict[str, Any]:
    """Return a number data point with the current time."""
    now = time.time_ns()
    return {"startTimeUnixNano": str(now - 10**9), "timeUnixNano": str(now), "asInt": str(number)} | fields


def gauge(name: str, *points: dict[str, Any]) -> dict[str, Any]:
    """Return a gauge; with one point by default."""
    return {"name": name, "gauge": {"dataPoints": list(points) or [point()]}}


def total(name: str, temporality: int, *points: dict[str, Any]) -> dict[str, Any]:
    """Return a monotonic sum; temporality 0 is unspecified, 1 delta, 2 cumulative."""
    return {
        "name": name,
        "sum": {"isMonotonic": True, "aggregationTemporality": temporality, "dataPoints": list(points)},
    }
