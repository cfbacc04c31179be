"""Forwarded responses and deadlines, and services that are down, slow or send invalid responses."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from gateway.tests.conftest import RETRY_SECONDS, Customer, FakePayments, log_in, problem, running_gateway
from testing.fuzz import fuzz
from testing.process import Running, free_port, until

_JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("status", [201, 402, 404, 409, 422, 500, 503])
def test_answer_of_a_service_is_passed_through(customer: Customer, payments: FakePayments, status: int) -> None:
    payments.status, payments.body = status, b'{"status": %d}' % status
    payments.kind = "application/json" if status < 400 else "application/problem+json"
    answer = customer.pay()
    assert answer.status_code == status
    assert answer.content == payments.body
    assert answer.headers["Content-Type"] == payments.kind


def test_problem_of_a_service_names_the_same_trace(api: httpx.Client) -> None:
    assert problem(api.post("/api/auth/login", json={})) == (422, "invalid-request")


@pytest.mark.parametrize("kind", ["text/html", "text/plain", ""])
def test_answer_that_is_no_json_is_not_passed_through(customer: Customer, payments: FakePayments, kind: str) -> None:
    payments.kind, payments.body = kind, b"<h1>It works!</h1>"
    assert problem(customer.pay()) == (502, "upstream-nonsense")


def test_service_receives_the_time_that_the_client_still_waits(customer: Customer, payments: FakePayments) -> None:
    customer.list_payments()
    customer.list_payments(**{"X-Deadline-Ms": "1500"})
    customer.list_payments(**{"X-Deadline-Ms": "999999999"})
    granted = [int(request.headers["x-deadline-ms"]) for request in payments.seen]
    assert granted[0] <= 10_000
    assert 0 < granted[1] <= 1_500
    assert granted[2] <= 10_000, "a client cannot ask for more than the gateway grants"


def test_slow_service_costs_no_more_than_the_deadline(customer: Customer, payments: FakePayments) -> None:
    payments.delay = 5
    started = time.monotonic()
    assert problem(customer.list_payments(**{"X-Deadline-Ms": "400"})) == (504, "upstream-timeout")
    assert time.monotonic() - started < 2


@pytest.fixture(scope="module")
def lonely(auth: Running) -> Iterator[tuple[Running, Customer, int]]:
    """A gateway whose payments service does not listen on its port; a customer; that port."""
    port = free_port()
    with running_gateway(auth.url, port) as (gateway, api):
        yield gateway, log_in(api), port


def test_service_that_is_down_is_a_502_after_bounded_retries(lonely: tuple[Running, Customer, int]) -> None:
    _, customer, _ = lonely
    started = time.monotonic()
    answer = customer.list_payments()
    assert problem(answer) == (502, "upstream-unavailable")
    assert answer.headers["Retry-After"]
    assert RETRY_SECONDS * 0.5 < time.monotonic() - started < RETRY_SECONDS + 2


def test_outage_of_one_service_takes_nothing_else_down(lonely: tuple[Running, Customer, int]) -> None:
    _, customer, _ = lonely
    assert customer.list_payments().status_code == 502
    assert customer.api.get("/readyz").status_code == 200
    assert customer.api.get("/api/auth/me", headers=customer.bearer).status_code == 200
    assert customer.api.get("/").status_code == 200


def test_outage_is_one_error_however_many_requests_it_costs(lonely: tuple[Running, Customer, int]) -> None:
    gateway, customer, _ = lonely
    for _ in range(3):
        customer.list_payments(**{"X-Deadline-Ms": "150"})
    levels = [line["level"] for line in gateway.lines() if line.get("event") == "peer.unavailable"]
    assert levels.count("ERROR") == 1
    assert len(levels) >= 3


def test_service_that_comes_back_in_time_costs_no_request(lonely: tuple[Running, Customer, int]) -> None:
    gateway, customer, port = lonely
    answers: list[httpx.Response] = []
    waiting = threading.Thread(target=lambda: answers.append(customer.pay()))
    waiting.start()
    until(lambda: "peer.retry" in gateway.events(), "the gateway has been refused once")
    fake = FakePayments()
    with fake.listening(port):
        waiting.join(10)
        assert [answer.status_code for answer in answers] == [200]
        assert len(fake.seen) == 1, "a payment that was refused is sent once, not twice"


def test_outage_of_auth_stops_payments_and_not_reading(auth: Running, payments_port: int, payments: FakePayments):
    relay = free_port()
    with running_gateway(f"http://127.0.0.1:{relay}", payments_port, RETRY_SECONDS="0.3") as (gateway, api):
        assert api.get("/readyz").status_code == 200, "the gateway starts without auth"
        with _relayed(relay, auth):
            customer = log_in(api)
            assert customer.pay().status_code == 200
        assert customer.list_payments().status_code == 200
        payments.forget()
        assert problem(customer.pay()) == (502, "upstream-unavailable")
        assert payments.seen == []
        assert "http.error" not in gateway.events()


def test_tokens_that_cannot_be_checked_yet_are_our_fault(customer: Customer, payments_port: int) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    with running_gateway(nowhere, payments_port, RETRY_SECONDS="0") as (gateway, api):
        answer = api.get("/api/payments", headers=customer.bearer)
        assert problem(answer) == (503, "keys-unavailable")
        assert answer.headers["Retry-After"]
        assert "ERROR" not in {line["level"] for line in gateway.lines()}, "auth may simply start later"


class _relayed:
    """A TCP relay to auth on another port, which can be closed; a context manager."""

    def __init__(self, port: int, auth: Running) -> None:
        self._target = ("127.0.0.1", int(auth.url.rpartition(":")[2]))
        self._listener = socket.create_server(("127.0.0.1", port))
        self._open: list[socket.socket] = []

    def __enter__(self) -> None:
        threading.Thread(target=self._accept, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        for end in (self._listener, *self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._target)
            self._open += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    @staticmethod
    def _copy(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)


@pytest.mark.parametrize(
    ("content", "headers", "expected"),
    [
        (b"x" * 10_000_000, _JSON, (413, "body-too-large")),
        (b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, (415, "not-json")),
        (b"{}", {}, (415, "not-json")),
        (b"{", _JSON, (422, "invalid-request")),
        (b"", {}, (422, "invalid-request")),
    ],
    ids=["10 MB", "a form", "no type", "not JSON", "nothing"],
)
def test_bad_body_gets_a_defined_answer(
    api: httpx.Client, content: bytes, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    assert problem(api.post("/api/auth/login", content=content, headers=headers)) == expected


def test_body_without_a_length_is_limited_as_well(api: httpx.Client) -> None:
    pieces = (b"x" * 1000 for _ in range(100))
    assert problem(api.post("/api/auth/login", content=pieces, headers=_JSON)) == (413, "body-too-large")


def test_client_that_sends_its_body_slowly_gets_a_timeout_error(gateway: Running) -> None:
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    head = b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=10) as slow:
        slow.sendall(head + b"{")
        assert slow.recv(65536).startswith(b"HTTP/1.1 408 ")


def test_no_generated_request_makes_the_gateway_fail(gateway: Running, customer: Customer, payments: FakePayments):
    without = {"/api/debug/{service}/error", "/api/auth/logout"}
    before = gateway.events().count("http.error")
    assert fuzz(gateway.url, examples=20, headers=customer.bearer, without=without) > 100
    assert gateway.events().count("http.error") == before
