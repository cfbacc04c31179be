"""Client spans of calls, each made in one go when the call has ended.

The SDK's span can be written to by several threads while it lasts, and holds events, links and limits. A call to a
database or to another service needs none of that, and a payment makes a dozen of them. So a call under way is two
numbers and an identity, and what goes to the tracer's processors, when it has ended, is the same read-only span that
they get of every other. Nothing is told of it to a processor's `on_start`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import time_ns
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Tracer
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, get_current_span, get_tracer

__all__ = ["Call", "CallDescription", "CallSpan", "CallSpans"]

_UNSET, _ERROR = Status(StatusCode.UNSET), Status(StatusCode.ERROR)


@dataclass(frozen=True, eq=False)
class CallDescription:
    """What a call is, without when and for whom: its span's name, attributes and whether it failed.

    Never changed, and compared by identity, so that one made once can be recognised and written down once.
    """

    name: str
    attributes: Mapping[str, Any]
    failed: bool = False


class Call:
    """A call under way: its own context, that of what it is part of, and when it began in Unix nanoseconds."""

    __slots__ = ("context", "parent", "started")

    def __init__(self, context: SpanContext, parent: SpanContext, started: int) -> None:
        self.context, self.parent, self.started = context, parent, started

    @property
    def is_recorded(self) -> bool:
        return self.context.trace_flags.sampled


class CallSpan(ReadableSpan):
    """The span of a call that has just ended. The encoder knows it by its `description`."""

    def __init__(
        self, call: Call, description: CallDescription, resource: Resource, scope: InstrumentationScope
    ) -> None:
        self.description = description
        super().__init__(
            description.name,
            call.context,
            call.parent,
            resource,
            description.attributes,
            kind=SpanKind.CLIENT,
            status=_ERROR if description.failed else _UNSET,
            start_time=call.started,
            end_time=time_ns(),
            instrumentation_scope=scope,
        )


class CallSpans:
    """Records the calls of one instrumentation, named `scope`. RuntimeError when the telemetry was not started.

    A call is recorded when what it is part of is: a trace is sampled where it begins, and none begins with a call.
    """

    def __init__(self, scope: str) -> None:
        tracer = get_tracer(scope)
        if not isinstance(tracer, Tracer):
            raise RuntimeError("Telemetry is not started: call create_app or serve before instrumenting a client.")
        self._tracer = tracer
        self._scope = InstrumentationScope(scope)

    def begin(self) -> Call:
        """A call that begins now, below the current span."""
        return self._below(get_current_span().get_span_context(), time_ns())

    def end(self, call: Call, description: CallDescription) -> None:
        """Hand the span of a call that ends now to the tracer's processors."""
        if call.is_recorded:
            tracer = self._tracer
            tracer.span_processor.on_end(CallSpan(call, description, tracer.resource, self._scope))

    def record(self, started: int, description: CallDescription) -> None:
        """The same at once, for a call of which nobody else was told: one below the current span that ends now."""
        parent = get_current_span().get_span_context()
        if parent.trace_flags.sampled:
            self.end(self._below(parent, started), description)

    def _below(self, parent: SpanContext, started: int) -> Call:
        ids = self._tracer.id_generator
        trace_id = parent.trace_id if parent.is_valid else ids.generate_trace_id()
        context = SpanContext(trace_id, ids.generate_span_id(), False, parent.trace_flags, parent.trace_state)
        return Call(context, parent, started)
