"""Incidents: executable runbooks, game days with measurements, generated reviews."""
