"""Commands for the inventory of the stack, releases and new services."""

from typing import Annotated

import typer

from sandbox.cli.app import app
from sandbox.model import ROOT

__all__: list[str] = []

Service = Annotated[str, typer.Argument(help="gateway, auth, payments, frontend-payments, ...")]


@app.command()
def versions() -> None:
    """List every component: pinned version, running version, licence."""
    from sandbox.inventory.report import print_versions

    print_versions(ROOT)


@app.command()
def sbom() -> None:
    """Write the bill of materials, as CycloneDX JSON."""
    from sandbox.inventory.report import write_sbom

    write_sbom(ROOT)


@app.command()
def audit() -> None:
    """List known vulnerabilities of every Python and npm lock file; exit status 1 if there is one."""
    from sandbox.inventory.report import audit

    raise typer.Exit(audit(ROOT))


@app.command()
def diagram() -> None:
    """Print a Mermaid diagram of the connections between services, derived from the topology."""
    from sandbox.model.compose import read_topology
    from sandbox.model.diagram import diagram

    typer.echo(diagram(read_topology(ROOT, {})))


@app.command("new-service")
def new_service(
    name: Annotated[str, typer.Argument(help="a Python package name in lower case, such as orders")],
    team: Annotated[str, typer.Option(help="team that owns its errors and alerts")] = "platform",
) -> None:
    """Generate a new service and add it to the four files that list services."""
    from sandbox.scaffold.create import create

    typer.echo(create(name, team))


@app.command()
def release(
    service: Service, version: Annotated[str, typer.Argument(help="any version except the running one")]
) -> None:
    """Replace the running version of a service with another one."""
    from sandbox.release import commands

    commands.release(ROOT, service, version, typer.echo)


@app.command()
def rollback(
    service: Service,
    schema: Annotated[str, typer.Option(help="revision to which its database is rolled back first, such as 0001")] = "",
) -> None:
    """Roll a service back to its previous version."""
    from sandbox.release import commands

    commands.rollback(ROOT, service, typer.echo, schema)


@app.command()
def releases() -> None:
    """List the releases that replaced versions of .env, oldest first."""
    from sandbox.release import record

    found = record.read(ROOT)
    for service, rows in found.items():
        for row in rows:
            typer.echo(f"{row.at}  {service} {row.version}")
    if not found:
        typer.echo("Every service runs the version of .env.")
