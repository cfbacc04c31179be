"""Telemetry about the telemetry of services and collector, and checks that all of it arrived."""
