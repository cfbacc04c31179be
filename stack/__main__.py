"""`python -m stack up|build|down|clean|stop|kill|start|status|logs|test`: the commands behind make, and a few more."""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from stack.errors import StackError

__all__ = ["app", "main"]

# What typer makes of an interrupt.
INTERRUPTED = 130

Component = Annotated[str, typer.Argument(help="a service of docker-compose.yml")]

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


def _root() -> Path:
    """The folder of the checkout: the one we are in when it holds a topology, else the one this file is in."""
    here = Path.cwd()
    return here if (here / "docker-compose.yml").exists() else Path(__file__).resolve().parent.parent


@app.command()
def up() -> None:
    """Start the whole stack and wait until it is healthy."""
    from stack.commands import up

    up(_root())


@app.command()
def build() -> None:
    """Build or find every program that the native engine runs, without starting it."""
    from stack.commands import build

    build(_root())


@app.command()
def down() -> None:
    """Stop the stack; its data stays."""
    from stack.commands import down

    down(_root())


@app.command()
def clean() -> None:
    """Stop the stack and delete its data."""
    from stack.commands import clean

    clean(_root())


@app.command()
def stop(name: Component) -> None:
    """Stop one component and leave it stopped, to see what happens without it."""
    from stack.commands import stop

    stop(_root(), name)


@app.command()
def kill(name: Component) -> None:
    """End one component at once, as a crash would (SIGKILL)."""
    from stack.commands import kill

    kill(_root(), name)


@app.command()
def start(name: Component) -> None:
    """Start one component that was stopped or killed, and wait until it is healthy."""
    from stack.commands import start

    start(_root(), name)


@app.command()
def status() -> None:
    """What runs, how it is, how much memory it takes; exit status 1 unless everything is well."""
    from stack.commands import status

    raise typer.Exit(status(_root()))


@app.command()
def logs(
    services: Annotated[list[str] | None, typer.Argument(help="components; all of them when none is named")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="keep reading")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="lines of each component to begin with")] = 20,
) -> None:
    """The last log lines."""
    from stack.commands import logs

    logs(_root(), services or [], lines, follow)


@app.command("test")
def run_tests(
    reports: Annotated[Path, typer.Option(help="where the JUnit report goes")] = Path(".run/reports"),
    also: Annotated[list[str] | None, typer.Option(help="a further folder of tests; repeatable")] = None,
) -> None:
    """Up, the end-to-end suite, down."""
    from stack.commands import run_tests

    raise typer.Exit(run_tests(_root(), reports, also or []))


def main() -> None:
    """Run a command; problems are told without a traceback."""
    # A terminated command tidies up like an interrupted one.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except StackError as error:
        from stack.view import print_error

        print_error(error)
        sys.exit(1)
    except SystemExit as end:
        if end.code == INTERRUPTED and "logs" not in sys.argv:
            sys.stderr.write("Interrupted. What this command had started was stopped again; see `make status`.\n")
        raise


if __name__ == "__main__":
    main()
