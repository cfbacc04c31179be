"""Load, and what the stack costs."""

from pathlib import Path
from typing import Annotated

import typer

from sandbox.cli.app import app

__all__: list[str] = []


@app.command()
def load(
    users: Annotated[int, typer.Option(help="people at once")] = 20,
    duration: Annotated[str, typer.Option(help="how long, such as 60s or 5m")] = "60s",
    processes: Annotated[int, typer.Option(help="processes to send from, when one cannot send enough")] = 1,
    page: Annotated[bool, typer.Option(help="steer by Locust's page on http://127.0.0.1:8089 instead")] = False,
) -> None:
    """Send customers and a few attackers; exit status 1 when a request failed or the telemetry missed one."""
    from loadtest.report import send

    raise typer.Exit(send(users, duration, processes, page))


@app.command()
def bench(
    workload: Annotated[str, typer.Argument(help="null or payment")] = "null",
    pairs: Annotated[int, typer.Option(min=2, help="of one pair there is no spread")] = 20,
    turns: Annotated[int, typer.Option(help="of each part in a pair")] = 10,
    part: Annotated[list[str] | None, typer.Option(help="only this one beside bare; repeatable")] = None,
    json: Annotated[Path | None, typer.Option(help="where the measurements are kept as well")] = None,
) -> None:
    """Measure what telemetry costs a request."""
    from loadtest.bench import compare

    compare(workload, pairs, turns, part or [], json)


@app.command()
def figures(
    cold: Annotated[bool, typer.Option(help="also build everything with empty caches (about ten minutes)")] = False,
    only: Annotated[list[str] | None, typer.Option(help="only this section of docs/figures.json; repeatable")] = None,
    render: Annotated[bool, typer.Option(help="measure nothing; write the page from what is kept")] = False,
) -> None:
    """Measure what docs/figures.md states, on this machine.

    The stack is started if need be, restarted on the way and left up; what it had stored is deleted.
    """
    from sandbox.figures.measurements import measured

    measured(cold, only or [], render)
