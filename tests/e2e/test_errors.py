"""Unhandled errors reach the error tracker with all that is needed to fix them."""

import time
from collections.abc import Callable

import pytest

from sandbox.model.catalog import SERVICES, catalog
from sandbox.model.stack import Stack
from sandbox.traffic.customer import Customer
from sandbox_testing import direct
from sandbox_testing.polling import eventually
from sandbox_testing.stores import Bugsink, ErrorEvent
from tests.support.evidence import Evidence


@pytest.mark.parametrize("service", SERVICES)
def test_forced_error_reaches_the_tracker_with_its_context(
    stack: Stack,
    customer: Customer,
    bugsink: Bugsink,
    errors_of: Callable[..., list[ErrorEvent]],
    evidence: Evidence,
    service: str,
) -> None:
    """Without this a failure is seen by customers only, or nobody can say which release of whose service it was."""
    failure = customer.send("POST", f"/api/debug/{service}/error")
    assert failure.status == 500
    events = errors_of(failure.trace_id)
    evidence(trace_id=failure.trace_id, event=events[0].id, seconds=round(time.time() - failure.received_at, 2))
    [event] = events
    assert event.project == bugsink.projects()[service] == catalog()[service].errors
    assert event.data["release"].endswith(stack.version(service))
    assert event.data["environment"] == stack.environment
    assert event.tags["team"] == catalog()[service].team
    assert event.data["exception"]["values"][-1]["type"]
    assert any(frame.get("context_line") and frame.get("pre_context") for frame in event.frames)


def test_source_maps_are_taken_at_the_address_that_was_asked(stack: Stack) -> None:
    """Without this releases from containers have minified stacks: there an address made for browsers leads nowhere."""
    token = {"Authorization": f"Bearer {stack.settings['BUGSINK_API_TOKEN']}"}
    for host in ("127.0.0.1", "localhost"):
        asked = f"http://{host}:{stack.port('bugsink')}/api/0/organizations/sandbox/chunk-upload/"
        assert direct.get(asked, headers=token, timeout=5.0).json()["url"] == asked


def test_customers_mistakes_make_no_error_event(customer: Customer, bugsink: Bugsink, errors_of: Callable) -> None:
    """Without this a mistyped card number wakes a developer."""
    mistakes = [
        customer.send("GET", "/api/no/such/page"),
        customer.send("POST", "/api/payments", json={"amount": "much"}),
        customer.pay(card={"number": "4242424242424241", "exp_month": 1, "exp_year": 2020, "cvc": "1"}),
    ]
    assert all(400 <= mistake.status < 500 for mistake in mistakes)
    # Events arrive in order: once a later error is there, an earlier one would be as well.
    later = customer.send("POST", "/api/debug/gateway/error")
    errors_of(later.trace_id)
    ids = {mistake.trace_id for mistake in mistakes}
    events = [event for project in bugsink.projects().values() for event in bugsink.events(project, later.sent_at - 30)]
    assert [event.trace_id for event in events if event.trace_id in ids] == []


def test_one_failure_makes_one_event_not_more(
    customer: Customer, bugsink: Bugsink, errors_of: Callable[..., list[ErrorEvent]]
) -> None:
    """Without this a failure that passes through two services is counted twice and two teams look for it."""
    failures = [customer.send("POST", "/api/debug/auth/error") for _ in range(3)]
    for failure in failures:
        errors_of(failure.trace_id)

    def of_these_failures() -> list[ErrorEvent]:
        return [event for failure in failures for event in bugsink.of_trace(failure.trace_id, failures[0].sent_at - 5)]

    events = eventually("three error events", of_these_failures, lambda found: len(found) >= len(failures))
    assert {event.project for event in events} == {bugsink.projects()["auth"]}
    assert len(events) == len(failures)
