"""The end-to-end suite asserts on a stack that runs, and only after every store showed a first real payment."""

import time
from collections.abc import Callable

import httpx
import pytest

from sandbox.model.stack import Stack
from sandbox.traffic.customer import Customer, Exchange
from sandbox_testing import direct
from sandbox_testing.observe import Telemetry
from sandbox_testing.polling import eventually
from sandbox_testing.stores import Loki, Prometheus, Tempo

WARM_UP_SECONDS = 60.0
STACK_IS_DOWN = 9
"""The exit status that says so, apart from pytest's own."""


@pytest.fixture(scope="session", autouse=True)
def warm_stack(stack: Stack, tempo: Tempo, loki: Loki, prometheus: Prometheus, errors_of: Callable) -> None:
    """Send real traffic until each store has shown some of it, so that no test pays for a first time."""
    try:
        direct.get(f"{stack.url('gateway')}/readyz", timeout=5.0).raise_for_status()
    except httpx.HTTPError as refused:
        pytest.exit(
            f"the gateway is not ready at {stack.url('gateway')} ({refused}). Start the stack: make up", STACK_IS_DOWN
        )
    with Customer(stack.url("gateway")) as person:
        payment, error = person.arrive().pay(), person.send("POST", "/api/debug/payments/error")
    assert payment.status == 201, f"the first payment was refused: {payment.status} {payment.response.text}"
    eventually("the first payment's trace in Tempo", lambda: tempo.trace(payment.trace_id), timeout=WARM_UP_SECONDS)
    eventually(
        "the first payment's log lines in Loki",
        lambda: loki.of_trace(payment.trace_id, payment.sent_at - 60),
        timeout=WARM_UP_SECONDS,
    )
    eventually(
        "the first payment in Prometheus",
        lambda: prometheus.query('http_server_request_duration_seconds_count{http_route="/api/payments"} > 0'),
        timeout=WARM_UP_SECONDS,
    )
    errors_of(error.trace_id, timeout=WARM_UP_SECONDS)


@pytest.fixture(scope="module")
def payment(stack: Stack, warm_stack: None) -> Exchange:
    """One successful payment of a new customer, made once for the tests of a file."""
    with Customer(stack.url("gateway")) as person:
        made = person.arrive().pay()
    assert made.status == 201, f"the payment was refused: {made.status} {made.response.text}"
    return made


@pytest.fixture(scope="module")
def telemetry(payment: Exchange, telemetry_of: Callable[..., Telemetry]) -> Telemetry:
    """What the stores hold of that payment."""
    return telemetry_of(payment.trace_id)


@pytest.fixture
def started_at() -> float:
    """When the test began, in seconds since the epoch."""
    return time.time()
