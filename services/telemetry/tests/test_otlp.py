"""Our encoder says exactly what the OpenTelemetry library's encoder says about the scrubbed span."""

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from telemetry import otlp, vocabulary
from telemetry.calls import CallDescription, CallSpan, CallSpans
from telemetry.runtime import start_for_tests
from telemetry.tracing import scrub_span

RESOURCES = [Resource({"service.name": "a", "n": 3, "list": ["x", "y"]}), Resource({"service.name": "b"})]
SCOPES = [InstrumentationScope("fastapi", "1.0", "https://schema"), InstrumentationScope("bare"), None]
CALLED = {"db.query.text": "SELECT 1", "server.address": "postgres", "server.port": 5432, "unknown": "jane@example.com"}
DESCRIPTIONS = [
    CallDescription("SELECT jane@example.com", CALLED),
    CallDescription("SELECT", CALLED),
    CallDescription("SELECT", CALLED | {"error.type": "TimeoutError"}, failed=True),
    CallDescription("SELECT", {}),
]

ids = st.integers(1, 2**64 - 1)
times = st.integers(0, 2**63 - 1)
values = st.one_of(
    st.text(max_size=300),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.lists(st.text(max_size=5), max_size=3),
)
attributes = st.dictionaries(st.sampled_from([*sorted(vocabulary.SPAN_ATTRIBUTES), "unknown", "url.path"]), values)


@st.composite
def contexts(draw):
    state = TraceState([("vendor", "jane@example.com")])
    return SpanContext(draw(ids) << 32, draw(ids), draw(st.booleans()), TraceFlags(1), state)


@st.composite
def spans(draw):
    return ReadableSpan(
        name=draw(st.text(max_size=200)),
        context=draw(contexts()),
        parent=draw(st.none() | contexts()),
        resource=draw(st.sampled_from(RESOURCES)),
        attributes=draw(attributes),
        events=[
            Event(draw(st.text(max_size=9)), draw(attributes), draw(times)) for _ in range(draw(st.integers(0, 2)))
        ],
        kind=draw(st.sampled_from(SpanKind)),
        instrumentation_scope=draw(st.sampled_from(SCOPES)),
        status=Status(draw(st.sampled_from(StatusCode))),
        start_time=draw(times),
        end_time=draw(times),
    )


@st.composite
def call_spans(draw):
    """Of descriptions that several share, as all calls of one statement do."""
    start_for_tests()
    spans, description = CallSpans("telemetry.tests"), draw(st.sampled_from(DESCRIPTIONS))
    return CallSpan(spans, draw(contexts()), draw(times), description, draw(st.none() | contexts()))


def canonical(request):
    """Groups in a stable order, and a span's attributes too: neither order means anything."""
    found = []
    for group in request.resource_spans:
        for scope in group.scope_spans:
            header = (group.resource.SerializeToString(), scope.scope.SerializeToString(), scope.schema_url)
            found += [(header, span.SerializeToString(deterministic=True)) for span in scope.spans]
    return sorted(found)


@given(st.lists(spans() | call_spans(), min_size=1, max_size=5))
def test_bytes_mean_the_same_as_those_of_the_library_encoder(batch):
    decoded = ExportTraceServiceRequest.FromString(otlp.encode(batch))
    assert canonical(decoded) == canonical(encode_spans([scrub_span(span) for span in batch]))


def test_equal_values_of_different_types_keep_their_types():
    kept = []
    for value in (1, True, 1.0, "1"):
        span = ReadableSpan(
            "x", SpanContext(1, 1, False), attributes={"error.type": value}, resource=RESOURCES[0], kind=SpanKind.CLIENT
        )
        request = ExportTraceServiceRequest.FromString(otlp.encode([span]))
        value = request.resource_spans[0].scope_spans[0].spans[0].attributes[0].value
        kept.append(value.WhichOneof("value"))
    assert kept == ["int_value", "bool_value", "double_value", "string_value"]
