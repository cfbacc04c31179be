"""The stand-in for the card network responds as payments expects, and misbehaves as configured."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest

from acquirer import control, network
from acquirer.app import create
from acquirer.cards import DECLINES

CARD = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}


class Acquirer:
    """The application without a network, and its event loop."""

    def __init__(self) -> None:
        self.app = create()
        self.runner = asyncio.Runner()
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://acquirer")

    def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        async def awaited() -> Any:
            return await work()

        return self.runner.run(awaited())

    def send(self, method: str, path: str, **body: Any) -> httpx.Response:
        return self.run(lambda: self.client.request(method, path, json=body or None))

    def authorize(self, reference: str = "a", amount: int = 100, capture: bool = True, **card: Any) -> httpx.Response:
        body = {"reference": reference, "amount": amount, "currency": "EUR", "card": CARD | card, "capture": capture}
        return self.send("POST", "/authorizations", **body)

    def refund(self, reference: str, amount: int) -> httpx.Response:
        return self.send("POST", "/refunds", reference=reference, authorization="a", amount=amount)

    def capture(self, reference: str, amount: int) -> httpx.Response:
        return self.send("POST", "/captures", reference=reference, authorization="a", amount=amount)


@pytest.fixture
def acquirer() -> Iterator[Acquirer]:
    opened = Acquirer()
    yield opened
    opened.run(opened.client.aclose)
    opened.runner.close()


@pytest.mark.parametrize(("number", "reason"), DECLINES.items())
def test_known_test_cards_are_declined_for_their_reason(acquirer: Acquirer, number: str, reason: str) -> None:
    assert acquirer.authorize(number=number).json()["decline_reason"] == reason


def test_any_other_card_is_approved(acquirer: Acquirer) -> None:
    assert acquirer.authorize().json() == {"reference": "a", "status": "approved", "decline_reason": None}


def test_a_repeated_reference_gets_the_first_answer_and_takes_nothing_again(acquirer: Acquirer) -> None:
    first, again = acquirer.authorize(), acquirer.authorize()
    assert first.json() == again.json()
    assert acquirer.app.state.network.accounts["a"].captured == 100


def test_a_reference_is_not_reused_for_another_operation(acquirer: Acquirer) -> None:
    acquirer.authorize()
    assert acquirer.authorize(amount=101).status_code == 409
    assert acquirer.refund("a", 100).status_code == 409


def test_no_more_is_refunded_than_was_captured(acquirer: Acquirer) -> None:
    acquirer.authorize(capture=False)
    assert acquirer.refund("early", 1).json()["status"] == "declined"
    assert acquirer.capture("more", 101).json()["status"] == "declined"
    assert acquirer.capture("take", 80).json()["status"] == "approved"
    assert acquirer.capture("take again", 20).json()["status"] == "declined"
    assert [acquirer.refund(f"r{n}", 30).json()["status"] for n in range(3)] == ["approved", "approved", "declined"]


def test_memory_is_bounded_and_what_is_forgotten_is_taken_on_trust(
    acquirer: Acquirer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "_REMEMBERED", 3)
    for name in "abcdef":
        acquirer.authorize(name)
    state = acquirer.app.state.network
    assert list(state.outcomes) == list(state.accounts) == ["d", "e", "f"]
    assert acquirer.refund("late", 10**6).json()["status"] == "approved"


def test_no_card_number_stays_in_memory(acquirer: Acquirer) -> None:
    number = "".join(["52008282", "82828210"])
    acquirer.authorize(number=number)
    gc.collect()
    assert number not in repr(acquirer.app.state.network.__dict__)


@pytest.mark.parametrize(("behaviour", "status"), [({"outage": True}, 503), ({"error_rate": 1.0}, 500)])
def test_failures_have_no_effect(acquirer: Acquirer, behaviour: dict[str, Any], status: int) -> None:
    acquirer.send("PUT", "/control", **behaviour)
    assert acquirer.authorize().status_code == status
    acquirer.send("PUT", "/control", latency_ms=0)
    assert acquirer.send("GET", "/operations/a").status_code == 404


def test_error_rate_is_the_share_that_fails(acquirer: Acquirer) -> None:
    acquirer.send("PUT", "/control", error_rate=0.5)
    failed = sum(acquirer.authorize(f"{n}").status_code == 500 for n in range(200))
    assert 60 < failed < 140


def test_a_late_answer_comes_after_the_effect(acquirer: Acquirer) -> None:
    acquirer.send("PUT", "/control", latency_ms=150)
    started = time.monotonic()
    assert acquirer.authorize().status_code == 200
    assert time.monotonic() - started >= 0.15


def test_a_hanging_request_has_its_effect_and_ends_with_the_fault(acquirer: Acquirer) -> None:
    async def hang_and_recover() -> tuple[httpx.Response, httpx.Response]:
        await acquirer.client.put("/control", json={"hang": True})
        body = {"reference": "a", "amount": 100, "currency": "EUR", "card": CARD, "capture": True}
        hanging = asyncio.create_task(acquirer.client.post("/authorizations", json=body))
        while "a" not in acquirer.app.state.network.outcomes:
            await asyncio.sleep(0)
        assert not hanging.done()
        await acquirer.client.put("/control", json={})
        return await hanging, await acquirer.client.get("/operations/a")

    hung, found = acquirer.run(hang_and_recover)
    assert hung.status_code == 503
    assert found.json()["status"] == "approved"


def test_nothing_hangs_for_ever(acquirer: Acquirer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "LONGEST_HANG_SECONDS", 0.05)
    acquirer.send("PUT", "/control", hang=True)
    assert acquirer.authorize().status_code == 503


@pytest.mark.parametrize(
    "behaviour", [{"latency_ms": -1}, {"error_rate": 2}, {"error_rate": "NaN"}, {"outage": "maybe"}, {"mood": "bad"}]
)
def test_a_behaviour_that_makes_no_sense_is_refused(acquirer: Acquirer, behaviour: dict[str, Any]) -> None:
    before = acquirer.send("GET", "/control").json()
    assert acquirer.send("PUT", "/control", **behaviour).status_code == 422
    assert acquirer.send("GET", "/control").json() == before


def test_put_returns_to_normal_what_it_does_not_mention(acquirer: Acquirer) -> None:
    acquirer.send("PUT", "/control", latency_ms=5, error_rate=0.1)
    answer = acquirer.send("PUT", "/control", outage=True).json()
    assert answer == {"latency_ms": 0, "error_rate": 0.0, "outage": True, "hang": False}


def test_probes_and_control_answer_during_an_outage(acquirer: Acquirer) -> None:
    acquirer.send("PUT", "/control", outage=True, hang=True)
    assert [acquirer.send("GET", path).status_code for path in ("/readyz", "/livez", "/control")] == [200] * 3
