"""Traces: set up the OpenTelemetry SDK from the OTEL_* variables, with the scrubbing policy before every exporter."""

import os
import re
import uuid
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any

from opentelemetry import baggage, propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import Getter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers

from sandbox_telemetry.exporting import SDK_METERS, ScrubbingExporter
from sandbox_telemetry.names import BAGGAGE, NAMESPACE
from sandbox_telemetry.settings import SAMPLED_SHARE, TelemetrySettings

_DEFAULTS = {
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    # The batch processor counts the spans that it exported and dropped.
    "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED": "true",
}
_BY_PROTOCOL = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}
# Allowed values of baggage.
_VALUE = re.compile(r"[a-z0-9-]{1,32}").fullmatch


class RequestsOnly(Sampler):
    """Samples `share` of the requests among root spans, and no client calls.

    A client call without a parent belongs to no request (a probe, the start, housekeeping); each would be a trace
    of one span. Background work that needs a trace starts one with a span that is not a client call.
    """

    def __init__(self, share: float) -> None:
        self._share = TraceIdRatioBased(share)

    def should_sample(
        self, parent_context: Context | None, trace_id: int, name: str, kind: SpanKind | None = None, *a: Any, **k: Any
    ) -> SamplingResult:
        if kind is SpanKind.CLIENT:
            return SamplingResult(Decision.DROP)
        return self._share.should_sample(parent_context, trace_id, name, kind, *a, **k)

    def get_description(self) -> str:
        return f"RequestsOnly{{{self._share.get_description()}}}"


class _HeaderLines(Getter[Headers]):
    """Joins repeated list headers into one list; a repeated `traceparent` counts as none."""

    def get(self, carrier: Headers, key: str) -> list[str] | None:
        lines = carrier.getlist(key)
        if key == "traceparent" and len(lines) > 1:
            return None
        # The baggage propagator reads the first value only.
        return [",".join(lines)] if lines else None

    def keys(self, carrier: Headers) -> list[str]:
        return carrier.keys()


HEADER_LINES = _HeaderLines()


class KnownBaggage(W3CBaggagePropagator):
    """Accepts baggage with known names and short words as values; drops `;properties`."""

    def extract(self, carrier: Any, context: Context | None = None, *args: Any, **options: Any) -> Context:
        extracted = super().extract(carrier, context, *args, **options)
        for name, entry in baggage.get_all(extracted).items():
            value = str(entry).partition(";")[0].rstrip()
            if name in BAGGAGE and _VALUE(value):
                extracted = baggage.set_baggage(name, value, extracted)
            else:
                extracted = baggage.remove_baggage(name, extracted)
        return extracted


class ProcessResource(Resource):
    """The resource of all spans. Hashed by identity: the SDK would build JSON for each span that is encoded."""

    def __hash__(self) -> int:
        return id(self)


def sampler_for(settings: TelemetrySettings) -> Sampler | None:
    """Return the policy's sampler, or None if OTEL_TRACES_SAMPLER is set."""
    if os.environ.get("OTEL_TRACES_SAMPLER"):
        return None
    return ParentBased(RequestsOnly(SAMPLED_SHARE[settings.deployment_environment]))


def setup_tracing(service: str, settings: TelemetrySettings) -> TracerProvider:
    """Configure the global tracer provider once. Raises RuntimeError if no installed package provides the exporter."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    described = Resource.create(
        {
            "service.name": service,
            "service.namespace": NAMESPACE,
            "service.version": settings.service_version,
            "service.instance.id": str(uuid.uuid4()),
            "deployment.environment.name": settings.deployment_environment.value,
        }
    )
    resource = ProcessResource(described.attributes, described.schema_url)
    # Tracers' own counters cost more than the spans; the distro's configurator cannot leave them out.
    provider = TracerProvider(sampler_for(settings), resource, meter_provider=NoOpMeterProvider())
    for exporter in _exporters():
        processor = BatchSpanProcessor(ScrubbingExporter(exporter), meter_provider=SDK_METERS)
        provider.add_span_processor(processor)
    trace.set_tracer_provider(provider)
    _set_propagator()
    return provider


def _exporters() -> Iterator[SpanExporter]:
    """Yield the exporters of OTEL_TRACES_EXPORTER and OTEL_EXPORTER_OTLP_PROTOCOL; each reads its own settings."""
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"]
    for name in os.environ["OTEL_TRACES_EXPORTER"].split(","):
        wanted = _BY_PROTOCOL.get(protocol, protocol) if name.strip() == "otlp" else name.strip()
        if wanted in ("none", ""):
            continue
        found = entry_points(group="opentelemetry_traces_exporter", name=wanted)
        if not found:
            raise RuntimeError("OTEL_TRACES_EXPORTER, or its protocol, names an exporter that is not installed.")
        yield next(iter(found)).load()()


def _set_propagator() -> None:
    """Set W3C trace context and known baggage as propagators, unless OTEL_PROPAGATORS differs from the default."""
    if os.environ.get("OTEL_PROPAGATORS", "tracecontext,baggage") == "tracecontext,baggage":
        propagate.set_global_textmap(CompositePropagator([TraceContextTextMapPropagator(), KnownBaggage()]))


def current_trace_id() -> str | None:
    """Return the current trace id as 32 hexadecimal digits, or None outside a trace."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None


def current_traceparent() -> str | None:
    """Return the current span as a W3C traceparent, for a page that continues the trace; None outside a trace."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    ids = f"{trace.format_trace_id(context.trace_id)}-{trace.format_span_id(context.span_id)}"
    return f"00-{ids}-{context.trace_flags:02x}"
