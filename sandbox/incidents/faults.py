"""The kinds of faults, each with its removal. Removal is idempotent and can run in another process."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg

from sandbox.engines import commands, control
from sandbox.model.errors import StackError
from sandbox.model.stack import Stack
from sandbox.release import commands as releases
from sandbox.traffic import visits
from sandbox_testing import direct

__all__ = ["BEHIND_TOXIPROXY", "KINDS", "Fault", "environment", "make"]

LOCK_HOLDER = "nightly-report"
ATTACKER = "127.0.0.66"
BATCH = 1000
BEHIND_TOXIPROXY = {"COMPOSE_PROFILES": "gameday", "ACQUIRER_URL": "http://toxiproxy:8103"}


@dataclass(frozen=True)
class Fault:
    """One fault.

    `prepare` readies the healthy stack for it. `inject` returns when the fault is in effect, and may leave threads
    running. `remove` ends all of it, whatever parts are in place.
    """

    inject: Callable[[], None]
    remove: Callable[[], None]
    prepare: Callable[[], None] = lambda: None


def make(stack: Stack, kind: str, **parameters: Any) -> Fault:
    """Create a fault from its kind and parameters. Raises StackError for an unknown kind."""
    if kind not in KINDS:
        raise StackError(f"There is no fault of the kind {kind!r}.", f"Choose from: {', '.join(KINDS)}.")
    return KINDS[kind](stack, **parameters)


def _release(stack: Stack, service: str, version: str, schema: str = "") -> Fault:
    def remove() -> None:
        if releases.running_version(stack.root, service) != version:
            return
        try:
            releases.rollback(stack.root, service, _silent, schema)
        except StackError:
            # Its schema was rolled back already.
            releases.rollback(stack.root, service, _silent)

    return Fault(lambda: releases.release(stack.root, service, version, _silent), remove)


def _stop(stack: Stack, component: str) -> Fault:
    return Fault(lambda: commands.stop(stack.root, component), lambda: commands.start(stack.root, component))


def _kill(stack: Stack, component: str) -> Fault:
    """Kill a component and keep it down. Without the stop, its engine would restart it, as an orchestrator does."""

    def inject() -> None:
        commands.kill(stack.root, component)
        commands.stop(stack.root, component)

    return Fault(inject, lambda: commands.start(stack.root, component))


def _freeze(stack: Stack, component: str) -> Fault:
    """Suspend a process. Its port stays open: it neither responds nor refuses connections."""
    return Fault(lambda: control.freeze(stack, component), lambda: _revive(stack, component))


def _revive(stack: Stack, component: str) -> None:
    control.thaw(stack, component)
    commands.start(stack.root, component)


def _acquirer(stack: Stack, **behaviour: Any) -> Fault:
    """Make the card network fail, through its control API (services/acquirer/control.py)."""

    def put(wanted: dict[str, Any]) -> None:
        direct.put(f"{stack.url('acquirer')}/control", json=wanted, timeout=10.0).raise_for_status()

    return Fault(lambda: put(behaviour), lambda: put({}))


def _lock(stack: Stack, database: str, table: str) -> Fault:
    """Open a transaction that locks a table, like a forgotten report."""
    held: list[psycopg.Connection] = []

    def inject() -> None:
        connection = psycopg.connect(stack.database(database), application_name=LOCK_HOLDER)
        held.append(connection)
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")

    def remove() -> None:
        with psycopg.connect(stack.database(database), autocommit=True) as connection:
            query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
            connection.execute(query, [LOCK_HOLDER])
        for one in held:
            with suppress(psycopg.Error):
                one.close()

    return Fault(inject, remove)


def _stuffing(stack: Stack, per_second: float = 10.0) -> Fault:
    """Try stolen passwords on many accounts, from a separate address."""

    def attack(client: httpx.Client, number: int) -> None:
        body = {"email": f"victim-{number % 500}@example.com", "password": "password123"}
        client.post("/api/auth/login", json=body)

    # Another loopback address, so that rate limits on the attacker do not affect clients from 127.0.0.1.
    attacker = _steadily(stack.url("gateway"), attack, per_second, ATTACKER)

    def remove() -> None:
        attacker.remove()
        # The runbook changed the gateway's limits.
        commands.up(stack.root)

    return Fault(attacker.inject, remove)


def _wire(stack: Stack, latency_ms: int) -> Fault:
    """Restart the stack with toxiproxy, then apply `latency`. The removal restarts it without toxiproxy."""

    def prepare() -> None:
        with environment(BEHIND_TOXIPROXY):
            commands.up(stack.root)

    def remove() -> None:
        # Removing toxiproxy removes its effects.
        commands.up(stack.root)

    return Fault(lambda: _slow(stack, latency_ms), remove, prepare)


def _latency(stack: Stack, latency_ms: int) -> Fault:
    """Delay every response of the card network, on a stack that already runs with toxiproxy."""
    behind = "toxiproxy" in stack.settings.get("ACQUIRER_URL", "")

    def inject() -> None:
        if not behind:
            raise StackError(
                "The card network is not behind toxiproxy.",
                "Start the stack with COMPOSE_PROFILES=gameday ACQUIRER_URL=http://toxiproxy:8103 make up, and say the "
                "same here.",
            )
        _slow(stack, latency_ms)

    def remove() -> None:
        if behind:
            direct.post(f"{stack.url('toxiproxy')}/reset", timeout=10.0).raise_for_status()

    return Fault(inject, remove)


def _slow(stack: Stack, latency_ms: int) -> None:
    toxic = {"name": "slow", "type": "latency", "stream": "downstream", "attributes": {"latency": latency_ms}}
    url = f"{stack.url('toxiproxy')}/proxies/acquirer/toxics"
    answer = direct.post(url, json=toxic, timeout=10.0)
    # 409: the delay is already in place.
    if answer.status_code != httpx.codes.CONFLICT:
        answer.raise_for_status()


def _errors(stack: Stack, per_second: float) -> Fault:
    """Call a failing route of payments continuously; each failure is an error event."""

    return _steadily(stack.url("gateway"), _fail, per_second)


def _fail(client: httpx.Client, _number: int) -> None:
    client.post("/api/debug/payments/error")


def _burst(stack: Stack, requests: int, seconds: float) -> Fault:
    """Call a failing route of payments a given number of times, one request after the other."""

    def inject() -> None:
        began = time.monotonic()
        with httpx.Client(
            base_url=stack.url("gateway"), timeout=10.0, trust_env=False, verify=direct.certificates()
        ) as client:
            for number in range(requests):
                _fail(client, number)
                time.sleep(max(0.0, began + (number + 1) * seconds / requests - time.monotonic()))

    return Fault(inject, lambda: None)


def _lines(stack: Stack, per_second: float, at_most: int) -> Fault:
    """Send log lines over OTLP from an additional service, a thousand at a time."""

    def send(client: httpx.Client, number: int) -> None:
        if number * BATCH < at_most:
            client.post("/v1/logs", json=_batch(number)).raise_for_status()

    return _steadily(stack.url("otlp_http"), send, per_second / BATCH)


def _browsers(stack: Stack) -> Fault:
    """Sign up and pay with a real browser repeatedly, each time as a new customer with a reloaded page."""
    stop = threading.Event()
    thread = threading.Thread(target=visits.go_on, args=(stack, stop), daemon=True)

    def remove() -> None:
        stop.set()
        if thread.is_alive():
            thread.join(60)

    return Fault(thread.start, remove)


def _batch(number: int) -> dict[str, Any]:
    now = str(time.time_ns())
    records = [{"timeUnixNano": now, "body": {"stringValue": f"row {number * BATCH + n}"}} for n in range(BATCH)]
    name = {"key": "service.name", "value": {"stringValue": "nightly-import"}}
    return {"resourceLogs": [{"resource": {"attributes": [name]}, "scopeLogs": [{"logRecords": records}]}]}


def _several(stack: Stack, faults: list[dict[str, Any]]) -> Fault:
    """Combine several faults: injected in this order, removed in reverse."""
    parts = [make(stack, **one) for one in faults]

    def each(step: str, of: list[Fault]) -> None:
        for part in of:
            getattr(part, step)()

    return Fault(lambda: each("inject", parts), lambda: each("remove", parts[::-1]), lambda: each("prepare", parts))


def _steadily(url: str, step: Callable[[httpx.Client, int], None], per_second: float, address: str = "") -> Fault:
    """Call `step` at a fixed rate in a thread until the removal. `address` is its source address."""
    stop = threading.Event()

    def work() -> None:
        transport = httpx.HTTPTransport(local_address=address or None)
        with httpx.Client(base_url=url, transport=transport, timeout=10.0, trust_env=False) as client:
            for number in range(1_000_000):
                if stop.wait(1 / per_second):
                    return
                with suppress(httpx.HTTPError):
                    step(client, number)

    thread = threading.Thread(target=work, daemon=True)

    def remove() -> None:
        stop.set()
        if thread.is_alive():
            thread.join(15)

    return Fault(thread.start, remove)


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """Set variables that override .env while the block runs."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _silent(_line: str) -> None:
    """Discards the messages of a release that is the fault: they would reveal the answer of a drill."""


KINDS: dict[str, Callable[..., Fault]] = {
    "release": _release,
    "stop": _stop,
    "kill": _kill,
    "freeze": _freeze,
    "acquirer": _acquirer,
    "lock": _lock,
    "stuffing": _stuffing,
    "wire": _wire,
    "latency": _latency,
    "errors": _errors,
    "burst": _burst,
    "browsers": _browsers,
    "lines": _lines,
    "several": _several,
}
