"""What counts as bad on every dashboard, once; the rules that wake somebody are in prometheus/."""

from sandbox.dashboards.style import Limit

__all__ = [
    "BUDGET_LEFT", "BURN_RATE", "CIRCUIT", "COLLECTOR_MEMORY", "CPU", "DISK", "ERRORS", "FAILED_JOURNEYS", "FILES",
    "FIRING", "GONE", "JOURNEY", "LAG", "LATENCY", "LOST", "POOL", "QUEUE", "RULES", "SCRAPE", "SERIES",
    "SEVERITY", "SINCE_SUCCESS", "STATEMENT", "SUCCEEDING", "UP",
]  # fmt: skip

ERRORS = Limit(0.05, "one request in twenty fails", warn=0.01)
LATENCY = Limit(0.5, "the gateway's objective; for the services behind it 300 ms", warn=0.3)
FIRING = Limit(1, "somebody is told of it")
SEVERITY = Limit(2, "somebody is woken", warn=1)
GONE = Limit(1, "nothing is known of what it does")
LAG = Limit(0.1, "something blocks the event loop, and all requests wait", warn=0.05)
POOL = Limit(0.9, "the next request waits for a connection", warn=0.7)
CPU = Limit(0.9, "a service is one process and has one core", warn=0.7)
CIRCUIT = Limit(1, "calls to the peer are refused without trying")
QUEUE = Limit(0.8, "when it is full, the collector refuses", warn=0.5)
LOST = Limit(1e-9, "anything at all is a loss")
SCRAPE = Limit(4, "the time-out of a scrape", warn=2)
FAILED_JOURNEYS = Limit(0.05, "one journey in twenty fails", warn=0.01)
SUCCEEDING = Limit(0.95, "one journey in twenty fails", warn=0.99, below=True)
JOURNEY = Limit(3, "people give up", warn=1.5)
SINCE_SUCCESS = Limit(60, "a journey begins every few seconds", warn=30)
BURN_RATE = Limit(14.4, "a page: the budget of the period would be gone in a fiftieth of it", warn=1)
BUDGET_LEFT = Limit(0.0, "the budget is spent", warn=0.25, below=True)
UP = Limit(1, "Prometheus gets nothing from it", below=True)
DISK = Limit(0.9, "the stores stop writing when it is full", warn=0.8)
FILES = Limit(0.8, "the next connection may be refused", warn=0.6)
STATEMENT = Limit(0.1, "a request makes several", warn=0.05)
COLLECTOR_MEMORY = Limit(160 * 1024**2, "its memory limiter refuses")
SERIES = Limit(50_000, "four times what the stack has; a label with unbounded values", warn=25_000)
RULES = Limit(5, "the interval of evaluation", warn=1)
