"""Commands that run load tests and measurements."""

from pathlib import Path
from typing import Annotated

import typer

from sandbox.cli.app import app

__all__: list[str] = []


@app.command()
def load(
    users: Annotated[int, typer.Option(help="number of concurrent users")] = 20,
    duration: Annotated[str, typer.Option(help="duration, such as 60s or 5m")] = "60s",
    processes: Annotated[int, typer.Option(help="number of processes that send requests")] = 1,
    page: Annotated[bool, typer.Option(help="control the test on Locust's page, http://127.0.0.1:8089")] = False,
) -> None:
    """Run a load test; exit status 1 if a request failed or its telemetry is missing.

    The simulated users are customers and a few attackers.
    """
    from loadtest.report import send

    raise typer.Exit(send(users, duration, processes, page))


@app.command()
def bench(
    workload: Annotated[str, typer.Argument(help="null or payment")] = "null",
    pairs: Annotated[int, typer.Option(min=2, help="number of pairs; at least 2, to estimate the spread")] = 20,
    turns: Annotated[int, typer.Option(help="turns of each part in a pair")] = 10,
    part: Annotated[list[str] | None, typer.Option(help="compare only this part with bare; repeatable")] = None,
    json: Annotated[Path | None, typer.Option(help="also write the measurements to this file")] = None,
) -> None:
    """Measure the cost of telemetry per request."""
    from loadtest.bench import compare

    compare(workload, pairs, turns, part or [], json)


@app.command()
def figures(
    cold: Annotated[bool, typer.Option(help="also build everything with empty caches (about ten minutes)")] = False,
    only: Annotated[list[str] | None, typer.Option(help="only this section of docs/figures.json; repeatable")] = None,
    render: Annotated[bool, typer.Option(help="measure nothing; write the page from the stored figures")] = False,
) -> None:
    """Measure the figures of docs/figures.md on this machine.

    Starts the stack if necessary, restarts it during the measurements and leaves it running. Deletes its stored data.
    """
    from sandbox.figures.measurements import measured

    measured(cold, only or [], render)
