"""`python -m inventory versions`: what the stack is made of."""

import sys
from itertools import chain
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from inventory.parts import parts
from native import images
from native.layout import Layout
from stack import choice
from stack.compose import read_topology
from stack.errors import StackError
from stack.state import read_state
from stack.view import print_error

__all__ = ["app", "main"]

ROOT = Path(__file__).resolve().parent.parent

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def _commands() -> None:
    """What the stack is made of."""


@app.command()
def versions() -> None:
    """Every part of the stack: what is pinned, what runs, under which licence."""
    from inventory.running import DOWN, running

    topology = read_topology(ROOT)
    everything = parts(topology, images.load())
    engine = choice.running(topology, topology.services)
    state = read_state(Layout(ROOT).state)
    started = state.components if state else {}
    told = running(engine.components(), everything, topology.variables, started) if engine else {}
    table = Table("component", "pinned", "native", "running", "licence", box=None, pad_edge=False)
    for part in everything:
        table.add_row(part.name, part.pinned, part.native, told.get(part.name, DOWN), part.licence)
    # In a pipe or a CI log there is no width to fit into.
    Console(width=None if sys.stdout.isatty() else 160, highlight=False).print(table)


@app.command()
def sbom() -> None:
    """Write the bill of materials, as CycloneDX JSON."""
    from inventory.sbom import FILE, bill, write

    bom = bill(ROOT, parts(read_topology(ROOT), images.load()))
    write(bom, ROOT / FILE)
    print(f"{len(bom.components)} components are in {FILE}")


@app.command()
def audit() -> None:
    """Known vulnerabilities of every Python and npm lock; exit status 1 when there is one."""
    from inventory import audit as auditing
    from inventory.locks import find

    python = auditing.audit(find(ROOT, ".lock"), auditing.audit_python)
    npm = auditing.audit(find(ROOT, "package-lock.json"), auditing.audit_npm)
    vulnerable = False
    for lock, verdict in chain(python, npm):
        name = lock.relative_to(ROOT)
        for line in verdict.found:
            print(f"{name}: {line}", flush=True)
        if verdict.not_checked:
            print(f"{name}: not checked: {verdict.not_checked}", flush=True)
        elif not verdict.found:
            print(f"{name}: no known vulnerability", flush=True)
        vulnerable |= bool(verdict.found)
    raise typer.Exit(int(vulnerable))


def main() -> None:
    """Run a command; problems are told without a traceback."""
    try:
        app()
    except StackError as error:
        print_error(error)
        sys.exit(1)


if __name__ == "__main__":
    main()
