"""W3C trace context, and of the W3C baggage only the names that are known: the rest is a client's business."""

import os
import re
from typing import Any

from opentelemetry import baggage, propagate
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers

from sandbox_telemetry.names import BAGGAGE

_VALUE = re.compile(r"[a-z0-9-]{1,32}").fullmatch


class _HeaderLines(Getter[Headers]):
    """All lines of a header. Several of one that is a list are one list; a second `traceparent` makes both invalid."""

    def get(self, carrier: Headers, key: str) -> list[str] | None:
        lines = carrier.getlist(key)
        if key == "traceparent" and len(lines) > 1:
            return None
        # The propagator of baggage reads the first value only.
        return [",".join(lines)] if lines else None

    def keys(self, carrier: Headers) -> list[str]:
        return carrier.keys()


HEADER_LINES = _HeaderLines()


class KnownBaggage(W3CBaggagePropagator):
    """Baggage whose names are known and whose values are short words; `;properties` are left out."""

    def extract(self, carrier: Any, context: Context | None = None, *args: Any, **options: Any) -> Context:
        extracted = super().extract(carrier, context, *args, **options)
        for name, entry in baggage.get_all(extracted).items():
            value = str(entry).partition(";")[0].rstrip()
            if name in BAGGAGE and _VALUE(value):
                extracted = baggage.set_baggage(name, value, extracted)
            else:
                extracted = baggage.remove_baggage(name, extracted)
        return extracted


def setup_propagation() -> None:
    """Set the global propagator, unless OTEL_PROPAGATORS asks for another one than the default."""
    if os.environ.get("OTEL_PROPAGATORS", "tracecontext,baggage") == "tracecontext,baggage":
        propagate.set_global_textmap(CompositePropagator([TraceContextTextMapPropagator(), KnownBaggage()]))
