"""The Typer application that contains all commands, and its error handling."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from sandbox.model.errors import StackError

__all__ = ["app", "group", "main", "refusing"]

# Exit status that Typer sets on an interrupt.
INTERRUPTED = 130
# When interrupted, these commands stop whatever they had started.
TIDY = {"up", "build", "down", "clean", "stop", "kill", "start", "status", "test"}

app = typer.Typer(name="python -m sandbox", add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


def group(name: str, what: str) -> typer.Typer:
    """Add a group of subcommands."""
    made = typer.Typer(no_args_is_help=True, help=what)
    app.add_typer(made, name=name)
    return made


@contextmanager
def refusing(*kinds: type[Exception]) -> Iterator[None]:
    """Exit with the exception's message and status 1 if the block raises one of these exceptions."""
    try:
        yield
    except kinds as problem:
        sys.exit(str(problem))


def main() -> None:
    """Run a command; print errors without a traceback."""
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
