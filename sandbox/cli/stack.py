"""Commands that start, stop, inspect and test the stack."""

from pathlib import Path
from typing import Annotated

import typer

from sandbox.cli.app import app
from sandbox.model import ROOT

__all__: list[str] = []

Component = Annotated[str, typer.Argument(help="name of a service in docker-compose.yml")]


def _root() -> Path:
    """Return the current folder if it contains docker-compose.yml, otherwise the checkout that contains this file."""
    here = Path.cwd()
    return here if (here / "docker-compose.yml").exists() else ROOT


@app.command()
def up() -> None:
    """Start the whole stack and wait until it is healthy."""
    from sandbox.engines.commands import up

    up(_root())


@app.command()
def build() -> None:
    """Build the programs of the native engine without starting them."""
    from sandbox.engines.commands import build

    build(_root())


@app.command()
def down() -> None:
    """Stop the stack and keep its data."""
    from sandbox.engines.commands import down

    down(_root())


@app.command()
def clean() -> None:
    """Stop the stack and delete its data."""
    from sandbox.engines.commands import clean

    clean(_root())


@app.command()
def stop(name: Component) -> None:
    """Stop one component; it stays stopped."""
    from sandbox.engines.commands import stop

    stop(_root(), name)


@app.command()
def kill(name: Component) -> None:
    """Kill one component with SIGKILL, as a crash would."""
    from sandbox.engines.commands import kill

    kill(_root(), name)


@app.command()
def start(name: Component) -> None:
    """Start a component that was stopped or killed, and wait until it is healthy."""
    from sandbox.engines.commands import start

    start(_root(), name)


@app.command()
def status() -> None:
    """Show the running components, their health and memory use; exit status 1 unless all are healthy."""
    from sandbox.engines.commands import status

    raise typer.Exit(status(_root()))


@app.command()
def logs(
    services: Annotated[list[str] | None, typer.Argument(help="components (default: all)")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="follow new lines")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="number of last lines of each component")] = 20,
) -> None:
    """Show the last log lines."""
    from sandbox.engines.commands import logs

    logs(_root(), services or [], lines, follow)


@app.command("test")
def run_tests(
    reports: Annotated[Path, typer.Option(help="folder for the JUnit report")] = Path(".run/reports"),
    also: Annotated[list[str] | None, typer.Option(help="an additional folder of tests; repeatable")] = None,
) -> None:
    """Start the stack, run the end-to-end suite, stop the stack."""
    from sandbox.checks.suite import run_tests

    raise typer.Exit(run_tests(_root(), reports, also or []))
