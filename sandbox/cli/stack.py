"""Starting and stopping the stack, looking at it, and testing it."""

from pathlib import Path
from typing import Annotated

import typer

from sandbox.cli.app import app
from sandbox.model import ROOT

__all__: list[str] = []

Component = Annotated[str, typer.Argument(help="a service of docker-compose.yml")]


def _root() -> Path:
    """The folder of the checkout: the one we are in when it holds a topology, else the one this file is in."""
    here = Path.cwd()
    return here if (here / "docker-compose.yml").exists() else ROOT


@app.command()
def up() -> None:
    """Start the whole stack and wait until it is healthy."""
    from sandbox.engines.commands import up

    up(_root())


@app.command()
def build() -> None:
    """Build or find every program that the native engine runs, without starting it."""
    from sandbox.engines.commands import build

    build(_root())


@app.command()
def down() -> None:
    """Stop the stack; its data stays."""
    from sandbox.engines.commands import down

    down(_root())


@app.command()
def clean() -> None:
    """Stop the stack and delete its data."""
    from sandbox.engines.commands import clean

    clean(_root())


@app.command()
def stop(name: Component) -> None:
    """Stop one component and leave it stopped, to see what happens without it."""
    from sandbox.engines.commands import stop

    stop(_root(), name)


@app.command()
def kill(name: Component) -> None:
    """End one component at once, as a crash would (SIGKILL)."""
    from sandbox.engines.commands import kill

    kill(_root(), name)


@app.command()
def start(name: Component) -> None:
    """Start one component that was stopped or killed, and wait until it is healthy."""
    from sandbox.engines.commands import start

    start(_root(), name)


@app.command()
def status() -> None:
    """What runs, how it is, how much memory it takes; exit status 1 unless everything is well."""
    from sandbox.engines.commands import status

    raise typer.Exit(status(_root()))


@app.command()
def logs(
    services: Annotated[list[str] | None, typer.Argument(help="components; all of them when none is named")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="keep reading")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="lines of each component to begin with")] = 20,
) -> None:
    """The last log lines."""
    from sandbox.engines.commands import logs

    logs(_root(), services or [], lines, follow)


@app.command("test")
def run_tests(
    reports: Annotated[Path, typer.Option(help="where the JUnit report goes")] = Path(".run/reports"),
    also: Annotated[list[str] | None, typer.Option(help="a further folder of tests; repeatable")] = None,
) -> None:
    """Up, the end-to-end suite, down."""
    from sandbox.checks.suite import run_tests

    raise typer.Exit(run_tests(_root(), reports, also or []))
