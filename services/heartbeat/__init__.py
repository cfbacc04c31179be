"""The dead man's switch: sends a mail itself when the alerting heartbeat stops arriving.

Alertmanager forwards the alert that always fires (Watchdog) every few seconds. If Prometheus or Alertmanager stops, so
does the heartbeat. This service depends on neither of them, nor on a database: it needs an SMTP server only.
"""
