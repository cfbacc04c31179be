"""Thresholds of all dashboards; alerting rules are in prometheus/."""

from sandbox.dashboards.style import Limit

__all__ = [
    "BUDGET_LEFT", "BURN_RATE", "COLLECTOR_MEMORY", "CPU", "DISK", "ERRORS", "FAILED_JOURNEYS", "FILES",
    "FIRING", "GONE", "JOURNEY", "LAG", "LATENCY", "LOST", "POOL", "QUEUE", "RULES", "SCRAPE", "SERIES",
    "SEVERITY", "SINCE_SUCCESS", "STATEMENT", "SUCCEEDING",
]  # fmt: skip

ERRORS = Limit(0.05, "one request in twenty fails", warn=0.01)
LATENCY = Limit(0.5, "half of the gateway's latency objective of 1 s", warn=0.3)
FIRING = Limit(1, "needs attention")
SEVERITY = Limit(2, "an alert of severity page", warn=1)
GONE = Limit(1, "no metrics from that target")
LAG = Limit(0.1, "the event loop is blocked, and all requests wait", warn=0.05)
POOL = Limit(0.9, "requests start to wait for a connection", warn=0.7)
CPU = Limit(0.9, "a service is one process and can use one core", warn=0.7)
QUEUE = Limit(0.8, "a full queue rejects or drops telemetry", warn=0.5)
LOST = Limit(1e-9, "none is expected in normal operation")
SCRAPE = Limit(4, "the scrape timeout", warn=2)
FAILED_JOURNEYS = Limit(0.05, "one journey in twenty fails", warn=0.01)
SUCCEEDING = Limit(0.95, "one journey in twenty fails", warn=0.99, below=True)
JOURNEY = Limit(3, "customers give up", warn=1.5)
SINCE_SUCCESS = Limit(60, "a journey starts every few seconds", warn=30)
BURN_RATE = Limit(14.4, "this rate pages; it uses 2 % of the budget in one long window", warn=1)
BUDGET_LEFT = Limit(0.0, "the error budget is spent", warn=0.25, below=True)
DISK = Limit(0.9, "the stores stop writing when the disk is full", warn=0.8)
FILES = Limit(0.8, "new connections may be rejected", warn=0.6)
STATEMENT = Limit(0.1, "a request runs several statements", warn=0.05)
COLLECTOR_MEMORY = Limit(160 * 1024**2, "the memory limiter rejects data")
SERIES = Limit(50_000, "four times the normal number; a label has unbounded values", warn=25_000)
RULES = Limit(5, "the evaluation interval", warn=1)
