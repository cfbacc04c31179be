"""Practising an incident, its runbook, the tour, and single faults."""

import sys
import time
from typing import Annotated

import typer

from sandbox.cli.app import app, group
from sandbox.model import ROOT
from sandbox.model.errors import StackError

__all__: list[str] = []

gameday = group("gameday", "Practise an incident, unattended or as a drill.")
faults = group("faults", "Break the stack that runs, and mend it.")

FaultName = Annotated[str, typer.Argument(metavar="NAME", help="as `list` names it")]


@gameday.command("list")
def show() -> None:
    """Every scenario, and the alert that must tell of it."""
    from sandbox.incidents import scenario

    for name in scenario.names():
        one = scenario.read(name)
        typer.echo(f"  {name:24} {one.kind:22} {one.alert}")


@gameday.command()
def run(names: Annotated[list[str], typer.Argument(help="scenarios, or: all")]) -> None:
    """Play scenarios unattended and write a review of each; exit status 1 unless all passed."""
    from sandbox.incidents import scenario, session
    from sandbox.model.stack import Stack

    chosen = scenario.names() if names == ["all"] else names
    raise typer.Exit(session.play(Stack(), chosen, typer.echo))


@gameday.command()
def drill(seed: Annotated[int, typer.Option(help="the same seed hides the same scenario; 0 for any")] = 0) -> None:
    """Break something, tell nothing, and let a person find out."""
    from sandbox.incidents import session
    from sandbox.incidents.keyboard import Keyboard
    from sandbox.model.stack import Stack

    raise typer.Exit(session.drill(Stack(), seed, typer.echo, Keyboard(sys.stdin.fileno())))


@gameday.command()
def undo() -> None:
    """Remove the fault of a game day that was killed."""
    from sandbox.incidents.faults import undo_forgotten
    from sandbox.model.stack import Stack

    typer.echo(undo_forgotten(Stack()) or "Nothing is left of any game day.")


@gameday.command()
def review(
    start: Annotated[str, typer.Option("--from", help="when an incident began: 21:56, or 2026-11-24T21:56 (UTC)")] = "",
    end: Annotated[str, typer.Option("--to", help="when it was over; by default now")] = "",
) -> None:
    """Write the reviews of all runs and their summary again; with --from that of a real incident, from the stores."""
    from sandbox.incidents import session
    from sandbox.incidents.incident import moment
    from sandbox.model.stack import Stack

    if start or end:
        if not start:
            raise StackError("When did the incident begin?", "Say --from as well.")
        page = session.incident(Stack(), moment(start), moment(end) if end else time.time(), typer.echo)
        typer.echo(f"Review: {page.relative_to(ROOT)}")
        return
    typer.echo(f"{len(session.review_again(ROOT))} reviews written again. Summary: {session.summarise(ROOT)}")


@app.command()
def runbook(alert: Annotated[str, typer.Argument(help="the alert's name")]) -> None:
    """Print the runbook of an alert, with what the stores answer to its questions now."""
    from sandbox.incidents.desk import print_page
    from sandbox.incidents.runbook import read
    from sandbox.model.stack import Stack

    print_page(Stack(), read(alert))


@app.command()
def tour() -> None:
    """Make one payment, and show what every store knows of it."""
    from sandbox.incidents.tour import show

    show()


@faults.command("list")
def names() -> None:
    """Every fault and what it does."""
    from sandbox.incidents.faults import FAULTS

    for name, fault in FAULTS.items():
        typer.echo(f"{name:18} {fault.what}")


@faults.command()
def inject(name: FaultName) -> None:
    """Put a fault in; it stays until it is removed."""
    from sandbox.incidents.faults import inject_named
    from sandbox.model.stack import Stack

    typer.echo(f"In: {inject_named(Stack(), name).what}. Take it out: python -m sandbox faults remove {name}")


@faults.command()
def remove(name: FaultName) -> None:
    """Take a fault out again."""
    from sandbox.incidents.faults import remove_named
    from sandbox.model.stack import Stack

    typer.echo(f"Out: no longer, {remove_named(Stack(), name).what}.")
