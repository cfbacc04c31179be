"""Dashboards as code: Python modules from which Grafana's JSON is generated."""
