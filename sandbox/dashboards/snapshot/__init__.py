"""Pictures of dashboards from live data, where no Grafana is: `make snapshot`, CI's bundle, incident reports."""

from sandbox.dashboards.snapshot.picture import render

__all__ = ["render"]
