"""A small service that does everything a service can do to its telemetry."""
