"""Load users for the gateway: shoppers, and a few attackers.

Locust patches the sockets and threads of the standard library, so only its own processes import this.
"""

import json
import os
import random
import re
import secrets
from collections.abc import Collection
from pathlib import Path
from typing import Any

from locust import FastHttpUser, between, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import WorkerRunner

# Every response names its trace: these ids distinguish the load from other requests.
TRACE_ID = "X-Trace-Id"
CARDS = ("4242424242424242", "5555555555554444", "378282246310005")
DECLINED_CARDS = ("4000000000000002", "4000000000009995")
PAY, ONE, REFUND = "/api/payments", "/api/payments/{payment_id}", "/api/payments/{payment_id}/refunds"


@events.init_command_line_parser.add_listener
def offer_failures(parser: LocustArgumentParser) -> None:
    parser.add_argument("--failures-file", help="where to write what failed and why", include_in_web_ui=False)
    parser.add_argument("--traces-folder", help="where to write the trace ids of the answers", include_in_web_ui=False)


trace_ids: list[str] = []


@events.request.add_listener
def remember_trace(response: Any, **_: Any) -> None:
    headers = getattr(response, "headers", None) or {}
    trace_ids.append(headers.get(TRACE_ID, ""))


@events.quitting.add_listener
def write_traces(environment: Environment, **_: Any) -> None:
    """Write the trace ids of this process's requests, one per line; each of several processes has its own file."""
    if folder := environment.parsed_options.traces_folder:
        Path(folder, f"{os.getpid()}.traces").write_text("\n".join(filter(None, trace_ids)))


@events.quitting.add_listener
def write_failures(environment: Environment, **_: Any) -> None:
    """Write [request, reason, times] of each kind of failure as JSON; Locust's own report has only their number."""
    path = environment.parsed_options.failures_file
    if path and not isinstance(environment.runner, WorkerRunner):
        failures = [
            # With several processes, Locust has the reason as the text of an exception.
            (f"{one.method} {one.name}", re.sub(r"^\w+\('(.*)'\)$", r"\1", str(one.error)), one.occurrences)
            for one in environment.stats.errors.values()
        ]
        Path(path).write_text(json.dumps(failures))


class Person(FastHttpUser):
    """A load user that checks the response to each request."""

    abstract = True

    def on_start(self) -> None:
        self.bearer: dict[str, str] = {}
        self.email, self.password = f"load-{secrets.token_hex(8)}@example.com", secrets.token_urlsafe(18)

    def ask(self, method: str, path: str, expected: Collection[int], name: str = "", **request: Any) -> Any:
        """Return the response's JSON, or None for an unexpected response (which counts as a failure)."""
        headers = {**self.bearer, **request.pop("headers", {})}
        options = {"name": name or path, "headers": headers, "catch_response": True, **request}
        with self.client.request(method, path, **options) as response:
            if response.status_code not in expected:
                response.failure(f"{response.status_code} instead of {' or '.join(map(str, expected))}")
                return None
            response.success()
            return response.json() if response.text else None


class Shopper(Person):
    """Registers, pays, repeats requests, asks for refunds and lists the payments."""

    weight = 9
    wait_time = between(0.3, 1.2)

    def on_start(self) -> None:
        super().on_start()
        self.payments: list[str] = []
        account = {"email": self.email, "password": self.password}
        self.ask("POST", "/api/auth/register", {201}, json={**account, "name": "Load Example"})
        self._log_in()

    def _log_in(self) -> None:
        answer = self.ask("POST", "/api/auth/login", {200}, json={"email": self.email, "password": self.password})
        self.bearer = {"Authorization": f"Bearer {answer['access_token']}"} if answer else {}

    @task(6)
    def pay(self) -> None:
        self._keep(self._pay(_order(CARDS), _key()))

    @task(1)
    def pay_with_a_card_that_is_declined(self) -> None:
        self.ask("POST", PAY, {402}, json=_order(DECLINED_CARDS), headers=_key())

    @task(2)
    def pay_and_ask_again_with_the_same_key(self) -> None:
        order, key = _order(CARDS), _key()
        first, again = self._pay(order, key), self._pay(order, key)
        assert first is None or again is None or first["id"] == again["id"], "one order was charged twice"
        self._keep(first)

    @task(2)
    def give_something_back(self) -> None:
        if self.payments:
            self.ask("POST", f"{PAY}/{self.payments.pop()}/refunds", {201}, REFUND, json={}, headers=_key())

    @task(5)
    def browse(self) -> None:
        self.ask("GET", f"{PAY}?limit=10", {200}, PAY)
        if self.payments:
            self.ask("GET", f"{PAY}/{random.choice(self.payments)}", {200}, ONE)

    @task(1)
    def leave_and_come_back(self) -> None:
        self.ask("POST", "/api/auth/logout", {204})
        self._log_in()

    def _pay(self, order: dict[str, Any], key: dict[str, str]) -> Any:
        return self.ask("POST", PAY, {201}, json=order, headers=key)

    def _keep(self, payment: Any) -> None:
        if payment:
            self.payments = [*self.payments[-20:], payment["id"]]


class Attacker(Person):
    """Guesses passwords, forges tokens, requests unknown pages and sends invalid input; expects to be rejected."""

    weight = 1
    wait_time = between(0.5, 2)

    @task
    def guess_a_password(self) -> None:
        body = {"email": self.email, "password": secrets.token_urlsafe(12)}
        self.ask("POST", "/api/auth/login", {401, 429}, json=body)

    @task
    def forge_a_token(self) -> None:
        forged = {"Authorization": f"Bearer {secrets.token_urlsafe(16)}.e30.{secrets.token_urlsafe(16)}"}
        self.ask("POST", PAY, {401, 429}, json=_order(CARDS), headers={**forged, **_key()})

    @task
    def look_for_pages(self) -> None:
        self.ask("GET", f"/{secrets.token_hex(4)}/.env", {404}, "(no such page)")

    @task
    def send_nonsense(self) -> None:
        self.ask("POST", "/api/auth/register", {422, 429}, json={"email": "'; drop table accounts", "password": {}})


def _key() -> dict[str, str]:
    return {"Idempotency-Key": secrets.token_hex(16)}


def _order(cards: tuple[str, ...]) -> dict[str, Any]:
    card = {"number": random.choice(cards), "exp_month": 12, "exp_year": 2040, "cvc": "1234"}
    if not card["number"].startswith("37"):
        card["cvc"] = "123"
    return {"amount": random.randint(100, 20_000), "currency": "EUR", "description": "load", "card": card}
