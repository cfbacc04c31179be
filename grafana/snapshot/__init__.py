"""Pictures of dashboards from live data, where no Grafana is: `make snapshot`, CI's bundle, incident reports."""

from grafana.snapshot.picture import render

__all__ = ["render"]
