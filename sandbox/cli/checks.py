"""Commands that check the running stack: the doctor, the gate, pictures of dashboards."""

from pathlib import Path
from typing import Annotated

import typer

from sandbox.cli.app import app

__all__: list[str] = []


@app.command()
def doctor() -> None:
    """Send a probe along the path of every signal; exit status 1 if a hop is broken."""
    from sandbox.checks.doctor.examine import diagnose

    raise typer.Exit(diagnose())


@app.command()
def gate() -> None:
    """Run every check of Gate 4 against the running stack; exit status 1 unless each row passes."""
    from sandbox.checks.gate.run import judge_all

    raise typer.Exit(judge_all())


@app.command()
def snapshot(
    uids: Annotated[list[str] | None, typer.Argument(metavar="[UID]...", help="dashboards (default: all)")] = None,
    minutes: Annotated[float, typer.Option(help="length of the time range, in minutes")] = 15.0,
    to: Annotated[Path | None, typer.Option(help="folder for the pictures (default: snapshot in the reports)")] = None,
    var: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="a variable's value; repeatable")] = None,
) -> None:
    """Draw dashboards from live data, as PNG files."""
    from sandbox.dashboards.snapshot.draw import draw

    raise typer.Exit(draw(uids or [], minutes, to, dict(one.split("=", 1) for one in var or [])))
