"""Exported spans are scrubbed, and metrics count how many ended, were queued, arrived and were lost."""

import json

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from sandbox_telemetry import events, metrics
from sandbox_telemetry.exporting import ScrubbingExporter
from sandbox_telemetry.tests.conftest import Collector
from testing.process import free_port, running_service, until
from testing.vocabulary import vocabulary

CANARY = "jane.canary@example.com"
SDK = {metric.name: metric for metric in vocabulary().metrics if metric.is_of_sdk}
PROCESSED, EXPORTED = "otel_sdk_processor_span_processed_total", "otel_sdk_exporter_span_exported_total"


def sampleshop(url: str, **variables: str):
    """The sample service with immediate batches."""
    from sandbox_telemetry.tests.test_lifecycle import PATHS

    standard = {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_BSP_SCHEDULE_DELAY": "20"}
    return running_service("sampleshop", {**PATHS, **standard, **variables})


def test_span_that_arrives_holds_what_the_policy_lets_out_and_nothing_else(collector, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    provider = TracerProvider(resource=Resource({"service.name": "shop"}))
    provider.add_span_processor(BatchSpanProcessor(ScrubbingExporter(OTLPSpanExporter())))
    told = {"db.query.text": f"SELECT '{CANARY}' caf\udce9", "server.port": 5432, "url.full": CANARY, "synthetic": True}
    state = TraceState([("vendor", "canary")])
    parent = SpanContext(1, 2, True, TraceFlags(TraceFlags.SAMPLED), state)
    span = provider.get_tracer("test").start_span(
        f"GET {CANARY}", kind=SpanKind.CLIENT, attributes=told, links=[Link(parent, {"note": CANARY})]
    )
    span.add_event("exception", {"exception.type": "KeyError", "exception.message": CANARY})
    span.set_status(Status(StatusCode.ERROR, CANARY))
    span.end()
    with provider.get_tracer("test").start_as_current_span("HTTP", kind=SpanKind.SERVER, attributes={"server.port": 1}):
        pass
    provider.shutdown()
    assert b"canary" not in b"".join(collector.bodies).lower()
    client, server = collector.spans
    assert client.name == "GET [scrubbed]"
    kept = {one.key: one.value for one in client.attributes}
    assert sorted(kept) == ["db.query.text", "server.port", "synthetic"]
    assert kept["db.query.text"].string_value == "SELECT '[scrubbed]' caf\\udce9"
    assert (kept["server.port"].int_value, kept["synthetic"].bool_value) == (5432, True)
    assert [(one.name, [a.key for a in one.attributes]) for one in client.events] == [("exception", ["exception.type"])]
    assert (client.status.code, client.status.message, client.trace_state, list(client.links)) == (2, "", "", [])
    assert list(server.attributes) == []


class Failing(SpanExporter):
    """Returns the next of the given results for each batch."""

    def __init__(self, ending: SpanExportResult | Exception) -> None:
        self._ending = ending

    def export(self, spans):
        if isinstance(self._ending, Exception):
            raise self._ending
        return self._ending


def exported() -> dict[str, float]:
    """Return the number of spans by `error_type`, empty if there is none."""
    families = [family for family in metrics.REGISTRY.collect() if family.name == EXPORTED.removesuffix("_total")]
    return {sample.labels.get("error_type", ""): sample.value for family in families for sample in family.samples}


@pytest.mark.parametrize("ending", [SpanExportResult.FAILURE, ValueError("no bytes for this")])
def test_batch_that_is_not_delivered_counts_as_lost_and_has_one_line(seen, ending):
    before = exported().get("_OTHER", 0)
    spans = [ReadableSpan("x", SpanContext(1, 1, False))] * 3
    assert ScrubbingExporter(Failing(ending)).export(spans) is SpanExportResult.FAILURE
    assert exported()["_OTHER"] - before == 3
    [line] = seen.log_lines
    assert (line["message"], line["count"]) == (events.TELEMETRY_LOST, 3)
    assert "no bytes" not in json.dumps(seen.log_lines)


def test_what_a_collector_refuses_is_counted_as_lost_and_not_sent_again(collector):
    """The SDK's own exporter counter counts these spans as exported."""
    collector.status = 400
    with sampleshop(collector.url) as service:
        service.client.get("/null")
        until(lambda: service.sample(EXPORTED, error_type="_OTHER") == 1, "the refusal has been counted")
        collector.status = 200
        service.client.get("/greet/x")
        until(lambda: service.sample(EXPORTED) == 2, "the second span has arrived")
        assert service.sample(EXPORTED, error_type="_OTHER") == 1
        lost = [line for line in service.lines() if line.get("event") == "telemetry.lost"]
    assert len(collector.names) == 1
    assert [line["count"] for line in lost] == [1]


def test_collector_that_restarts_costs_no_span(tmp_path):
    port = free_port()
    with sampleshop(f"http://127.0.0.1:{port}", OTEL_EXPORTER_OTLP_TIMEOUT="30") as service:
        for _ in range(20):
            service.client.get("/null")
        assert service.sample(EXPORTED) == 0
        collector = Collector(port)
        until(lambda: len(collector.names) == 20, "all have arrived", within=20)
        until(lambda: service.sample(EXPORTED) == 20, "all have been counted")
        assert service.sample(PROCESSED) == 20
        assert "telemetry.lost" not in service.events()
        service.stop()
    collector.close()


def test_longer_absence_costs_spans_that_are_counted_and_no_line():
    refusing = f"http://127.0.0.1:{free_port()}"
    small = {"OTEL_BSP_MAX_QUEUE_SIZE": "4", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "2", "OTEL_EXPORTER_OTLP_TIMEOUT": "3"}
    with sampleshop(refusing, **small) as service:
        for _ in range(40):
            service.client.get("/null")
        given_up = lambda: service.sample(EXPORTED, error_type="_OTHER")  # noqa: E731
        until(lambda: given_up() > 0, "a batch has been given up")
        dropped = service.sample(PROCESSED, error_type="queue_full")
        assert dropped >= 40 - 4 - 2 - 2
        # Dropped, exported or queued: each span counts once.
        assert service.sample(PROCESSED) + service.sample("otel_sdk_processor_span_queue_size") == 40
        assert service.sample("otel_sdk_processor_span_queue_capacity") == 4
        assert service.events().count("http.access") == 40


def test_page_has_the_sdks_own_counters_with_the_names_that_are_documented(collector):
    with sampleshop(collector.url) as service:
        service.client.get("/null")
        until(lambda: service.sample(EXPORTED) == 1, "the span has arrived")
        accept = {"accept": "application/openmetrics-text; version=1.0.0"}
        page = service.client.get("/metrics", headers=accept).text
    found = {one.name: one for one in text_string_to_metric_families(page) if one.name.startswith("otel_")}
    assert set(found) == set(SDK)
    for name, family in found.items():
        declared = SDK[name]
        assert (family.type, family.unit, family.documentation) == (declared.kind, declared.unit, declared.help)
        assert {label for sample in family.samples for label in sample.labels} <= set(declared.labels)


def test_no_error_event_is_made_of_a_collector_that_is_away(collector):
    """Otherwise an outage would open a new issue each minute, in addition to its alert."""
    dsn = collector.url.replace("://", "://key@") + "/1"
    away = f"http://127.0.0.1:{free_port()}"
    with sampleshop(away, SENTRY_DSN=dsn, OTEL_EXPORTER_OTLP_TIMEOUT="0.5") as service:
        service.client.get("/null")
        until(lambda: service.sample(EXPORTED, error_type="_OTHER") == 1, "the batch has been given up")
        service.client.post("/broken/1", json={})
        assert service.stop() == 0
    assert len(collector.events) == 1
