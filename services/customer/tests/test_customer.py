"""The synthetic customer continues after failures, measures correctly, and can be paused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from customer import journey as journeys
from customer import rounds as rounds_module
from customer.app import create
from customer.rounds import Rounds
from customer.settings import Settings
from customer.signals import JOURNEY_FAILED, REGISTRY

FAST = {"GATEWAY_URL": "http://gateway:8000", "INTERVAL_SECONDS": "0.1"}
ANSWERS = {
    "/api/auth/register": (201, {}),
    "/api/auth/login": (200, {"access_token": "token"}),
    "/api/auth/logout": (204, None),
}


def settings_of(variables: dict[str, str]) -> Settings:
    return Settings(**{name.lower(): value for name, value in variables.items()})


class Gateway(httpx.AsyncBaseTransport):
    """A fake gateway; `broken` overrides the response to a path, or raises."""

    def __init__(self) -> None:
        self.seen: list[httpx.Request] = []
        self.broken: dict[str, int | Exception] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        path = request.url.path
        fault = self.broken.get(path)
        if isinstance(fault, Exception):
            raise fault
        status, body = ANSWERS.get(path) or self._payments(request)
        trace = {"X-Trace-Id": "f" * 32}
        if fault:
            return httpx.Response(fault, headers=trace, request=request)
        return httpx.Response(status, json=body, headers=trace) if body is not None else httpx.Response(status)

    def _payments(self, request: httpx.Request) -> tuple[int, dict[str, Any]]:
        if request.method == "GET":
            return 200, {}
        declined = any(number.encode() in request.content for number in journeys.DECLINED_CARDS)
        return (402, {}) if declined else (201, {"id": "1"})

    def count(self, path: str) -> int:
        return sum(request.url.path == path for request in self.seen)


def _travel(
    gateway: Gateway, until: Callable[[], bool], also: Callable[[Rounds], Awaitable[None]] | None = None
) -> None:
    async def run() -> None:
        rounds = Rounds(settings_of(FAST), transport=gateway)
        task = asyncio.create_task(rounds.run())
        try:
            async with asyncio.timeout(20):
                while not until():
                    await asyncio.sleep(0.01)
                if also:
                    await also(rounds)
        finally:
            task.cancel()

    asyncio.run(run())


def _sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def _journeys(outcome: str) -> float:
    return _sample("synthetic_journeys_total", outcome=outcome)


def test_one_account_serves_all_journeys() -> None:
    gateway = Gateway()
    _travel(gateway, lambda: gateway.count("/api/auth/logout") >= 3)
    assert gateway.count("/api/auth/register") == 1
    assert gateway.count("/api/auth/login") >= 3


def test_every_request_is_marked_as_synthetic() -> None:
    gateway = Gateway()
    _travel(gateway, lambda: gateway.count("/api/auth/logout") >= 1)
    assert {request.headers["baggage"] for request in gateway.seen} == {"synthetic=true"}
    assert {request.headers["User-Agent"] for request in gateway.seen} == {"synthetic-customer"}


def test_declines_and_refunds_are_part_of_successful_journeys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journeys, "DECLINED_SHARE", 1.0)
    monkeypatch.setattr(journeys, "REFUNDED_SHARE", 1.0)
    gateway, before = Gateway(), _journeys("success")
    _travel(gateway, lambda: _journeys("success") > before)
    for step in ("declined_payment", "payment", "read", "list", "refund", "logout"):
        assert _sample("synthetic_steps_total", step=step, outcome="success") >= 1


@pytest.mark.parametrize("fault", [503, httpx.ConnectError("refused"), httpx.ReadTimeout("late")])
def test_a_failing_gateway_is_measured_and_the_journeys_go_on(
    fault: int | Exception, caplog: pytest.LogCaptureFixture
) -> None:
    gateway, good = Gateway(), _journeys("success")
    _travel(gateway, lambda: _journeys("success") > good, lambda rounds: _break(gateway, fault))

    lines = [record for record in caplog.records if record.msg is JOURNEY_FAILED]
    assert lines[0].step == "login"
    assert lines[0].reason == ("503" if fault == 503 else type(fault).__name__)
    assert lines[0].failed_trace_id == ("f" * 32 if fault == 503 else "")


async def _break(gateway: Gateway, fault: int | Exception) -> None:
    bad = _journeys("failure")
    gateway.broken["/api/auth/login"] = fault
    while _journeys("failure") < bad + 2:
        await asyncio.sleep(0.01)
    gateway.broken.clear()
    good = _journeys("success")
    while _journeys("success") <= good:
        await asyncio.sleep(0.01)


def test_a_stack_that_is_starting_is_not_an_outage() -> None:
    gateway, bad = Gateway(), _journeys("failure")
    gateway.broken["/api/auth/register"] = httpx.ConnectError("refused")

    def once_recovered() -> bool:
        if gateway.count("/api/auth/register") >= 3:
            gateway.broken.clear()
        return gateway.count("/api/auth/logout") >= 1

    _travel(gateway, once_recovered)
    assert _journeys("failure") == bad


def test_a_gateway_that_never_comes_up_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds_module, "STARTING_SECONDS", 0.2)
    gateway, bad = Gateway(), _journeys("failure")
    gateway.broken["/api/auth/register"] = httpx.ConnectError("refused")
    _travel(gateway, lambda: _journeys("failure") > bad)


def test_an_emptied_database_makes_the_customer_register_again() -> None:
    gateway = Gateway()

    async def forget(_: Rounds) -> None:
        gateway.broken["/api/auth/login"] = 401
        while gateway.count("/api/auth/register") < 2:
            await asyncio.sleep(0.01)

    _travel(gateway, lambda: gateway.count("/api/auth/logout") >= 1, forget)


def test_nothing_is_sent_once_the_pause_is_answered() -> None:
    gateway = Gateway()

    async def pause(rounds: Rounds) -> None:
        transport = httpx.ASGITransport(create(rounds))
        async with httpx.AsyncClient(transport=transport, base_url="http://customer") as client:
            for method in ("PUT", "POST"):
                assert (await client.request(method, "/control", json={"paused": True})).json() == {"paused": True}
                seen = len(gateway.seen)
                await asyncio.sleep(0.3)
                assert len(gateway.seen) == seen
                assert "synthetic_paused 1.0" in (await client.get("/metrics")).text
                assert (await client.put("/control", json={"paused": False})).json() == {"paused": False}
                while len(gateway.seen) == seen:
                    await asyncio.sleep(0.01)
            for nonsense in (b"", b"[]", b"{}", b'{"paused": 1}', b"\xff"):
                assert (await client.put("/control", content=nonsense)).status_code == 422

    _travel(gateway, lambda: gateway.count("/api/auth/logout") >= 1, pause)


def test_a_forgotten_pause_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds_module, "LONGEST_PAUSE_SECONDS", 0.2)
    gateway = Gateway()

    async def pause(rounds: Rounds) -> None:
        await rounds.pause(True)
        seen = len(gateway.seen)
        while len(gateway.seen) == seen:
            await asyncio.sleep(0.01)

    _travel(gateway, lambda: gateway.count("/api/auth/logout") >= 1, pause)


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({}, "GATEWAY_URL"),
        ({"GATEWAY_URL": "gateway:8000"}, "GATEWAY_URL"),
        ({**FAST, "INTERVAL_SECONDS": "often"}, "INTERVAL_SECONDS"),
        ({**FAST, "INTERVAL_SECONDS": "0"}, "INTERVAL_SECONDS"),
        ({**FAST, "STEP_TIMEOUT_SECONDS": "nan"}, "STEP_TIMEOUT_SECONDS"),
    ],
)
def test_a_wrong_setting_is_named(variables: dict[str, str], named: str) -> None:
    with pytest.raises(ValidationError, match=named.lower()):
        settings_of(variables)
