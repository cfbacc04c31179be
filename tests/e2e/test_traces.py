"""One request is one trace, and each span hangs where it belongs."""

import secrets
from collections.abc import Callable

import pytest

from sandbox.engines import control
from sandbox.model.catalog import SERVICES
from sandbox.model.compose import read_topology
from sandbox.model.stack import Stack
from sandbox.traffic.customer import CARD, Customer, Exchange
from sandbox_testing.observe import Telemetry
from sandbox_testing.spans import Node, orphans, render, tree_of
from tests.support.evidence import Evidence


def session_asked_by(service: str, port: int) -> Node:
    """A service asks auth whether the session stands; auth looks it up."""
    answered = Node("auth SERVER GET /session", (Node("auth database"),))
    return Node(f"{service} CLIENT GET to port {port}", (answered,))


def called_port(stack: Stack, service: str) -> int:
    """The port that other services use. In a container network, it differs from the published one."""
    if control.name(stack) == "native":
        return stack.port(service)
    return read_topology(stack.root).services[service].ports[0].target


def payment_tree(stack: Stack) -> Node:
    """The whole trace of one payment: the gateway refuses dead sessions first, payments asks again by itself."""
    auth, payments, acquirer = (called_port(stack, service) for service in ("auth", "payments", "acquirer"))
    served = Node(
        "payments SERVER POST /payments",
        (
            session_asked_by("payments", auth),
            Node(f"payments CLIENT POST to port {acquirer}"),
            Node("payments database"),
        ),
    )
    sent = Node(f"gateway CLIENT POST to port {payments}", (served,))
    return Node("gateway SERVER POST /api/payments", (session_asked_by("gateway", auth), sent))


def test_one_payment_is_one_trace_with_exact_parents(
    stack: Stack, payment: Exchange, telemetry: Telemetry, evidence: Evidence
) -> None:
    """Without this a user looks at a trace and cannot tell which service called which, or misses a hop."""
    evidence(trace_id=payment.trace_id, spans=len(telemetry.spans), query=f"GET /api/traces/{payment.trace_id}")
    assert orphans(telemetry.spans) == []
    assert {span.trace_id for span in telemetry.spans} == {payment.trace_id}
    seen, expected = render(tree_of(telemetry.spans)), render([payment_tree(stack)])
    assert seen == expected, f"the trace is\n{seen}\nand should be\n{expected}"


def test_children_begin_while_their_parents_last(telemetry: Telemetry) -> None:
    """Without this a waterfall shows work outside the request that caused it."""
    by_id = {span.span_id: span for span in telemetry.spans}
    # A server's span may end after its client's: the client has the answer before the server has tidied up.
    outside = [
        span.name
        for span in telemetry.spans
        if (parent := by_id.get(span.parent_id)) and not parent.start <= span.start <= parent.end
    ]
    assert outside == []


def test_spans_say_which_release_ran_where(stack: Stack, telemetry: Telemetry) -> None:
    """Without this nobody can tell whether the new release or the old one was slow."""
    for service in SERVICES:
        resources = [span.resource for span in telemetry.spans if span.service == service]
        assert resources, f"no span of {service}"
        for resource in resources:
            assert resource["service.version"] == stack.version(service)
            assert resource["deployment.environment.name"] == stack.environment
            assert resource["service.instance.id"]


def test_incoming_traceparent_is_continued_not_replaced(
    customer: Customer, telemetry_of: Callable[..., Telemetry], evidence: Evidence
) -> None:
    """Without this a caller's own trace ends at our door."""
    trace_id, parent_id = secrets.token_hex(16), secrets.token_hex(8)
    answer = customer.send("GET", "/api/payments", headers={"traceparent": f"00-{trace_id}-{parent_id}-01"})
    assert (answer.status, answer.trace_id) == (200, trace_id)
    seen = telemetry_of(trace_id)
    evidence(trace_id=trace_id, parent=parent_id)
    assert [span.parent_id for span in seen.server_spans("gateway")] == [parent_id]


def test_malformed_traceparent_starts_a_new_trace(customer: Customer, telemetry_of: Callable[..., Telemetry]) -> None:
    """Without this one broken client could glue foreign requests into one trace, or make ours fail."""
    answer = customer.send("GET", "/api/payments", headers={"traceparent": f"00-{'0' * 32}-{'0' * 16}-01"})
    assert answer.status == 200
    [root] = telemetry_of(answer.trace_id).server_spans("gateway")
    assert root.parent_id == ""


ANSWERS = [
    pytest.param("GET", "/api/payments", 200, id="200"),
    pytest.param("GET", "/api/no/such/page", 404, id="404-no-route"),
    pytest.param("GET", "/api/payments/00000000-0000-4000-8000-000000000000", 404, id="404-no-payment"),
    pytest.param("PATCH", "/api/payments", 405, id="405"),
    pytest.param("POST", "/api/payments", 422, id="422"),
    pytest.param("POST", "/api/debug/gateway/error", 500, id="500-gateway"),
    pytest.param("POST", "/api/debug/payments/error", 500, id="500-payments"),
]


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
def test_every_answer_names_its_own_trace(
    customer: Customer, telemetry_of: Callable[..., Telemetry], method: str, path: str, status: int
) -> None:
    """Without this a user with an error on the screen has nothing to search for."""
    body = {"json": {"amount": -1, "card": CARD}} if status == 422 else {}
    answer = customer.send(method, path, headers={"idempotency-key": secrets.token_hex(8)}, **body)
    assert answer.status == status, answer.response.text
    [root] = telemetry_of(answer.trace_id).server_spans("gateway")
    assert root.parent_id == ""
    assert root.attributes["http.response.status_code"] == status
    if status >= 400:
        assert answer.response.headers["content-type"].startswith("application/problem+json")
        assert answer.json["trace_id"] == answer.trace_id


def test_answers_without_a_session_name_their_trace(stranger: Customer) -> None:
    """Without this a refused login cannot be followed by whoever helps the customer."""
    answer = stranger.send("GET", "/api/payments")
    assert answer.status == 401
    assert len(answer.trace_id) == 32
