"""The dashboards, one module each."""

from sandbox.dashboards.boards.incident import incident
from sandbox.dashboards.boards.infrastructure import infrastructure
from sandbox.dashboards.boards.journey import journey
from sandbox.dashboards.boards.logs_traces import logs_traces
from sandbox.dashboards.boards.overview import overview
from sandbox.dashboards.boards.service import service
from sandbox.dashboards.boards.slo import slo
from sandbox.dashboards.boards.telemetry import telemetry

__all__ = ["BOARDS"]

BOARDS = (overview, service, journey, slo, logs_traces, telemetry, infrastructure, incident)
"""Functions that make one dashboard each; the first is Grafana's home."""
