"""What the doctor says when all run and a signal still does not arrive: breaks that cost too much to make live."""

from functools import cached_property
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from sandbox.checks.doctor import probes
from sandbox.checks.doctor.examine import Finding, examine
from sandbox.checks.doctor.hops import HOPS
from sandbox.checks.doctor.probes import Probes
from sandbox.completeness.exposition import samples_of
from sandbox_testing import direct
from sandbox_testing.stores import Sample

RUNNING = SimpleNamespace(state="running")
EVERYBODY = {hop.component: RUNNING for hop in HOPS}


class Broken(Probes):
    """Stores that answer and have nothing; ``targets`` are what Prometheus says that it scrapes."""

    def __init__(self, targets: list[dict[str, Any]]) -> None:
        super().__init__(SimpleNamespace(url=lambda service: f"http://{service}.test", environment="dev"))
        self.traces = {"payments": "ab" * 16}
        self._targets = targets

    @cached_property
    def loki(self) -> Any:
        return SimpleNamespace(of_trace=lambda _trace_id, _since: [])

    @cached_property
    def prometheus(self) -> Any:
        return SimpleNamespace(targets=lambda: self._targets, value=lambda _query: 0.0)


def found(way: str, targets: list[dict[str, Any]] | None = None) -> Finding:
    """What the doctor finds at the one hop of that way."""
    [hop] = [hop for hop in HOPS if hop.way == way]
    finding = examine(Broken(targets or []), [hop], EVERYBODY)
    assert finding, f"{way} works"
    return finding


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "STORE_SECONDS", 0.2)
    monkeypatch.setattr(
        probes, "samples_of", lambda _address, _sample: {frozenset({("http_route", probes.PROBE)}): 1.0}
    )


def test_target_that_cannot_be_scraped_is_reported_with_the_reason_from_prometheus() -> None:
    down = {
        "labels": {"service": "payments"},
        "health": "down",
        "scrapeUrl": "http://127.0.0.1:9/metrics",
        "lastError": "connection refused",
    }
    finding = found("prometheus → payments (scrape)", [down])
    assert "http://127.0.0.1:9/metrics: connection refused" in finding.seen
    assert "its target in prometheus/prometheus.yml" in finding.cause


def test_service_without_a_scrape_target_is_reported_as_missing() -> None:
    finding = found("prometheus → payments (scrape)")
    assert "no target for payments" in finding.seen


def test_line_that_never_arrives_leads_to_the_folder_and_the_disk() -> None:
    finding = found("payments → otel-collector → loki (access line)")
    assert "ab" * 16 in finding.seen
    assert "payments writes no file (LOG_DIRECTORY, a full disk)" in finding.cause
    assert "make logs SERVICE=payments" in finding.next


def test_spans_are_delivered_where_their_label_of_an_error_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page gives every series of a counter the same labels, and those that one lacks are empty."""
    counter = "otel_sdk_exporter_span_exported"
    pages = iter([{"": 5.0, "_OTHER": 2.0}, {"": 6.0, "_OTHER": 2.0}])

    def page(*_args: str, **_options: object) -> httpx.Response:
        rows = [f'{counter}_total{{error_type="{error}"}} {value}' for error, value in next(pages).items()]
        text = "\n".join([f"# TYPE {counter} counter", *rows, "# EOF\n"])
        return httpx.Response(200, text=text, request=httpx.Request("GET", "http://payments.test/metrics"))

    monkeypatch.setattr(probes, "samples_of", samples_of)
    monkeypatch.setattr(direct, "get", page)
    monkeypatch.setattr(direct, "post", lambda *_args, **_options: SimpleNamespace(status_code=204))

    Broken([]).spans_leave("payments")

    assert next(pages, None) is None


class Counted(Probes):
    """Prometheus answers one query, whatever it is, with these samples."""

    def __init__(self, *samples: Sample) -> None:
        super().__init__(SimpleNamespace(url=lambda service: f"http://{service}.test", environment="dev"))
        self._samples = list(samples)

    @cached_property
    def prometheus(self) -> Any:
        return SimpleNamespace(query=lambda _query: self._samples)


def discarded(value: float, service: str = "otel-collector", **labels: str) -> Sample:
    return Sample({"service": service, **labels}, value, timestamp=0.0)


def test_doctor_says_whose_telemetry_was_refused_and_why() -> None:
    counted = Counted(
        discarded(3, outcome="refused", signal="logs", sender="shop", reason="too_large"),
        discarded(50, outcome="refused", signal="traces", exporter="otlp_grpc/tempo", reason="its queue is full"),
        # The same spans as the receiver counted them, and metrics for which nothing else has a reason.
        discarded(50, outcome="turned away", signal="traces"),
        discarded(7, outcome="turned away", signal="metrics"),
        discarded(400, "tempo", outcome="lost", signal="traces", reason="trace_too_large"),
    )
    assert counted.discarded() == [
        "tempo lost 400 spans within a minute: trace_too_large",
        "otel-collector refused 50 spans within a minute: its queue is full (otlp_grpc/tempo)",
        "otel-collector turned away 7 metric points within a minute: for no reason that is known",
        "otel-collector refused 3 log lines of shop within a minute: too_large",
    ]
    assert Counted().discarded() == []


def test_queue_that_stands_still_is_a_broken_hop_that_names_it() -> None:
    [hop] = [hop for hop in HOPS if hop.check is Probes.queues_move]
    assert examine(Counted(), [hop], EVERYBODY) is None
    finding = examine(Counted(Sample({"exporter": "otlp_http/loki"}, 1.0, timestamp=0.0)), [hop], EVERYBODY)
    assert finding
    assert finding.seen == "nothing goes out of the queue of otlp_http/loki"
