"""The public API: authenticates callers, limits rates and durations, and forwards to the services."""
