"""Injects and removes faults: by name, for a block or manually, and the faults of scenarios."""

import io
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from typing import Any

import httpx

from sandbox.alerting.ack import AckError, withdraw
from sandbox.incidents import scenario as scenarios
from sandbox.incidents.faults import Fault, make
from sandbox.model.errors import StackError
from sandbox.model.stack import Stack

__all__ = ["FAULTS", "Named", "inject", "inject_named", "remove_named", "undo_forgotten", "undone"]

NOTE = ".run/gameday/in-force"
BURST_REQUESTS = 200
# Longer than two scrapes: Prometheus does not count the first sample of a new series.
BURST_SECONDS = 12.0


@dataclass(frozen=True)
class Named:
    """A named fault: its effect, and its `kind` with the parameters (faults.py)."""

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


def inject_named(stack: Stack, name: str) -> Named:
    """Inject a fault and leave it in place. Raises StackError."""
    with _reported(name, "put in"):
        make(stack, **_named(name).spec).inject()
    return _named(name)


def remove_named(stack: Stack, name: str) -> Named:
    """Remove a fault; no effect if it is not in place. Raises StackError."""
    with _reported(name, "taken out"):
        make(stack, **_named(name).spec).remove()
    return _named(name)


def _named(name: str) -> Named:
    if name not in FAULTS:
        raise StackError(f"There is no fault {name}.", f"Choose from: {', '.join(FAULTS)}.")
    return FAULTS[name]


def _silenced() -> AbstractContextManager[object]:
    """Discard what a fault prints: it would reveal the answer of a drill."""
    return redirect_stdout(io.StringIO())


@contextmanager
def _reported(name: str, step: str) -> Iterator[None]:
    try:
        with _silenced():
            yield
    except httpx.HTTPError as error:
        raise StackError(f"{name} could not be {step}: {error}.", "`make status` shows what runs.") from error


@contextmanager
def undone(fault: Fault, stack: Stack, scenario: str) -> Iterator[None]:
    """Prepare the fault, and remove all traces of it after the block.

    A note on disk allows the removal even if this process is killed.
    """
    note = stack.root / NOTE
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(scenario + "\n", encoding="utf-8")
    try:
        with _silenced():
            fault.prepare()
        yield
    finally:
        with _silenced():
            fault.remove()
        note.unlink(missing_ok=True)


def inject(fault: Fault) -> None:
    """Inject a fault that `undone` removes."""
    with _silenced():
        fault.inject()


def undo_forgotten(stack: Stack) -> str:
    """Remove the fault of a game day that was killed.

    Returns a description of it; empty if there is none.
    """
    note = stack.root / NOTE
    if not note.exists():
        return ""
    name = note.read_text(encoding="utf-8").strip()
    with _silenced():
        make(stack, **scenarios.read(name).fault).remove()
    with suppress(AckError):
        withdraw(stack.url("alertmanager"), scenarios.read(name).alert)
    note.unlink()
    return f"The fault of {name}, which a killed game day left behind, is removed."
