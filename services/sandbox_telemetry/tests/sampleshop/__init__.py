"""A small service that uses every part of the telemetry."""
