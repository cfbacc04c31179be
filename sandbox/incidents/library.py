"""Every fault by its name: what it does, how it is put in and how it is taken out."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from sandbox.incidents.target import Target
from sandbox.model.errors import StackError

__all__ = ["FAULTS", "Fault", "FaultError", "inject", "injected", "remove"]

Step = Callable[[Target], None]

BURST_REQUESTS = 200
# Over more than two scrapes: of a series that is new Prometheus counts nothing of its first sample.
BURST_SECONDS = 12.0
WIRE_MILLISECONDS = 2000
SECONDS = 10.0


class FaultError(Exception):
    """The fault could not be put in or taken out; the message says why and what to do next."""


@dataclass(frozen=True)
class Fault:
    """`inject` and `remove` may be called more than once; `remove` also when nothing was injected."""

    what: str
    inject: Step
    remove: Step


@contextmanager
def injected(name: str, target: Target | None = None) -> Iterator[Target]:
    """Put the fault in for as long as the block runs. It is taken out however the block or the injection ends.

    Raises FaultError for an unknown name, and when it cannot be put in or taken out.
    """
    chosen = target or Target()
    _fault(name)
    try:
        inject(name, chosen)
        yield chosen
    finally:
        remove(name, chosen)


def inject(name: str, target: Target) -> Fault:
    """Put the fault in and leave it. Raises FaultError."""
    _step(name, "put in", _fault(name).inject, target)
    return _fault(name)


def remove(name: str, target: Target) -> Fault:
    """Take it out. Raises FaultError."""
    _step(name, "taken out", _fault(name).remove, target)
    return _fault(name)


def _fault(name: str) -> Fault:
    if name not in FAULTS:
        raise FaultError(f"There is no fault {name}. Choose from: {', '.join(FAULTS)}.")
    return FAULTS[name]


def _step(name: str, what: str, step: Step, target: Target) -> None:
    try:
        step(target)
    except (httpx.HTTPError, StackError) as error:
        raise FaultError(f"{name} could not be {what}: {error}. `make status` shows what runs.") from error


def _acquirer(**behaviour: object) -> Step:
    return lambda target: target.put("acquirer", "/control", behaviour)


def _away(component: str, *, killed: bool = False) -> tuple[Step, Step]:
    def inject(target: Target) -> None:
        if killed:
            target.kill(component)
        # Also a killed one: its engine starts it again at once, as an orchestrator would.
        target.stop(component)

    return inject, lambda target: target.start(component)


def _burst(target: Target) -> None:
    """Requests to the route that fails on purpose, one after the other: each is a server error in payments."""
    began = time.monotonic()
    with httpx.Client(base_url=target.url("gateway"), timeout=SECONDS, trust_env=False) as client:
        for number in range(BURST_REQUESTS):
            client.post("/api/debug/payments/error")
            due = began + (number + 1) * BURST_SECONDS / BURST_REQUESTS
            time.sleep(max(0.0, due - time.monotonic()))


def _slow_wire(target: Target) -> None:
    if "toxiproxy" not in target.settings.get("ACQUIRER_URL", ""):
        raise FaultError(
            "The card network is not behind toxiproxy. Start the stack with "
            "COMPOSE_PROFILES=gameday ACQUIRER_URL=http://toxiproxy:8103 make up, and say the same here."
        )
    toxic = {"name": "slow", "type": "latency", "stream": "downstream", "attributes": {"latency": WIRE_MILLISECONDS}}
    url = f"{target.url('toxiproxy')}/proxies/acquirer/toxics"
    answer = httpx.post(url, json=toxic, timeout=SECONDS, trust_env=False)
    # 409: it is slow already.
    if answer.status_code != httpx.codes.CONFLICT:
        answer.raise_for_status()


def _heal_wire(target: Target) -> None:
    if "toxiproxy" in target.settings.get("ACQUIRER_URL", ""):
        httpx.post(f"{target.url('toxiproxy')}/reset", timeout=SECONDS, trust_env=False).raise_for_status()


def _nothing(_: Target) -> None:
    """A burst ends by itself."""


FAULTS = {
    "acquirer-down": Fault("the card network answers 503 to everything", _acquirer(outage=True), _acquirer()),
    "database-stopped": Fault("PostgreSQL is stopped", *_away("postgres")),
    "service-killed": Fault("payments is killed and stays away", *_away("payments", killed=True)),
    "slow-wire": Fault("answers of the card network take two seconds longer (toxiproxy)", _slow_wire, _heal_wire),
    "error-burst": Fault(f"{BURST_REQUESTS} requests within {BURST_SECONDS:.0f} s fail in payments", _burst, _nothing),
    "store-down": Fault("Loki is stopped", *_away("loki")),
}
