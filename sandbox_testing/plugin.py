"""pytest fixtures over a running sandbox; pytest finds them by itself once the package is installed.

    def test_an_order_is_one_trace(new_trace, telemetry_of):
        trace = new_trace()
        httpx.post("http://127.0.0.1:9000/orders", headers=trace.headers)
        assert telemetry_of(trace.id).server_spans("orders")

Every store is a fixture of its own name. What waits, waits with a deadline in seconds and says what it saw last.
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
    """Where the stores answer. Override it when they are elsewhere than the environment says."""
    return Sandbox.from_environment()


@pytest.fixture(scope="session")
def tempo(sandbox: Sandbox) -> Iterator[Tempo]:
    """Traces."""
    store = Tempo(sandbox.tempo)
    yield store
    store.close()


@pytest.fixture(scope="session")
def loki(sandbox: Sandbox) -> Iterator[Loki]:
    """Log lines."""
    store = Loki(sandbox.loki)
    yield store
    store.close()


@pytest.fixture(scope="session")
def prometheus(sandbox: Sandbox) -> Iterator[Prometheus]:
    """Metrics and alerts."""
    store = Prometheus(sandbox.prometheus)
    yield store
    store.close()


@pytest.fixture(scope="session")
def bugsink(sandbox: Sandbox) -> Iterator[Bugsink]:
    """Error events."""
    store = Bugsink(sandbox.bugsink, sandbox.bugsink_token)
    yield store
    store.close()


@pytest.fixture(scope="session")
def mailbox(sandbox: Sandbox) -> Iterator[Mailpit]:
    """Every mail that the stack sent."""
    store = Mailpit(sandbox.mailpit)
    yield store
    store.close()


@pytest.fixture(scope="session")
def new_trace() -> Callable[[], Trace]:
    """``new_trace()`` is the beginning of a trace: send its ``headers``, look for its ``id``."""
    return Trace.new


@pytest.fixture(scope="session")
def telemetry_of(tempo: Tempo, loki: Loki) -> Callable[..., Telemetry]:
    """``telemetry_of(trace_id, lines=True, timeout=20)`` waits for the whole trace and (or not) its log lines."""

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
    """``wait_for_metric('orders_total{service="orders"}', at_least=1, timeout=30)`` waits for the value.

    Returns it. The expression gives one series at most; none counts as 0.
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

    Returns it as Prometheus tells it: labels, annotations, state, activeAt, value.
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
    """``wait_for_mail("HighErrorRate", to="", since=0, timeout=60)`` waits for a mail whose source has that text."""

    def wait(text: str, *, to: str = "", since: float = 0.0, timeout: float = 60.0) -> Message:
        def found() -> list[Message]:
            every = mailbox.messages(since)
            return [one for one in every if text in one.source and (not to or to in one.recipients)]

        return eventually(f"a mail with {text!r} {to and f'to {to}'}", found, timeout=timeout, interval=0.5)[0]

    return wait


@pytest.fixture(scope="session")
def every_store(tempo: Tempo, loki: Loki, prometheus: Prometheus, bugsink: Bugsink, mailbox: Mailpit) -> list[Haystack]:
    """All places that ``no_canaries`` searches. Override it to add your own database."""
    return haystacks(tempo, loki, prometheus, bugsink, mailbox)


@pytest.fixture(scope="session")
def no_canaries(every_store: list[Haystack]) -> Callable[..., Search]:
    """``no_canaries(canaries, since, controls)`` searches every store; fails with what escaped where.

    ``controls`` maps a store to a value that it must hold: the search fails as well when one is not found, because
    then it proves nothing. Let the last request's telemetry arrive before you ask.
    """

    def check(canaries: list[Canary], since: float, controls: Mapping[str, str]) -> Search:
        done = search(canaries, every_store, since, controls)
        done.verify()
        return done

    return check
