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
    """The span of a call that has just ended. The encoder knows it by its `description`.

    What every span has is made when somebody first asks for it. That is in the exporter's loop, where a dozen in a row
    cost a fraction of what each costs between the statements of a request.
    """

    def __init__(
        self,
        spans: CallSpans,
        parent: SpanContext,
        started: int,
        description: CallDescription,
        context: SpanContext | None = None,
    ) -> None:
        """`context` is only given for a call that others were told of; the others get theirs when they are asked."""
        self.description = description
        self._call = (spans, parent, started, time_ns(), context)

    def __getattr__(self, name: str) -> Any:
        if name == "_call" or "_context" in self.__dict__:
            raise AttributeError(name)
        spans, parent, started, ended, context = self._call
        super().__init__(
            self.description.name,
            context or spans.context_below(parent),
            parent,
            spans.resource,
            self.description.attributes,
            kind=SpanKind.CLIENT,
            status=_ERROR if self.description.failed else _UNSET,
            start_time=started,
            end_time=ended,
            instrumentation_scope=spans.scope,
        )
        return getattr(self, name)


class CallSpans:
    """Records the calls of one instrumentation, named `scope`. RuntimeError when the telemetry was not started.

    A call is recorded when what it is part of is: a trace is sampled where it begins, and none begins with a call.
    """

    def __init__(self, scope: str) -> None:
        tracer = get_tracer(scope)
        if not isinstance(tracer, Tracer):
            raise RuntimeError("Telemetry is not started: call create_app or serve before instrumenting a client.")
        self._tracer = tracer
        self.scope, self.resource = InstrumentationScope(scope), tracer.resource

    def begin(self) -> Call:
        """A call that begins now, below the current span."""
        parent = get_current_span().get_span_context()
        return Call(self.context_below(parent), parent, time_ns())

    def end(self, call: Call, description: CallDescription) -> None:
        """Hand the span of a call that ends now to the tracer's processors."""
        if call.is_recorded:
            span = CallSpan(self, call.parent, call.started, description, call.context)
            self._tracer.span_processor.on_end(span)

    def record(self, started: int, description: CallDescription) -> None:
        """The same at once, for a call of which nobody else was told: one below the current span that ends now."""
        parent = get_current_span().get_span_context()
        if parent.trace_flags.sampled:
            self._tracer.span_processor.on_end(CallSpan(self, parent, started, description))

    def context_below(self, parent: SpanContext) -> SpanContext:
        """A new span's, in its parent's trace or in one of its own."""
        ids = self._tracer.id_generator
        trace_id = parent.trace_id if parent.is_valid else ids.generate_trace_id()
        return SpanContext(trace_id, ids.generate_span_id(), False, parent.trace_flags, parent.trace_state)
