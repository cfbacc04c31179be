"""The dead man's switch: outside Prometheus and Alertmanager, it mails by itself when their heartbeat stays away.

Alertmanager passes the alert that always fires (Watchdog) on to it every few seconds. Whoever stops, Prometheus or
Alertmanager, stops that too. It needs neither of them, nor a database: only an SMTP server.
"""
