"""What scenarios do to the stack, by kind, each with its undoing. Undoing may be done twice, and by another process."""

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg

import release.commands
from alerting.ack import AckError, withdraw
from gameday import scenario as scenarios
from stack import commands
from stack.errors import StackError
from tests.support import engine
from tests.support.stack import Stack

__all__ = ["KINDS", "Fault", "in_force", "make", "undo_forgotten"]

NOTE = ".run/gameday/in-force"
LOCK_HOLDER = "nightly-report"


@dataclass(frozen=True)
class Fault:
    """`inject` returns when the fault is in force, and may leave threads behind that `remove` ends."""

    inject: Callable[[], None]
    remove: Callable[[], None]


def make(stack: Stack, kind: str, **parameters: Any) -> Fault:
    """The fault of a scenario, by its kind and its parameters. Raises StackError for a kind that does not exist."""
    if kind not in KINDS:
        raise StackError(f"There is no fault of the kind {kind!r}.", f"Choose from: {', '.join(KINDS)}.")
    return KINDS[kind](stack, **parameters)


def _release(stack: Stack, service: str, version: str, schema: str = "") -> Fault:
    def remove() -> None:
        if release.commands.running_version(stack.root, service) != version:
            return
        try:
            release.commands.rollback(stack.root, service, _silent, schema)
        except StackError:
            # Its schema was taken back already.
            release.commands.rollback(stack.root, service, _silent)

    return Fault(lambda: release.commands.release(stack.root, service, version, _silent), remove)


def _stop(stack: Stack, component: str) -> Fault:
    return Fault(lambda: commands.stop(stack.root, component), lambda: commands.start(stack.root, component))


def _freeze(stack: Stack, component: str) -> Fault:
    """The process stands still, with its port open: it neither answers nor refuses."""
    return Fault(lambda: engine.freeze(stack, component), lambda: _revive(stack, component))


def _revive(stack: Stack, component: str) -> None:
    engine.thaw(stack, component)
    commands.start(stack.root, component)


def _acquirer(stack: Stack, **behaviour: Any) -> Fault:
    """The card network misbehaves, by its own control page (services/acquirer/control.py)."""

    def put(wanted: dict[str, Any]) -> None:
        httpx.put(f"{stack.url('acquirer')}/control", json=wanted, timeout=10.0).raise_for_status()

    return Fault(lambda: put(behaviour), lambda: put({}))


def _lock(stack: Stack, database: str, table: str) -> Fault:
    """Somebody's report opens a transaction, locks a table and goes to lunch."""
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
    """Stolen passwords, tried on many accounts, from an address of their own."""
    stop = threading.Event()

    def attack() -> None:
        # Another loopback address, so that what limits the attacker does not limit those who come from 127.0.0.1.
        transport = httpx.HTTPTransport(local_address="127.0.0.66")
        with httpx.Client(base_url=stack.url("gateway"), transport=transport, timeout=10.0, trust_env=False) as client:
            for number in range(1_000_000):
                if stop.wait(1 / per_second):
                    return
                body = {"email": f"victim-{number % 500}@example.com", "password": "password123"}
                with suppress(httpx.HTTPError):
                    client.post("/api/auth/login", json=body)

    threads = [threading.Thread(target=attack, daemon=True)]

    def remove() -> None:
        stop.set()
        for thread in threads:
            if thread.is_alive():
                thread.join(15)
        # The runbook changed the gateway's limits.
        commands.up(stack.root)

    return Fault(lambda: [thread.start() for thread in threads] and None, remove)


def _silent(_line: str) -> None:
    """A release that is the fault tells nothing: the drill would be over."""


KINDS: dict[str, Callable[..., Fault]] = {
    "release": _release,
    "stop": _stop,
    "freeze": _freeze,
    "acquirer": _acquirer,
    "lock": _lock,
    "stuffing": _stuffing,
}


@contextmanager
def in_force(fault: Fault, stack: Stack, scenario: str) -> Iterator[None]:
    """The fault is there while the block runs. A note of it outlives the process, in case that is killed."""
    note = stack.root / NOTE
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(scenario + "\n", encoding="utf-8")
    try:
        with redirect_stdout(io.StringIO()):
            fault.inject()
        yield
    finally:
        with redirect_stdout(io.StringIO()):
            fault.remove()
        note.unlink(missing_ok=True)


def undo_forgotten(stack: Stack) -> str:
    """Remove the fault of a game day that was killed; what was undone, or nothing."""
    note = stack.root / NOTE
    if not note.exists():
        return ""
    name = note.read_text(encoding="utf-8").strip()
    with redirect_stdout(io.StringIO()):
        make(stack, **scenarios.read(name).fault).remove()
    with suppress(AckError):
        withdraw(stack.url("alertmanager"), scenarios.read(name).alert)
    note.unlink()
    return f"The fault of {name}, which a killed game day left behind, is removed."
