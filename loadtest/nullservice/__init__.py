"""The smallest service there is, once without any telemetry and once with all of it."""
