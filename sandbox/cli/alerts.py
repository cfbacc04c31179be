"""Commands that acknowledge alerts, and that generate rules, routes and dashboards."""

from typing import Annotated

import typer

from sandbox.cli.app import app, refusing

__all__: list[str] = []

Service = Annotated[str, typer.Option(help="only for this service")]


@app.command()
def ack(
    alert: Annotated[str, typer.Argument(help="name, as in the mail; without it, list the firing pages")] = "",
    service: Service = "",
    by: Annotated[str, typer.Option(help="who acknowledges (default: the current user)")] = "",
    hold: Annotated[str, typer.Option("--for", help="duration, such as 30m")] = "1h",
) -> None:
    """Acknowledge a firing alert; without a name, list the firing pages and their acknowledgements."""
    from sandbox.alerting.ack import AckError, acknowledge, overview

    with refusing(AckError):
        known = _alertmanager()
        typer.echo(acknowledge(known, alert, service=service, by=by, hold=hold) if alert else overview(known))


@app.command()
def unack(alert: Annotated[str, typer.Argument(help="its name, as in the mail")], service: Service = "") -> None:
    """Remove an acknowledgement."""
    from sandbox.alerting.ack import AckError, withdraw

    with refusing(AckError):
        typer.echo(withdraw(_alertmanager(), alert, service=service))


@app.command()
def generate(
    check: Annotated[bool, typer.Option("--check", help="write nothing; fail if a file is invalid or stale")] = False,
) -> None:
    """Generate alert rules, routes and dashboards."""
    from sandbox.alerting import generate as alerts
    from sandbox.alerting.problems import Problem
    from sandbox.dashboards import generate as boards

    with refusing(Problem):
        for part in (alerts, boards):
            part.check() if check else part.generate()


def _alertmanager() -> str:
    from sandbox.model.stack import Stack

    return Stack().url("alertmanager")
