"""Export of spans: the scrubbing exporter between the SDK's batch processor and the exporter that sends."""

# Import before a meter provider is created: in a forked process it starts threads, and this module's lock is certainly
# free only if the module was imported earlier.
import concurrent.futures.thread  # noqa: F401
import logging
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind
from opentelemetry.trace.status import Status, StatusCode

from sandbox_telemetry import events, policy
from sandbox_telemetry.metrics import REGISTRY

log = logging.getLogger("telemetry")

# The OpenTelemetry SDK's own metrics, exposed on the same page.
SDK_METERS = MeterProvider(
    [PrometheusMetricReader(disable_target_info=True, scope_info_enabled=False, registry=REGISTRY)],
    Resource.get_empty(),
    shutdown_on_exit=False,
)
SPANS_EXPORTED = SDK_METERS.get_meter("telemetry").create_counter(
    "otel.sdk.exporter.span.exported",
    "{span}",
    "The number of spans for which the export has finished, either successful or failed.",
)

# On a server span the address comes from the client's Host header; on a client span it is our configuration.
_HOST_HEADER = ("server.address", "server.port")
_FAILED = {"error.type": "_OTHER"}
_STATUS = {code: Status(code) for code in StatusCode}


class ScrubbingExporter(SpanExporter):
    """Exports copies of spans that contain only what the policy allows, and counts spans by delivery outcome.

    The SDK's exporter (1.45) has a counter of the same name, but counts spans that the collector refused as delivered.
    """

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        # Create the series now: a counter that first appears with a loss shows no increase.
        SPANS_EXPORTED.add(0)
        SPANS_EXPORTED.add(0, _FAILED)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            result = self._inner.export([scrub_span(span) for span in spans])
        except Exception:
            log.exception(events.TELEMETRY_LOST, extra={"count": len(spans), "reason": "the exporter failed"})
            SPANS_EXPORTED.add(len(spans), _FAILED)
            return SpanExportResult.FAILURE
        if result is not SpanExportResult.SUCCESS:
            log.warning(events.TELEMETRY_LOST, extra={"count": len(spans), "reason": "the collector did not take them"})
        SPANS_EXPORTED.add(len(spans), {} if result is SpanExportResult.SUCCESS else _FAILED)
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 3_000) -> bool:
        return self._inner.force_flush(timeout_millis)


def scrub_span(span: ReadableSpan) -> ReadableSpan:
    """Return a copy of `span` as the policy allows: status without text, no trace state, only the types of errors."""
    context = span.context
    if context.trace_state:
        context = SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags)
    return ReadableSpan(
        name=policy.scrub_text(span.name),
        context=context,
        parent=span.parent,
        resource=span.resource,
        attributes=_kept(span.attributes, _HOST_HEADER if span.kind is SpanKind.SERVER else ()),
        events=[Event(policy.scrub_text(e.name), _kept(e.attributes), e.timestamp) for e in span.events],
        kind=span.kind,
        instrumentation_scope=_scope(span.instrumentation_scope),
        status=_STATUS[span.status.status_code],
        start_time=span.start_time,
        end_time=span.end_time,
    )


@lru_cache(maxsize=64)
def _scope(scope: InstrumentationScope | None) -> InstrumentationScope | None:
    """Return the instrumentation scope: name (escaped if it is not valid Unicode), version and schema."""
    return scope and InstrumentationScope(policy.storable(scope.name), scope.version, scope.schema_url)


def _kept(attributes: Mapping[str, Any] | None, dropped: tuple[str, ...] = ()) -> dict[str, Any]:
    # The SDK's mapping takes a lock and two calls for each key; a plain dictionary does not.
    given = dict(attributes.copy()) if isinstance(attributes, MappingProxyType) else attributes or {}
    kept = {}
    for key, value in given.items():
        if key not in dropped and (value := policy.span_attribute(key, value)) is not None:
            kept[key] = value
    return kept
