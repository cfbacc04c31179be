"""A sender of anything beside a good one: the good one loses nothing, and nothing personal is stored."""

import pytest

from sandbox.model.stack import Stack
from sandbox_testing.polling import eventually
from tests.support.evidence import Evidence
from tests.support.odd_senders import CANARY, Addresses, Trial

REQUESTS = 300
MEMORY_LIMIT = 256 * 2**20


# Hypothesis describes the whole strategy beside an example that it did not use.
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
def test_a_generated_sender_costs_nobody_else_anything(stack: Stack, evidence: Evidence) -> None:
    """Without this one guest's odd telemetry takes lines, spans and points of others with it, unseen."""
    otlp, *stores = (stack.url(name) for name in ("otlp_http", "loki", "tempo", "prometheus"))
    trial = Trial(Addresses(otlp, stack.url("otlp_grpc").removeprefix("http://"), *stores))
    with trial.client:
        trial.send(REQUESTS)
        expected = (trial.sent, trial.sent, trial.sent)
        eventually("all of the good sender", trial.good_items, lambda found: found == expected, timeout=30)
        eventually("the odd sender's count", trial.discarded_spans, lambda found: found == trial.anonymous, timeout=20)
        memory = trial.number('otelcol_process_memory_rss_bytes{service="otel-collector"}')
        evidence(odd=trial.odd, requests=trial.sent, anonymous=trial.anonymous, memory=memory, refusals=trial.refusals)
        assert trial.refusals == []
        assert CANARY not in trial.stored()
        assert 0 < memory < MEMORY_LIMIT
