"""Implements the commands `versions`, `sbom` and `audit`."""

import sys
from itertools import chain
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sandbox.engines import choice
from sandbox.engines.native import images
from sandbox.engines.state import read_state
from sandbox.inventory import audit as auditing
from sandbox.inventory.locks import find
from sandbox.inventory.parts import parts
from sandbox.inventory.running import DOWN, running
from sandbox.inventory.sbom import FILE, bill, write
from sandbox.model.compose import read_topology
from sandbox.model.layout import Layout

__all__ = ["audit", "print_versions", "write_sbom"]


def print_versions(root: Path) -> None:
    """Print every component: pinned version, running version, licence."""
    topology = read_topology(root)
    everything = parts(topology, images.load())
    engine = choice.running(topology, topology.services)
    state = read_state(Layout(root).state)
    started = state.components if state else {}
    told = running(engine.components(), everything, topology.variables, started) if engine else {}
    table = Table("component", "pinned", "native", "running", "licence", box=None, pad_edge=False)
    for part in everything:
        table.add_row(part.name, part.pinned, part.native, told.get(part.name, DOWN), part.licence)
    # A pipe or CI log has no terminal width.
    Console(width=None if sys.stdout.isatty() else 160, highlight=False).print(table)


def write_sbom(root: Path) -> None:
    """Write the bill of materials, as CycloneDX JSON."""
    bom = bill(root, parts(read_topology(root), images.load()))
    write(bom, root / FILE)
    print(f"{len(bom.components)} components are in {FILE}")


def audit(root: Path) -> int:
    """Print known vulnerabilities of every Python and npm lock file. Return 1 if there is one."""
    python = auditing.audit(find(root, ".lock"), auditing.audit_python)
    npm = auditing.audit(find(root, "package-lock.json"), auditing.audit_npm)
    vulnerable = False
    for lock, verdict in chain(python, npm):
        name = lock.relative_to(root)
        for line in verdict.found:
            print(f"{name}: {line}", flush=True)
        if verdict.not_checked:
            print(f"{name}: not checked: {verdict.not_checked}", flush=True)
        elif not verdict.found:
            print(f"{name}: no known vulnerability", flush=True)
        vulnerable |= bool(verdict.found)
    return int(vulnerable)
