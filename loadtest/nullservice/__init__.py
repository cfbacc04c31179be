"""The smallest possible service, in two versions: without telemetry and with all of it."""
