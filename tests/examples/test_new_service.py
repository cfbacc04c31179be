"""A service of this house's own making, made a moment ago, is observed like the others."""

import os
from collections.abc import Callable, Iterator

import httpx
import pytest

from sandbox_testing import ErrorEvent, Prometheus, Tempo, Trace, eventually
from testing.process import Running, running_service
from tests.support.newservice import checkout_with
from tests.support.stack import Stack

NAME = "qorders"


@pytest.fixture(scope="module")
def service(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """It runs beside the stack, from a copy of the checkout, and reports to the stack; with the copy it goes again."""
    copy = checkout_with(NAME, tmp_path_factory.mktemp("new-service"))
    environment = {
        "PYTHONPATH": str(copy / "services"),
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": stack.url("otlp_http"),
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "SENTRY_DSN": f"http://{stack.settings['GUESTS_SENTRY_KEY']}@127.0.0.1:{stack.port('bugsink')}/9",
    }
    with running_service(NAME, {**os.environ, **environment}) as running:
        yield running


def test_new_service_has_trace_span_metrics_and_error_on_the_live_stack(
    service: Running,
    tempo: Tempo,
    prometheus: Prometheus,
    new_trace: Callable[[], Trace],
    errors_of: Callable[..., list[ErrorEvent]],
) -> None:
    trace = new_trace()
    assert httpx.get(f"{service.url}/hello/Ada", headers=trace.headers).status_code == 200
    [span] = eventually("the trace of the greeting", lambda: tempo.trace(trace.id))
    assert (span.service, span.kind, span.name) == (NAME, "SERVER", "GET /hello/{who}")
    calls = f'traces_spanmetrics_calls_total{{service="{NAME}",span_name="GET /hello/{{who}}"}}'
    eventually(f"{calls} in Prometheus", lambda: prometheus.value(calls), lambda count: count == 1)
    failed = httpx.post(f"{service.url}/debug/error")
    [event] = errors_of(failed.headers["x-trace-id"], timeout=30.0)
    assert event.exceptions[-1]["type"] == "RuntimeError"
