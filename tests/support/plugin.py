"""pytest fixtures of this repository's suites, in addition to those of the installable package sandbox_testing.

def test_a_payment_is_one_trace(customer, telemetry_of):
    payment = customer.pay()
    assert telemetry_of(payment.trace_id).server_spans("payments")
"""

import os
from collections.abc import Iterator

import pytest

from sandbox.model.stack import Stack
from sandbox.traffic.customer import Customer
from sandbox_testing import Bugsink, Haystack, Loki, Mailpit, Prometheus, Sandbox, Tempo, haystacks
from tests.support.evidence import Evidence, recorder
from tests.support.figures import Figures
from tests.support.haystack import further_haystacks

# Everything that tests access is on this machine; ignore any proxy of the environment.
os.environ.update(NO_PROXY="*", no_proxy="*")


@pytest.fixture(scope="session")
def stack() -> Stack:
    """Ports, versions and credentials of the stack under test."""
    return Stack()


@pytest.fixture(scope="session")
def sandbox(stack: Stack) -> Sandbox:
    """The stores of this checkout's stack, with the ports that .env.local may set."""
    return Sandbox.from_environment(stack.settings)


@pytest.fixture(scope="session")
def every_store(
    stack: Stack, tempo: Tempo, loki: Loki, prometheus: Prometheus, bugsink: Bugsink, mailbox: Mailpit
) -> list[Haystack]:
    """All places where personal data could be stored: the stores, the output of programs, the databases."""
    return [*haystacks(tempo, loki, prometheus, bugsink, mailbox), *further_haystacks(stack)]


@pytest.fixture
def evidence(request: pytest.FixtureRequest) -> Evidence:
    """``evidence(trace_id=..., query=...)`` records observations of a test for the report."""
    return recorder(request.node.user_properties)


@pytest.fixture(scope="session")
def figures(stack: Stack) -> Iterator[Figures]:
    """Measurements of this run, written at its end."""
    collected = Figures(stack.reports / "figures.json")
    yield collected
    collected.write()


@pytest.fixture
def customer(stack: Stack) -> Iterator[Customer]:
    """A new customer, registered and logged in."""
    with Customer(stack.url("gateway")) as person:
        yield person.arrive()


@pytest.fixture
def stranger(stack: Stack) -> Iterator[Customer]:
    """A client of the public API without an account."""
    with Customer(stack.url("gateway")) as person:
        yield person
