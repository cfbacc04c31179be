"""Log lines: structured, correlated, complete, once."""

import json
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime

import pytest

from sandbox.model.catalog import SERVICES
from sandbox.model.stack import Stack
from sandbox.traffic.customer import Customer, Exchange
from sandbox_testing.observe import Telemetry
from sandbox_testing.stores import LogLine, Loki
from testing.vocabulary import vocabulary
from tests.support import components
from tests.support.evidence import Evidence

MANDATORY = set(vocabulary().mandatory_fields)
LEVELS = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}
LOOK_BACK = 900.0


def test_three_services_log_the_trace_id_of_one_payment(
    payment: Exchange, telemetry: Telemetry, evidence: Evidence
) -> None:
    """Without this a trace cannot be read beside what the services said about it."""
    counts = {service: len(telemetry.access_lines(service)) for service in SERVICES}
    evidence(trace_id=payment.trace_id, query=f'{{service_name=~".+"}} | trace_id="{payment.trace_id}"', lines=counts)
    # auth answers twice: to the gateway, and to payments, which does not take the gateway's word for it.
    assert counts == {"gateway": 1, "auth": 2, "payments": 1}
    for line in telemetry.lines:
        assert line.fields["traceId"] == line.metadata["trace_id"] == payment.trace_id


def test_each_access_line_points_at_its_own_server_span(telemetry: Telemetry) -> None:
    """Without this a log line of a trace leads to some span of it, not to the one that wrote it."""
    for service in SERVICES:
        spans = Counter(span.span_id for span in telemetry.server_spans(service))
        lines = Counter(line.metadata["span_id"] for line in telemetry.access_lines(service))
        assert lines == spans, service


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_line_has_the_mandatory_fields(
    stack: Stack, loki: Loki, service: str, payment: Exchange, telemetry: Telemetry, evidence: Evidence
) -> None:
    """Without this a search by level, service or trace silently misses the lines that are shaped otherwise."""
    query = f'{{service_name="{service}"}}'
    lines = loki.lines(query, time.time() - LOOK_BACK)
    evidence(query=query, lines=len(lines))
    assert lines
    wrong = [problem for line in lines for problem in problems(line, service, stack)]
    assert wrong == []


def problems(line: LogLine, service: str, stack: Stack) -> list[str]:
    """What is wrong with a stored line, if anything."""
    try:
        fields = line.fields
    except ValueError as error:
        return [f"not a JSON object: {error}"]
    wrong = [f"lacks {name}: {line.body[:300]}" for name in sorted(MANDATORY - set(fields))]
    if (fields.get("service"), fields.get("environment")) != (service, stack.environment):
        wrong.append(f"says that it is of {fields.get('service')} in {fields.get('environment')}")
    if fields.get("level") not in LEVELS:
        wrong.append(f"level is {fields.get('level')!r}")
    written = datetime.fromisoformat(fields["timestamp"]).timestamp() if "timestamp" in fields else 0.0
    if abs(written - line.timestamp / 1e9) > 0.001:
        wrong.append(f"Loki has the time {line.timestamp}, the line says {fields.get('timestamp')}")
    return wrong


def test_each_line_reaches_loki_exactly_once(loki: Loki, telemetry: Telemetry, evidence: Evidence) -> None:
    """Without this every count made from logs is wrong, and nobody sees it."""
    query = f'{{service_name=~"{"|".join(SERVICES)}"}}'
    lines = loki.lines(query, time.time() - LOOK_BACK)
    # A line has its time in microseconds, its trace and its span: a body seen twice is a line stored twice.
    twice = [body for body, times in Counter(line.body for line in lines).items() if times > 1]
    evidence(query=query, lines=len(lines), stored_twice=len(twice))
    assert lines
    assert twice == []


def test_lines_are_indexed_by_few_labels_only(telemetry: Telemetry) -> None:
    """Without this Loki makes a stream for each trace or process and becomes slow."""
    assert {name for line in telemetry.lines for name in line.labels} == {"service_name", "deployment_environment_name"}


def test_unhandled_error_is_logged_with_type_and_stack(
    customer: Customer, telemetry_of: Callable[..., Telemetry], evidence: Evidence
) -> None:
    """Without this the log says that something failed, and nothing else."""
    failure = customer.send("POST", "/api/debug/payments/error")
    lines = telemetry_of(failure.trace_id).of_service("payments")
    errors = [line.fields for line in lines if line.fields["level"] == "ERROR"]
    evidence(trace_id=failure.trace_id, error_lines=len(errors))
    [error] = errors
    assert error["error_type"] == "RuntimeError"
    assert "payments/routes.py" in error["stack_trace"]


@pytest.mark.engine("where programs print and store")
@pytest.mark.parametrize("service", SERVICES)
def test_everything_a_service_prints_is_a_log_line(stack: Stack, service: str, evidence: Evidence) -> None:
    """Without this a crash at start, or a library's own words, is a line that no search finds."""
    printed = "".join(text for name, text in components.output(stack) if name == service)
    lines = printed.splitlines()
    evidence(lines=len(lines))
    assert lines
    strange = [line[:300] for line in lines if not (line.startswith("{") and set(json.loads(line)) >= MANDATORY)]
    assert strange == []
