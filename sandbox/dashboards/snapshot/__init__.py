"""Draws dashboards from live data without Grafana: for `make snapshot`, CI's bundle and incident reports."""

from sandbox.dashboards.snapshot.picture import render

__all__ = ["render"]
