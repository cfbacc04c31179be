"""The dashboards, one module each."""

from grafana.boards.incident import incident
from grafana.boards.infrastructure import infrastructure
from grafana.boards.journey import journey
from grafana.boards.logs_traces import logs_traces
from grafana.boards.overview import overview
from grafana.boards.service import service
from grafana.boards.slo import slo
from grafana.boards.telemetry import telemetry

__all__ = ["BOARDS"]

BOARDS = (overview, service, journey, slo, logs_traces, telemetry, infrastructure, incident)
"""Functions that make one dashboard each; the first is Grafana's home."""
