"""Commands for incidents: game days, runbooks, the tour, single faults."""

import sys
import time
from typing import Annotated

import typer

from sandbox.cli.app import app, group
from sandbox.model import ROOT
from sandbox.model.errors import StackError

__all__: list[str] = []

gameday = group("gameday", "Practise an incident, unattended or as a drill.")
faults = group("faults", "Inject faults into the running stack and remove them.")

FaultName = Annotated[str, typer.Argument(metavar="NAME", help="name of the fault, as printed by `list`")]


@gameday.command("list")
def show() -> None:
    """List the scenarios and the alert that each must cause."""
    from sandbox.incidents import scenario

    for name in scenario.names():
        one = scenario.read(name)
        typer.echo(f"  {name:24} {one.kind:22} {one.alert}")


@gameday.command()
def run(names: Annotated[list[str], typer.Argument(help="names of scenarios, or: all")]) -> None:
    """Run scenarios unattended and write a review of each; exit status 1 unless all passed."""
    from sandbox.incidents import scenario, session
    from sandbox.model.stack import Stack

    chosen = scenario.names() if names == ["all"] else names
    raise typer.Exit(session.play(Stack(), chosen, typer.echo))


@gameday.command()
def drill(seed: Annotated[int, typer.Option(help="selects the scenario; 0 selects a random one")] = 0) -> None:
    """Run an unknown scenario for a person to diagnose."""
    from sandbox.incidents import session
    from sandbox.incidents.keyboard import Keyboard
    from sandbox.model.stack import Stack

    raise typer.Exit(session.drill(Stack(), seed, typer.echo, Keyboard(sys.stdin.fileno())))


@gameday.command()
def undo() -> None:
    """Remove the fault of a game day that was killed."""
    from sandbox.incidents.injection import undo_forgotten
    from sandbox.model.stack import Stack

    typer.echo(undo_forgotten(Stack()) or "Nothing is left of any game day.")


@gameday.command()
def review(
    start: Annotated[str, typer.Option("--from", help="start of an incident: 21:56, or 2026-11-24T21:56 (UTC)")] = "",
    end: Annotated[str, typer.Option("--to", help="end of the incident (default: now)")] = "",
) -> None:
    """Regenerate the reviews of all runs and their summary; with --from, write the review of a real incident."""
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
def runbook(alert: Annotated[str, typer.Argument(help="name of the alert")]) -> None:
    """Print the runbook of an alert with the current results of its queries."""
    from sandbox.incidents.print_runbook import print_page
    from sandbox.incidents.runbook import read
    from sandbox.model.stack import Stack

    print_page(Stack(), read(alert))


@app.command()
def tour() -> None:
    """Make one payment and show its telemetry in every store."""
    from sandbox.incidents.tour import show

    show()


@faults.command("list")
def names() -> None:
    """List the faults and their effects."""
    from sandbox.incidents.injection import FAULTS

    for name, fault in FAULTS.items():
        typer.echo(f"{name:18} {fault.what}")


@faults.command()
def inject(name: FaultName) -> None:
    """Inject a fault; it stays until it is removed."""
    from sandbox.incidents.injection import inject_named
    from sandbox.model.stack import Stack

    typer.echo(f"In: {inject_named(Stack(), name).what}. Take it out: python -m sandbox faults remove {name}")


@faults.command()
def remove(name: FaultName) -> None:
    """Remove a fault."""
    from sandbox.incidents.injection import remove_named
    from sandbox.model.stack import Stack

    typer.echo(f"Out: no longer, {remove_named(Stack(), name).what}.")
