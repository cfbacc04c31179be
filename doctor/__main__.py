"""`python -m doctor`: exit status 1 when a hop is broken."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import httpx
import typer

from doctor.hops import HOPS, Hop
from doctor.probes import Probes
from stack import choice
from stack.compose import read_topology
from stack.errors import StackError
from stack.model import Component
from stack.view import print_error
from tests.support.stack import Stack

__all__ = ["Finding", "examine"]


@dataclass(frozen=True)
class Finding:
    """The broken hop, what was seen there, its likely cause and what to do next."""

    hop: Hop
    seen: str
    cause: str
    next: str


def examine(probes: Probes, hops: Sequence[Hop], components: dict[str, Component]) -> Finding | None:
    """Walk the hops and print each; the first that is broken, or None when all work."""
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
    # One that runs may not be known to be healthy yet, moments after its start; that is not why a hop is broken.
    if component.state != "running":
        step = f"`python -m stack start {name}` starts it; `make logs SERVICE={name}` shows why it ended"
        return Finding(hop, seen, f"{name} does not run ({component.state})", step)
    return Finding(hop, seen, hop.cause, hop.next)


def main() -> None:
    """Send a probe of each signal and walk its way; name the first hop that is broken and its likely cause."""
    stack = Stack()
    topology = read_topology(stack.root)
    try:
        engine = choice.running(topology, topology.services)
        if engine is None:
            raise StackError("The stack is down.", "`make up` starts it.")
    except StackError as error:
        print_error(error)
        sys.exit(1)
    components = {part.name: part for part in engine.components(measure=False)}
    probes = Probes(stack)
    finding = examine(probes, HOPS, components)
    if finding is None:
        print(f"All {len(HOPS)} hops work: every signal arrives in its store.")
        if discarded := probes.discarded():
            print("\nIn the last ten minutes, however:", *discarded, sep="\n  ")
        return
    print(f"\nFirst broken hop: {finding.hop.way}")
    print(f"Seen:   {finding.seen}")
    print(f"Likely: {finding.cause}.")
    print(f"Next:   {finding.next}.")
    sys.exit(1)


if __name__ == "__main__":
    typer.run(main)
