"""W3C trace context, and of the W3C baggage only what the vocabulary knows: the rest is a client's business."""

import os
import re
from typing import Any

from opentelemetry import baggage, propagate
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from telemetry.vocabulary import BAGGAGE

_VALUE = re.compile(r"[a-z0-9-]{1,32}").fullmatch


class KnownBaggage(W3CBaggagePropagator):
    """Baggage whose names are in the vocabulary and whose values are short words."""

    def extract(self, carrier: Any, context: Context | None = None, *args: Any, **options: Any) -> Context:
        extracted = super().extract(carrier, context, *args, **options)
        for name, value in baggage.get_all(extracted).items():
            if name not in BAGGAGE or not _VALUE(str(value)):
                extracted = baggage.remove_baggage(name, extracted)
        return extracted


def setup_propagation() -> None:
    """Set the global propagator, unless OTEL_PROPAGATORS asks for another one than the default."""
    if os.environ.get("OTEL_PROPAGATORS", "tracecontext,baggage") == "tracecontext,baggage":
        propagate.set_global_textmap(CompositePropagator([TraceContextTextMapPropagator(), KnownBaggage()]))
