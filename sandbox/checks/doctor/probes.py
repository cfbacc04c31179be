"""A probe through the whole stack: requests whose trace, log lines, counts and errors are then checked at each hop."""

import secrets
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import httpx

from sandbox.completeness.exposition import EXPORTED, samples_of
from sandbox.model.stack import Stack
from sandbox_testing import direct
from sandbox_testing.polling import eventually
from sandbox_testing.stores import Bugsink, Loki, Prometheus, Tempo

__all__ = ["Probes"]

ANSWER_SECONDS = 3.0
# A service retries at most 19 s after the collector is up again.
SPANS_SECONDS = 20.0
# The collector and its queues retry at most this long after a store is up again; a scrape takes up to 5 s.
STORE_SECONDS = 12.0
# This route makes the service report an error. It does not count as a customer's request (services/kit/failure.py).
PROBE = "/debug/probe"
# The maximum of the last ten minutes.
DISCARDED = "max_over_time(telemetry:discarded:increase1m[10m]) > 0"
ITEMS = {"traces": "spans", "logs": "log lines", "metrics": "metric points", "errors": "error events"}
COUNT = "http_server_request_duration_seconds_count"


class Probes:
    """The checks of the hops.

    Each method returns if its hop works. Otherwise it raises AssertionError or httpx.HTTPError with the observation.
    """

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        # In production, the route of the probe does not exist and reports no error.
        self._is_prod = stack.environment == "prod"
        self.started = time.time()
        self.traces: dict[str, str] = {}

    @cached_property
    def tempo(self) -> Tempo:
        return Tempo(self.stack.url("tempo"))

    @cached_property
    def loki(self) -> Loki:
        return Loki(self.stack.url("loki"))

    @cached_property
    def prometheus(self) -> Prometheus:
        return Prometheus(self.stack.url("prometheus"))

    @cached_property
    def bugsink(self) -> Bugsink:
        return Bugsink(self.stack.url("bugsink"), self.stack.settings["BUGSINK_API_TOKEN"])

    def answers(self, component: str, path: str) -> None:
        """Check that the component reports itself as ready."""
        url = self.stack.url(component) + path
        ask = lambda: direct.get(url, timeout=2.0).raise_for_status()  # noqa: E731
        eventually(f"an answer at {url}", ask, timeout=ANSWER_SECONDS)

    def spans_leave(self, service: str) -> None:
        """Send a request to the service and wait until the collector has confirmed a span created after it."""
        before = self._span_counts(service)
        self.traces[service] = secrets.token_hex(16)
        # Sampled regardless of the environment's sampling policy.
        traceparent = f"00-{self.traces[service]}-{secrets.token_hex(8)}-01"
        url = f"{self.stack.url(service)}{PROBE}"
        answer = direct.post(url, headers={"traceparent": traceparent}, timeout=5.0)
        wanted = httpx.codes.NOT_FOUND if self._is_prod else httpx.codes.NO_CONTENT
        assert answer.status_code == wanted, f"{url} answers {answer.status_code}"

        def delivered() -> str:
            moved = {outcome: value - before[outcome] for outcome, value in self._span_counts(service).items()}
            assert moved["delivered"] > 0, f"spans since the probe: {moved}"
            return "delivered"

        eventually(f"the collector to take spans of {service}", delivered, timeout=SPANS_SECONDS)

    def trace_is_stored(self, service: str) -> None:
        trace_id = self.traces[service]
        eventually(f"trace {trace_id} in Tempo", lambda: self.tempo.trace(trace_id), timeout=STORE_SECONDS)

    def line_is_stored(self, service: str) -> None:
        trace_id = self.traces[service]
        lines = lambda: self.loki.of_trace(trace_id, self.started - 5)  # noqa: E731
        eventually(f"the access line of trace {trace_id} in Loki", lines, timeout=STORE_SECONDS)

    def is_scraped(self, service: str) -> None:
        """Check that the service's counter in Prometheus includes the probe's request."""
        route = "unmatched" if self._is_prod else PROBE
        wanted = ("http_route", route)
        page = sum(value for labels, value in samples_of(self.stack.url(service), COUNT).items() if wanted in labels)
        query = f'sum(last_over_time({COUNT}{{service="{service}",http_route="{route}"}}[11s]))'

        def scraped() -> float:
            targets = [one for one in self.prometheus.targets() if one["labels"].get("service") == service]
            assert targets, f"prometheus/prometheus.yml has no target for {service}"
            assert targets[0]["health"] == "up", f"{targets[0]['scrapeUrl']}: {targets[0]['lastError']}"
            return self.prometheus.value(query)

        eventually(f"the probe of {service} in Prometheus", scraped, lambda seen: seen >= page, timeout=STORE_SECONDS)

    def error_is_stored(self, service: str) -> None:
        """Find the error that the probe made the service report. In production there is none."""
        if self._is_prod:
            return
        trace_id = self.traces[service]
        found = lambda: self.bugsink.of_trace(trace_id, self.started - 5)  # noqa: E731
        eventually(f"the error event of trace {trace_id} in Bugsink", found, timeout=STORE_SECONDS)

    def alerts_have_a_receiver(self) -> None:
        def active() -> list[Any]:
            return self.prometheus.get("/api/v1/alertmanagers")["data"]["activeAlertmanagers"]

        eventually("an Alertmanager that Prometheus sends to", active, timeout=STORE_SECONDS)

    def queues_move(self) -> None:
        """Check that no queue of the collector is stuck, with the rule in prometheus/rules/telemetry.yml."""
        stuck = self.prometheus.query('ALERTS{alertname="TelemetryExportFailing",alertstate="firing"}')
        assert not stuck, f"nothing goes out of the queue of {', '.join(one.labels['exporter'] for one in stuck)}"

    def discarded(self) -> list[str]:
        """Return one sentence per kind of telemetry refused or lost within ten minutes, the largest first.

        A sentence states the amount, the component and the reason.
        """
        rows = sorted(self.prometheus.query(DISCARDED), key=lambda one: -one.value)
        explained = {row.labels["signal"] for row in rows if row.labels["outcome"] == "refused"}
        return [
            _sentence(row.labels, row.value)
            for row in rows
            # The receiver's count has no reason, so it is used only where no other count exists.
            if row.labels["outcome"] != "turned away" or row.labels["signal"] not in explained
        ]

    def _span_counts(self, service: str) -> dict[str, float]:
        samples = samples_of(self.stack.url(service), EXPORTED)
        failed = sum(value for labels, value in samples.items() if "error_type" in dict(labels))
        return {"delivered": sum(samples.values()) - failed, "lost": failed}


def _sentence(labels: Mapping[str, str], value: float) -> str:
    """Return a sentence such as `loki lost 2 log lines within a minute: line_too_long`.

    For a refusal: `… refused 3 spans of shop within a minute: invalid`.
    """
    told = f"{labels['service']} {labels['outcome']} {value:.0f} {ITEMS.get(labels['signal'], labels['signal'])}"
    sender, exporter = labels.get("sender"), labels.get("exporter")
    told += (f" of {sender}" if sender else "") + " within a minute"
    return told + f": {labels.get('reason') or 'for no reason that is known'}" + (f" ({exporter})" if exporter else "")
