"""`python -m gameday list|run|drill|undo|runbook|review`: the commands behind `make gameday` and `make runbook`."""

import signal
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from gameday import faults, runbook, scenario
from stack.errors import StackError
from tests.support.stack import Stack

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
ROOT = Path(__file__).resolve().parent.parent


@app.command("list")
def show() -> None:
    """Every scenario, and the alert that must tell of it."""
    for name in scenario.names():
        one = scenario.read(name)
        typer.echo(f"  {name:24} {one.kind:22} {one.alert}")


@app.command()
def run(names: Annotated[list[str], typer.Argument(help="scenarios, or: all")]) -> None:
    """Play scenarios unattended and write a review of each; exit status 1 unless all passed."""
    from gameday import session

    chosen = scenario.names() if names == ["all"] else names
    raise typer.Exit(session.play(Stack(ROOT), chosen, typer.echo))


@app.command()
def drill(seed: Annotated[int, typer.Option(help="the same seed hides the same scenario; 0 for any")] = 0) -> None:
    """Break something, tell nothing, and let a person find out."""
    from gameday import session
    from gameday.keyboard import Keyboard

    raise typer.Exit(session.drill(Stack(ROOT), seed, typer.echo, Keyboard(sys.stdin.fileno())))


@app.command()
def undo() -> None:
    """Remove the fault of a game day that was killed."""
    told = faults.undo_forgotten(Stack(ROOT))
    typer.echo(told or "Nothing is left of any game day.")


@app.command("runbook")
def page(name: Annotated[str, typer.Argument(help="the alert's name")]) -> None:
    """Print the runbook of an alert, with what the stores answer to its questions now."""
    from gameday.desk import print_page

    print_page(Stack(ROOT), runbook.read(name))


@app.command()
def review(
    start: Annotated[str, typer.Option("--from", help="when an incident began: 21:56, or 2026-11-24T21:56 (UTC)")] = "",
    end: Annotated[str, typer.Option("--to", help="when it was over; by default now")] = "",
) -> None:
    """Write the reviews of all runs and their summary again; with --from that of a real incident, from the stores."""
    from gameday import session
    from gameday.incident import moment

    if start or end:
        if not start:
            raise StackError("When did the incident begin?", "Say --from as well.")
        page = session.incident(Stack(ROOT), moment(start), moment(end) if end else time.time(), typer.echo)
        typer.echo(f"Review: {page.relative_to(ROOT)}")
        return
    typer.echo(f"{len(session.review_again(ROOT))} reviews written again. Summary: {session.summarise(ROOT)}")


def main() -> None:
    """Run a command; problems are told without a traceback."""
    # A terminated game day tidies up like an interrupted one.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except StackError as error:
        from stack.view import print_error

        print_error(error)
        sys.exit(1)


if __name__ == "__main__":
    main()
