"""Load tests, and benchmarks of the cost of telemetry."""
