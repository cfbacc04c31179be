"""Terminal output: addresses, status, errors and next steps."""

import sys
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sandbox.engines.engine import Component
from sandbox.model.compose import Topology
from sandbox.model.errors import StackError
from sandbox.model.variables import interpolate

__all__ = ["next_steps", "print_addresses", "print_error", "print_status"]

COLOURS = {"healthy": "green", "running": "green", "done": "green", "starting": "yellow"}
MIB = 2**20


def _console(stderr: bool = False) -> Console:
    # A pipe or CI log has no terminal width.
    return Console(stderr=stderr, width=None if sys.stdout.isatty() else 140, highlight=False, soft_wrap=True)


def print_error(error: StackError) -> None:
    """Print the problem, its details and the next step."""
    console = _console(stderr=True)
    for line in error.details:
        console.print(Text(f"  {line}"), style="dim")
    console.print(Text(error.problem), style="bold red")
    console.print(Text(f"Next: {error.next_step}"))


def print_addresses(components: Iterable[Component], left_out: dict[str, str]) -> None:
    """Print the address of each component."""
    table = Table("component", "version", "address", box=None, pad_edge=False)
    for part in components:
        if part.addresses:
            table.add_row(part.name, part.version, "  ".join(part.addresses))
    console = _console()
    console.print()
    console.print(table)
    for name, reason in left_out.items():
        console.print(Text(f"without {name}: {reason}"))


def print_status(components: Iterable[Component], left_out: dict[str, str]) -> None:
    """Print the state of each component and the total memory."""
    components = list(components)
    table = Table("component", "engine", "state", "health", "process", "MiB", "address", box=None, pad_edge=False)
    table.columns[5].justify = "right"
    for part in components:
        table.add_row(
            part.name,
            part.engine,
            part.state,
            Text(part.health, style=COLOURS.get(part.health, "red")),
            part.identity,
            f"{part.memory / MIB:.0f}" if part.memory is not None else "-",
            "  ".join(part.addresses),
        )
    total = sum(part.memory or 0 for part in components)
    table.add_row("all", "", "", "", "", f"{total / MIB:.0f}", "")
    console = _console()
    console.print(table)
    for name, reason in left_out.items():
        console.print(Text(f"without {name}: {reason}"))


def next_steps(topology: Topology) -> str:
    """Return commands to paste, with the ports of this checkout: create an account, pay, find the payment."""
    text = Path(__file__).with_name("next-steps.txt").read_text(encoding="utf-8")
    return interpolate(text, topology.variables, "sandbox/engines/next-steps.txt")
