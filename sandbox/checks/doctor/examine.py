"""Checks the hops in order and diagnoses the first broken one."""

from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from sandbox.checks.doctor.hops import HOPS, Hop
from sandbox.checks.doctor.probes import Probes
from sandbox.engines import choice
from sandbox.engines.engine import Component
from sandbox.model.compose import read_topology
from sandbox.model.errors import StackError
from sandbox.model.stack import Stack

__all__ = ["Finding", "diagnose", "examine"]


@dataclass(frozen=True)
class Finding:
    """The broken hop, the observation, its likely cause and the next step."""

    hop: Hop
    seen: str
    cause: str
    next: str


def examine(probes: Probes, hops: Sequence[Hop], components: dict[str, Component]) -> Finding | None:
    """Check the hops in order and print each result. Return the first broken one, or None."""
    for hop in hops:
        try:
            hop.check(probes)
        except (AssertionError, httpx.HTTPError) as broken:
            print(f"BROKEN  {hop.signal:<8} {hop.way}", flush=True)
            return _finding(hop, str(broken), components.get(hop.component))
        print(f"ok      {hop.signal:<8} {hop.way}", flush=True)
    return None


def _finding(hop: Hop, seen: str, component: Component | None) -> Finding:
    name = hop.component
    if component is None:
        return Finding(hop, seen, f"{name} is not part of the stack that runs", "`make up` without leaving it out")
    # Moments after its start, a running component may not be known as healthy yet. That does not break a hop.
    if component.state != "running":
        step = f"`python -m sandbox start {name}` starts it; `make logs SERVICE={name}` shows why it ended"
        return Finding(hop, seen, f"{name} does not run ({component.state})", step)
    return Finding(hop, seen, hop.cause, hop.next)


def diagnose() -> int:
    """Send a probe of each signal and follow it.

    Prints the first broken hop and its likely cause. Returns 1 if there is one, otherwise 0.
    """
    stack = Stack()
    topology = read_topology(stack.root)
    engine = choice.running(topology, topology.services)
    if engine is None:
        raise StackError("The stack is down.", "`make up` starts it.")
    components = {part.name: part for part in engine.components(measure=False)}
    probes = Probes(stack)
    finding = examine(probes, HOPS, components)
    if finding is None:
        print(f"All {len(HOPS)} hops work: every signal arrives in its store.")
        if discarded := probes.discarded():
            print("\nIn the last ten minutes, however:", *discarded, sep="\n  ")
        return 0
    print(f"\nFirst broken hop: {finding.hop.way}")
    print(f"Seen:   {finding.seen}")
    print(f"Likely: {finding.cause}.")
    print(f"Next:   {finding.next}.")
    return 1
