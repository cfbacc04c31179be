"""Dashboards as code: what is shown is said here in Python, and Grafana gets the JSON that comes out."""
