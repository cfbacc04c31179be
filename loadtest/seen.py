"""What the telemetry saw of a load: counters, lines and spans, each against what must be there."""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass

import httpx
from prometheus_client.parser import text_string_to_metric_families

from loadtest.people import Measured, send_people
from sandbox_testing.polling import NotSeen, eventually
from sandbox_testing.stores import Loki, Prometheus
from tests.support.balance import OF_SERVICES, produced
from tests.support.exposition import samples_of
from tests.support.stack import Stack
from tests.support.synthetic import silence

__all__ = ["Check", "observed_load"]

COUNT = "http_server_request_duration_seconds_count"
ARRIVAL_SECONDS = 60.0
# The receiver's count of spans, stored or not; asking for each trace of a load would take longer than the load.
TEMPO_RECEIVED = "tempo_distributor_spans_received"


@dataclass(frozen=True)
class Snapshot:
    """Totals at one moment; `at` is in seconds since the epoch."""

    at: float
    requests: int
    scraped: int
    spans: int
    received: int
    lines: int


@dataclass(frozen=True)
class Check:
    """One comparison: `seen` should equal `wanted`."""

    what: str
    seen: int
    wanted: int

    @property
    def agrees(self) -> bool:
        return self.seen == self.wanted


def observed_load(stack: Stack, users: int, duration: str, processes: int) -> tuple[Measured, list[Check]]:
    """Send people while nobody else sends anything, and compare. Raises StackError when they could not be sent."""
    prometheus, loki = Prometheus(stack.url("prometheus")), Loki(stack.url("loki"))
    with silence(stack, lambda: produced(stack)):
        before = _snapshot(stack, prometheus)
        measured = send_people(stack.url("gateway"), users, duration, processes)
        return measured, _compare(stack, prometheus, loki, before, measured.requests)


def _snapshot(stack: Stack, prometheus: Prometheus) -> Snapshot:
    """From the services' own pages, Tempo's and Prometheus."""
    at, made = time.time(), produced(stack)
    requests = int(sum(samples_of(stack.url("gateway"), COUNT).values()))
    scraped = int(prometheus.value(f'sum(last_over_time({COUNT}{{service="gateway"}}[11s]))'))
    return Snapshot(at, requests, scraped, made.spans.total(), _received(stack), made.lines.total())


def _compare(stack: Stack, prometheus: Prometheus, loki: Loki, before: Snapshot, sent: int) -> list[Check]:
    """Wait until everything has arrived; when something does not, the comparisons say what and how much."""
    latest: list[Check] = []

    def arrived() -> bool:
        now = _snapshot(stack, prometheus)
        seconds = math.ceil(now.at - before.at) + 1
        lines = int(loki.count(f"sum(count_over_time({OF_SERVICES}[{seconds}s]))", before.at + seconds))
        query = '{service_name="gateway"} | event="http.access"'
        access = int(loki.count(f"sum(count_over_time({query}[{seconds}s]))", before.at + seconds))
        spans = now.spans - before.spans
        latest[:] = [
            Check("requests counted by the gateway", now.requests - before.requests, sent),
            Check("requests in Prometheus", now.scraped - before.requests, sent),
            Check("access lines of the gateway in Loki", access, sent),
            Check("log lines of all services in Loki", lines, now.lines - before.lines),
            Check("spans received by Tempo", now.received - before.received, spans),
        ]
        return _all_agree(latest)

    try:
        eventually("the telemetry of the load", arrived, timeout=ARRIVAL_SECONDS, interval=1.0)
    except NotSeen:
        if not latest:
            raise
    return latest


def _all_agree(checks: Iterable[Check]) -> bool:
    return all(check.agrees for check in checks)


def _received(stack: Stack) -> int:
    page = httpx.get(f"{stack.url('tempo')}/metrics", timeout=5.0, trust_env=False).raise_for_status().text
    families = text_string_to_metric_families(page)
    return int(sum(one.value for family in families if family.name == TEMPO_RECEIVED for one in family.samples))
