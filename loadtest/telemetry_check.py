"""Compare the telemetry of a load (counters, log lines, spans) with the requests that were sent."""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from loadtest.locust_run import Measured, send_people
from sandbox.completeness.balance import OF_SERVICES, produced
from sandbox.completeness.exposition import samples_of
from sandbox.model.stack import Stack
from sandbox.traffic.synthetic import silence
from sandbox_testing import direct
from sandbox_testing.polling import NotSeen, eventually
from sandbox_testing.stores import Loki, Prometheus

__all__ = ["Check", "Seen", "observed_load"]

COUNT = "http_server_request_duration_seconds_count"
ACCESS = '{service_name="gateway"} | event="http.access"'
ARRIVAL_SECONDS = 60.0
# The receiver's count of spans, stored or not: querying each trace of a load would take longer than the load.
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
    """One comparison: `seen` should equal `wanted`. A `total` includes requests of others, so it may be more."""

    what: str
    seen: int
    wanted: int
    total: bool = False

    @property
    def agrees(self) -> bool:
        return self.seen == self.wanted or (self.total and self.seen > self.wanted)


@dataclass(frozen=True)
class Seen:
    """The comparisons of a load, and the number of other requests at the gateway meanwhile."""

    checks: tuple[Check, ...]
    others: int


def observed_load(stack: Stack, users: int, duration: str, processes: int) -> tuple[Measured, Seen]:
    """Send a load and compare. The synthetic customer is paused; other traffic may continue.

    Raises StackError if the load could not be sent.
    """
    prometheus, loki = Prometheus(stack.url("prometheus")), Loki(stack.url("loki"))
    # Waits for its last requests; other traffic never stops, so it is not waited for.
    with silence(stack, lambda: None):
        before = _snapshot(stack, prometheus)
        measured = send_people(stack.url("gateway"), users, duration, processes)
        return measured, _compare(stack, prometheus, loki, before, measured)


def _snapshot(stack: Stack, prometheus: Prometheus) -> Snapshot:
    """Read totals from the services' metrics pages, Tempo and Prometheus."""
    at, made = time.time(), produced(stack)
    requests = int(sum(samples_of(stack.url("gateway"), COUNT).values()))
    scraped = int(prometheus.value(f'sum(last_over_time({COUNT}{{service="gateway"}}[11s]))'))
    return Snapshot(at, requests, scraped, made.spans.total(), _received(stack), made.lines.total())


def _compare(stack: Stack, prometheus: Prometheus, loki: Loki, before: Snapshot, sent: Measured) -> Seen:
    """Wait until everything has arrived. If something does not, the comparisons show what and how much."""
    latest: list[Seen] = []
    made = _snapshot(stack, prometheus)

    def arrived() -> bool:
        nonlocal made
        earlier, now = made, _snapshot(stack, prometheus)
        made = now
        seconds = math.ceil(now.at - before.at) + 1
        lines = int(loki.count(f"sum(count_over_time({OF_SERVICES}[{seconds}s]))", before.at + seconds))
        answered = [line.metadata.get("trace_id", "") for line in loki.lines(ACCESS, before.at)]
        ours = sum(trace_id in sent.traces for trace_id in answered)
        latest[:] = [judge(before, earlier, now, sent.requests, lines, ours, len(answered) - ours)]
        return _all_agree(latest[0].checks)

    try:
        eventually("the telemetry of the load", arrived, timeout=ARRIVAL_SECONDS, interval=1.0)
    except NotSeen:
        if not latest:
            raise
    return latest[0]


def judge(before: Snapshot, earlier: Snapshot, now: Snapshot, sent: int, lines: int, ours: int, others: int) -> Seen:
    """Compare the snapshots and the stored log lines with the `sent` requests.

    Log lines are counted by trace id. Counters do not distinguish senders: with `others` at the gateway they contain at
    least the load, and the stores at least what existed at the snapshot `earlier`; what others sent since may still be
    on its way.
    """
    crowd = others > 0
    made = earlier if crowd else now
    checks = (
        Check("requests counted by the gateway", now.requests - before.requests, sent, crowd),
        Check("requests in Prometheus", now.scraped - before.requests, sent, crowd),
        Check("access lines of the gateway in Loki", ours, sent),
        Check("log lines of all services in Loki", lines, made.lines - before.lines, crowd),
        Check("spans received by Tempo", now.received - before.received, made.spans - before.spans, crowd),
    )
    return Seen(checks, others)


def _all_agree(checks: Iterable[Check]) -> bool:
    return all(check.agrees for check in checks)


def _received(stack: Stack) -> int:
    page = direct.get(f"{stack.url('tempo')}/metrics", timeout=5.0).raise_for_status().text
    families = text_string_to_metric_families(page)
    return int(sum(one.value for family in families if family.name == TEMPO_RECEIVED for one in family.samples))
