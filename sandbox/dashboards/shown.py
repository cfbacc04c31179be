"""Which choices and panels Grafana shows for a service: values of a variable, panels with data."""

import re
from typing import Any

from sandbox.dashboards.queries import queries_of, values_of
from sandbox_testing.stores import Prometheus

__all__ = ["EVERY_SERVICE_HAS", "offered", "shown"]

EVERY_SERVICE_HAS = frozenset(
    {"Requests", "Errors", "p95 latency", "Responses by status", "Error ratio", "Latency", "Routes"}
)
"""Panels of the dashboard `service` that need no more than spans."""


def offered(prometheus: Prometheus, query: str) -> set[str]:
    """Return the result of label_values(selector, label), which are the choices of a variable."""
    found = re.fullmatch(r"label_values\((?P<selector>.+),\s*(?P<label>\w+)\)", query)
    assert found, query
    return set(prometheus.get(f"/api/v1/label/{found['label']}/values", **{"match[]": found["selector"]})["data"])


def shown(prometheus: Prometheus, board: dict[str, Any], service: str) -> set[str]:
    """Return the Prometheus panels whose queries all have data for a service.

    Empty if the variable does not offer the service.
    """
    choices = next(one["query"] for one in board["templating"]["list"] if one["name"] == "service")
    if service not in offered(prometheus, choices):
        return set()
    values = values_of(board, {"service": service}, seconds=300, step=5)
    queries = [one for one in queries_of(board, values) if one.store == "prometheus"]
    silent = {one.panel for one in queries if not prometheus.query(one.expression)}
    return {one.panel for one in queries} - silent
