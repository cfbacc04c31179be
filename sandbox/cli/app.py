"""The one application that every command belongs to, and how problems are told."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from sandbox.model.errors import StackError

__all__ = ["app", "group", "main", "refusing"]

# What typer makes of an interrupt.
INTERRUPTED = 130
# Commands that stop what they had started when they are interrupted.
TIDY = {"up", "build", "down", "clean", "stop", "kill", "start", "status", "test"}

app = typer.Typer(name="python -m sandbox", add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


def group(name: str, what: str) -> typer.Typer:
    """A command with commands of its own."""
    made = typer.Typer(no_args_is_help=True, help=what)
    app.add_typer(made, name=name)
    return made


@contextmanager
def refusing(*kinds: type[Exception]) -> Iterator[None]:
    """An exception of these kinds ends the command with its message and exit status 1."""
    try:
        yield
    except kinds as problem:
        sys.exit(str(problem))


def main() -> None:
    """Run a command; problems are told without a traceback."""
    # A terminated command tidies up like an interrupted one.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except StackError as error:
        from sandbox.engines.view import print_error

        print_error(error)
        sys.exit(1)
    except SystemExit as end:
        if end.code == INTERRUPTED and TIDY & set(sys.argv[1:2]):
            sys.stderr.write("Interrupted. What this command had started was stopped again; see `make status`.\n")
        raise
