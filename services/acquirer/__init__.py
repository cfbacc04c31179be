"""A stand-in for the card network: a third party, so nothing of our telemetry is in it."""
