"""Traces: the OpenTelemetry SDK set up from the OTEL_* variables, with the scrubbing policy before every exporter."""

import os
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, cast

from opentelemetry import trace
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, Sampler
from opentelemetry.trace import SpanContext
from opentelemetry.trace.status import Status

from telemetry import metrics, policy, vocabulary
from telemetry.propagation import setup_propagation
from telemetry.sampling import RequestsOnly
from telemetry.settings import SAMPLED_SHARE, TelemetrySettings

_DEFAULTS = {
    "OTEL_TRACES_EXPORTER": "otlp",
    # Metrics are scraped and log lines are tailed; neither goes through the SDK.
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    # Stable names for HTTP and database attributes instead of the old ones.
    "OTEL_SEMCONV_STABILITY_OPT_IN": "http,database",
}


class ScrubbingExporter(SpanExporter):
    """For exporters other than ours: passes on spans from which all that the policy does not keep was removed."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._inner.export([scrub_span(span) for span in spans])
        metrics.SPANS.labels("exported" if result is SpanExportResult.SUCCESS else "lost").inc(len(spans))
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 3_000) -> bool:
        return self._inner.force_flush(timeout_millis)


def scrub_span(span: ReadableSpan) -> ReadableSpan:
    """A copy of `span` that the policy lets out: status without text, no trace state, events with the error's type."""
    context = span.context
    return ReadableSpan(
        name=policy.scrub_text(span.name),
        context=SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags),
        parent=span.parent,
        resource=span.resource,
        attributes=_kept(span.attributes, policy.NOT_FROM[span.kind]),
        events=[Event(policy.scrub_text(e.name), _kept(e.attributes), e.timestamp) for e in span.events],
        kind=span.kind,
        instrumentation_scope=span.instrumentation_scope,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
    )


def _kept(attributes: Mapping[str, Any] | None, dropped: frozenset[str] = frozenset()) -> dict[str, Any]:
    kept = {key: policy.span_attribute(key, value) for key, value in (attributes or {}).items() if key not in dropped}
    return {key: value for key, value in kept.items() if value is not None}


def sampler_for(settings: TelemetrySettings) -> Sampler | None:
    """The policy's sampler, or None when OTEL_TRACES_SAMPLER decides."""
    if os.environ.get("OTEL_TRACES_SAMPLER"):
        return None
    return ParentBased(RequestsOnly(SAMPLED_SHARE[settings.deployment_environment]))


def setup_tracing(service: str, settings: TelemetrySettings) -> TracerProvider:
    """Configure the global tracer provider once; exporters come from the OTEL_* variables."""
    from opentelemetry.distro import OpenTelemetryConfigurator

    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    processors: list[SpanProcessor] = []
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"]
    if (os.environ["OTEL_TRACES_EXPORTER"], protocol) == ("otlp", "http/protobuf"):
        processors.append(_own_processor(service, settings))
        os.environ["OTEL_TRACES_EXPORTER"] = "none"
    OpenTelemetryConfigurator().configure(
        resource_attributes={
            "service.name": service,
            "service.namespace": vocabulary.NAMESPACE,
            "service.version": settings.service_version,
            "service.instance.id": str(uuid.uuid4()),
            "deployment.environment.name": settings.deployment_environment.value,
        },
        sampler=sampler_for(settings),
        span_processors=processors,
        export_span_processor=_counting,
    )
    setup_propagation()
    return cast(TracerProvider, trace.get_tracer_provider())


def _counting(exporter: SpanExporter) -> SpanProcessor:
    from telemetry.batches import CountingProcessor

    return CountingProcessor(ScrubbingExporter(exporter))


def _own_processor(service: str, settings: TelemetrySettings) -> SpanProcessor:
    from telemetry.batches import CountingProcessor
    from telemetry.export import OtlpSettings, SpoolingExporter
    from telemetry.spool import Spool

    folder = settings.log_directory / "spool" / service if settings.log_directory else None
    spool = Spool(folder, settings.spool_max_bytes) if folder else None
    return CountingProcessor(SpoolingExporter(OtlpSettings(), spool))


def current_trace_id() -> str | None:
    """The current trace's id as 32 hexadecimal digits, or None outside a trace."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None


def current_traceparent() -> str | None:
    """The current span's context as a W3C traceparent, for a page that continues its trace; None outside a trace."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    ids = f"{trace.format_trace_id(context.trace_id)}-{trace.format_span_id(context.span_id)}"
    return f"00-{ids}-{context.trace_flags:02x}"
