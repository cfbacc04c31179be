"""`python -m release to SERVICE VERSION | back SERVICE [--schema REVISION] | show`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from release import commands, record
from stack.errors import StackError

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
ROOT = Path(__file__).resolve().parent.parent
Service = Annotated[str, typer.Argument(help="gateway, auth, payments, frontend-payments, ...")]


@app.command()
def to(service: Service, version: Annotated[str, typer.Argument(help="any version but the one that runs")]) -> None:
    """Run a version of a service in place of the one that runs."""
    commands.release(ROOT, service, version, typer.echo)


@app.command()
def back(
    service: Service,
    schema: Annotated[str, typer.Option(help="revision of its database to go back to, such as 0001")] = "",
) -> None:
    """Run the version that ran before."""
    commands.rollback(ROOT, service, typer.echo, schema)


@app.command()
def show() -> None:
    """What was released in place of the versions of .env, oldest first."""
    releases = record.read(ROOT)
    for service, rows in releases.items():
        for row in rows:
            typer.echo(f"{row.at}  {service} {row.version}")
    if not releases:
        typer.echo("Every service runs the version of .env.")


def main() -> None:
    """Run a command; problems are told without a traceback."""
    try:
        app()
    except StackError as error:
        from stack.view import print_error

        print_error(error)
        sys.exit(1)


if __name__ == "__main__":
    main()
