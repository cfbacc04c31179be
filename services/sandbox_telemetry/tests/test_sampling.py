"""Traces belong to requests; a client call without a request starts none."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace.sampling import ParentBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, set_span_in_context

from sandbox_telemetry.tracing import RequestsOnly

TRACE_ID = 0x1234567890ABCDEF1234567890ABCDEF


def _sampled(kind: SpanKind, share: float, parent: bool | None = None) -> bool:
    context = None
    if parent is not None:
        flags = TraceFlags(TraceFlags.SAMPLED if parent else TraceFlags.DEFAULT)
        context = set_span_in_context(NonRecordingSpan(SpanContext(TRACE_ID, 1, is_remote=False, trace_flags=flags)))
    return ParentBased(RequestsOnly(share)).should_sample(context, TRACE_ID, "span", kind).decision.is_sampled()


@pytest.mark.parametrize("kind", [SpanKind.SERVER, SpanKind.INTERNAL, SpanKind.CONSUMER])
def test_requests_and_background_work_begin_traces(kind: SpanKind) -> None:
    assert _sampled(kind, 1.0)
    assert not _sampled(kind, 0.0)


def test_a_call_without_a_parent_begins_no_trace() -> None:
    assert not _sampled(SpanKind.CLIENT, 1.0)


@pytest.mark.parametrize("parent", [True, False])
def test_a_call_inside_a_trace_follows_its_parent(parent: bool) -> None:
    assert _sampled(SpanKind.CLIENT, 0.0 if parent else 1.0, parent) is parent
