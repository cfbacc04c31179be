"""What the stack is made of, releases, new services."""

from typing import Annotated

import typer

from sandbox.cli.app import app
from sandbox.model import ROOT

__all__: list[str] = []

Service = Annotated[str, typer.Argument(help="gateway, auth, payments, frontend-payments, ...")]


@app.command()
def versions() -> None:
    """Every part of the stack: what is pinned, what runs, under which licence."""
    from sandbox.inventory.report import print_versions

    print_versions(ROOT)


@app.command()
def sbom() -> None:
    """Write the bill of materials, as CycloneDX JSON."""
    from sandbox.inventory.report import write_sbom

    write_sbom(ROOT)


@app.command()
def audit() -> None:
    """Known vulnerabilities of every Python and npm lock; exit status 1 when there is one."""
    from sandbox.inventory.report import audit

    raise typer.Exit(audit(ROOT))


@app.command()
def diagram() -> None:
    """Who talks to whom, as a Mermaid diagram made from the topology."""
    from sandbox.model.compose import read_topology
    from sandbox.model.diagram import diagram

    typer.echo(diagram(read_topology(ROOT, {})))


@app.command("new-service")
def new_service(
    name: Annotated[str, typer.Argument(help="a Python package name in lower case, such as orders")],
    team: Annotated[str, typer.Option(help="who owns its errors and alerts")] = "platform",
) -> None:
    """Write a new service into the checkout, and name it in the four files that must know it."""
    from sandbox.scaffold.create import create

    typer.echo(create(name, team))


@app.command()
def release(
    service: Service, version: Annotated[str, typer.Argument(help="any version but the one that runs")]
) -> None:
    """Run a version of a service in place of the one that runs."""
    from sandbox.release import commands

    commands.release(ROOT, service, version, typer.echo)


@app.command()
def rollback(
    service: Service,
    schema: Annotated[str, typer.Option(help="revision of its database to go back to, such as 0001")] = "",
) -> None:
    """Run the version that ran before."""
    from sandbox.release import commands

    commands.rollback(ROOT, service, typer.echo, schema)


@app.command()
def releases() -> None:
    """What was released in place of the versions of .env, oldest first."""
    from sandbox.release import record

    found = record.read(ROOT)
    for service, rows in found.items():
        for row in rows:
            typer.echo(f"{row.at}  {service} {row.version}")
    if not found:
        typer.echo("Every service runs the version of .env.")
