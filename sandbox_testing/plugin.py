"""pytest fixtures for a running sandbox; pytest finds them automatically once the package is installed.

    def test_an_order_is_one_trace(new_trace, telemetry_of):
        trace = new_trace()
        httpx.post("http://127.0.0.1:9000/orders", headers=trace.headers)
        assert telemetry_of(trace.id).server_spans("orders")

Each store is a fixture with its own name. Fixtures that wait have a deadline in seconds; on timeout they raise
``NotSeen`` with the last result.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from sandbox_testing import observe
from sandbox_testing.canaries import Canary, Search, search
from sandbox_testing.haystack import Haystack, haystacks
from sandbox_testing.observe import LOOK_BACK, Telemetry, Trace
from sandbox_testing.polling import eventually
from sandbox_testing.stores import Bugsink, ErrorEvent, Loki, Mailpit, Message, Prometheus, Tempo
from sandbox_testing.where import Sandbox


@pytest.fixture(scope="session")
def sandbox() -> Sandbox:
    """The addresses of the stores. Override it if they differ from those in the environment."""
    return Sandbox.from_environment()


@pytest.fixture(scope="session")
def tempo(sandbox: Sandbox) -> Iterator[Tempo]:
    """Client for traces."""
    store = Tempo(sandbox.tempo)
    yield store
    store.close()


@pytest.fixture(scope="session")
def loki(sandbox: Sandbox) -> Iterator[Loki]:
    """Client for log lines."""
    store = Loki(sandbox.loki)
    yield store
    store.close()


@pytest.fixture(scope="session")
def prometheus(sandbox: Sandbox) -> Iterator[Prometheus]:
    """Client for metrics and alerts."""
    store = Prometheus(sandbox.prometheus)
    yield store
    store.close()


@pytest.fixture(scope="session")
def bugsink(sandbox: Sandbox) -> Iterator[Bugsink]:
    """Client for error events."""
    store = Bugsink(sandbox.bugsink, sandbox.bugsink_token)
    yield store
    store.close()


@pytest.fixture(scope="session")
def mailbox(sandbox: Sandbox) -> Iterator[Mailpit]:
    """Client for every mail that the stack sent."""
    store = Mailpit(sandbox.mailpit)
    yield store
    store.close()


@pytest.fixture(scope="session")
def new_trace() -> Callable[[], Trace]:
    """``new_trace()`` starts a trace: send its ``headers``, search for its ``id``."""
    return Trace.new


@pytest.fixture(scope="session")
def telemetry_of(tempo: Tempo, loki: Loki) -> Callable[..., Telemetry]:
    """``telemetry_of(trace_id, lines=True, timeout=20)`` waits for the whole trace and its log lines."""

    def of(trace_id: str, **limits: Any) -> Telemetry:
        return observe.telemetry_of(tempo, loki, trace_id, **limits)

    return of


@pytest.fixture(scope="session")
def errors_of(bugsink: Bugsink) -> Callable[..., list[ErrorEvent]]:
    """``errors_of(trace_id, timeout=20)`` waits for the error events of that trace."""

    def of(trace_id: str, **limits: float) -> list[ErrorEvent]:
        return observe.errors_of(lambda: bugsink.of_trace(trace_id, time.time() - LOOK_BACK), trace_id, **limits)

    return of


@pytest.fixture(scope="session")
def wait_for_metric(prometheus: Prometheus) -> Callable[..., float]:
    """``wait_for_metric('orders_total{service="orders"}', at_least=1, timeout=30)`` waits for the value and returns it.

    The expression must give at most one series; none counts as 0.
    """

    def wait(expression: str, *, at_least: float = 1.0, timeout: float = 30.0) -> float:
        return eventually(
            f"{expression} to reach {at_least:g}",
            lambda: prometheus.value(expression),
            lambda value: value >= at_least,
            timeout=timeout,
            interval=0.3,
        )

    return wait


@pytest.fixture(scope="session")
def wait_for_alert(prometheus: Prometheus) -> Callable[..., dict[str, Any]]:
    """``wait_for_alert("Watchdog", severity="page", timeout=120)`` waits until an alert with these labels fires.

    Returns it in the format of Prometheus: labels, annotations, state, activeAt, value.
    """

    def wait(name: str, *, timeout: float = 120.0, **labels: str) -> dict[str, Any]:
        wanted = {"alertname": name, **labels}.items()
        return eventually(
            f"the alert {name} {labels or ''} to fire",
            lambda: [a for a in prometheus.alerts() if a["state"] == "firing" and wanted <= a["labels"].items()],
            timeout=timeout,
            interval=0.5,
        )[0]

    return wait


@pytest.fixture(scope="session")
def wait_for_mail(mailbox: Mailpit) -> Callable[..., Message]:
    """``wait_for_mail("HighErrorRate", to="", since=0, timeout=60)`` waits for a mail whose source has this text."""

    def wait(text: str, *, to: str = "", since: float = 0.0, timeout: float = 60.0) -> Message:
        def found() -> list[Message]:
            every = mailbox.messages(since)
            return [one for one in every if text in one.source and (not to or to in one.recipients)]

        return eventually(f"a mail with {text!r} {to and f'to {to}'}", found, timeout=timeout, interval=0.5)[0]

    return wait


@pytest.fixture(scope="session")
def every_store(tempo: Tempo, loki: Loki, prometheus: Prometheus, bugsink: Bugsink, mailbox: Mailpit) -> list[Haystack]:
    """All stores that ``no_canaries`` searches. Override it to add your own database."""
    return haystacks(tempo, loki, prometheus, bugsink, mailbox)


@pytest.fixture(scope="session")
def no_canaries(every_store: list[Haystack]) -> Callable[..., Search]:
    """``no_canaries(canaries, since, controls)`` searches every store; fails with each canary found, and where.

    ``controls`` maps a store to a value that it must contain. If a control is not found, the search fails, too, because
    it proves nothing then. Wait for the telemetry of the last request before you call it.
    """

    def check(canaries: list[Canary], since: float, controls: Mapping[str, str]) -> Search:
        done = search(canaries, every_store, since, controls)
        done.verify()
        return done

    return check
