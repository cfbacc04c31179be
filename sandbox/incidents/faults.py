"""Putting a fault in and taking it out: one by name, for a block or by hand, and that of a scenario."""

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from typing import Any

import httpx

from sandbox.alerting.ack import AckError, withdraw
from sandbox.incidents import scenario as scenarios
from sandbox.incidents.kinds import Fault, make
from sandbox.model.errors import StackError
from sandbox.model.stack import Stack

__all__ = ["FAULTS", "Named", "inject", "inject_named", "injected", "remove_named", "undo_forgotten", "undone"]

NOTE = ".run/gameday/in-force"
BURST_REQUESTS = 200
# Over more than two scrapes: of a series that is new Prometheus counts nothing of its first sample.
BURST_SECONDS = 12.0


@dataclass(frozen=True)
class Named:
    """A fault with a name: what it does, and its `kind` with the parameters (kinds.py)."""

    what: str
    spec: dict[str, Any]


FAULTS = {
    "acquirer-down": Named("the card network answers 503 to everything", {"kind": "acquirer", "outage": True}),
    "database-stopped": Named("PostgreSQL is stopped", {"kind": "stop", "component": "postgres"}),
    "service-killed": Named("payments is killed and stays away", {"kind": "kill", "component": "payments"}),
    "slow-wire": Named(
        "answers of the card network take two seconds longer (toxiproxy)", {"kind": "latency", "latency_ms": 2000}
    ),
    "error-burst": Named(
        f"{BURST_REQUESTS} requests within {BURST_SECONDS:.0f} s fail in payments",
        {"kind": "burst", "requests": BURST_REQUESTS, "seconds": BURST_SECONDS},
    ),
    "store-down": Named("Loki is stopped", {"kind": "stop", "component": "loki"}),
}


@contextmanager
def injected(stack: Stack, name: str) -> Iterator[None]:
    """A fault by its name, for as long as the block runs. It is taken out however the block or the injection ends.

    Raises StackError for an unknown name, and when it cannot be put in or taken out.
    """
    _named(name)
    try:
        inject_named(stack, name)
        yield
    finally:
        remove_named(stack, name)


def inject_named(stack: Stack, name: str) -> Named:
    """Put a fault in and leave it. Raises StackError."""
    with _reported(name, "put in"):
        make(stack, **_named(name).spec).inject()
    return _named(name)


def remove_named(stack: Stack, name: str) -> Named:
    """Take it out; nothing where it is not in. Raises StackError."""
    with _reported(name, "taken out"):
        make(stack, **_named(name).spec).remove()
    return _named(name)


def _named(name: str) -> Named:
    if name not in FAULTS:
        raise StackError(f"There is no fault {name}.", f"Choose from: {', '.join(FAULTS)}.")
    return FAULTS[name]


@contextmanager
def _reported(name: str, step: str) -> Iterator[None]:
    try:
        with redirect_stdout(io.StringIO()):
            yield
    except httpx.HTTPError as error:
        raise StackError(f"{name} could not be {step}: {error}.", "`make status` shows what runs.") from error


@contextmanager
def undone(fault: Fault, stack: Stack, scenario: str) -> Iterator[None]:
    """Prepare the fault, and remove whatever there is of it after the block. A note of it outlives the process, in case
    that is killed."""
    note = stack.root / NOTE
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(scenario + "\n", encoding="utf-8")
    try:
        with redirect_stdout(io.StringIO()):
            fault.prepare()
        yield
    finally:
        with redirect_stdout(io.StringIO()):
            fault.remove()
        note.unlink(missing_ok=True)


def inject(fault: Fault) -> None:
    """Put a fault in that `undone` takes out; nothing is printed, a drill would be over."""
    with redirect_stdout(io.StringIO()):
        fault.inject()


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
