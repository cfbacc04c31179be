"""Pages that fire and who has them; everything that is generated from objectives, contacts and boards."""

from typing import Annotated

import typer

from sandbox.cli.app import app, refusing

__all__: list[str] = []

Service = Annotated[str, typer.Option(help="only of this service")]


@app.command()
def ack(
    alert: Annotated[str, typer.Argument(help="its name, as in the mail; without it, what fires is listed")] = "",
    service: Service = "",
    by: Annotated[str, typer.Option(help="who answers (default: you)")] = "",
    hold: Annotated[str, typer.Option("--for", help="how long, such as 30m")] = "1h",
) -> None:
    """Tell nobody else of an alert that fires; without a name, list the pages that fire and who has them."""
    from sandbox.alerting.ack import AckError, acknowledge, overview

    with refusing(AckError):
        known = _alertmanager()
        typer.echo(acknowledge(known, alert, service=service, by=by, hold=hold) if alert else overview(known))


@app.command()
def unack(alert: Annotated[str, typer.Argument(help="its name, as in the mail")], service: Service = "") -> None:
    """Give a page back."""
    from sandbox.alerting.ack import AckError, withdraw

    with refusing(AckError):
        typer.echo(withdraw(_alertmanager(), alert, service=service))


@app.command()
def generate(
    check: Annotated[bool, typer.Option("--check", help="write nothing; refuse what is wrong or stale")] = False,
) -> None:
    """Write alert rules, routes and dashboards from what they are made of."""
    from sandbox.alerting import generate as alerts
    from sandbox.alerting.problems import Problem
    from sandbox.dashboards import generate as boards

    with refusing(Problem):
        for part in (alerts, boards):
            part.check() if check else part.generate()


def _alertmanager() -> str:
    from sandbox.model.stack import Stack

    return Stack().url("alertmanager")
