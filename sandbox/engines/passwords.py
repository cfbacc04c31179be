"""Checks whether PostgreSQL accepts the configured passwords: it keeps those with which its data was created."""

from sandbox.model.compose import Topology
from sandbox.model.errors import StackError

__all__ = ["accepted", "owner_changed"]

SERVICE = "postgres"
OWNER = "POSTGRES_PASSWORD"
SECONDS = 2


def accepted(topology: Topology) -> bool:
    """Return True if every password was accepted, False if the server does not respond.

    Raises StackError that names a rejected password.
    """
    service = topology.services.get(SERVICE)
    if service is None:
        return True
    # Imported here: it would take a tenth of a second of each start.
    import psycopg

    for variable, role in _roles(service.environment).items():
        port = service.ports[0]
        try:
            # hostaddr and sslmode are explicit, to override PGHOSTADDR and PGSSLMODE of the caller's environment.
            psycopg.connect(
                host=port.host,
                hostaddr=port.host,
                port=port.published,
                user=role,
                dbname=service.environment["POSTGRES_DB"] if variable == OWNER else role,
                password=service.environment[variable],
                sslmode="disable",
                connect_timeout=SECONDS,
            ).close()
        except psycopg.OperationalError as error:
            if "password authentication failed" not in str(error):
                return False
            raise _refused(topology, variable, role) from error
    return True


def owner_changed(topology: Topology) -> bool:
    """Whether the owner's password is set anywhere but in .env."""
    return not topology.variables.origins.get(OWNER, ".env line").startswith(".env line")


def _roles(environment: dict[str, str]) -> dict[str, str]:
    """Return the role of each password: postgres/initdb.d creates one for each NAME_DATABASE_PASSWORD."""
    suffix = "_DATABASE_PASSWORD"
    roles = {name: name.removesuffix(suffix).lower() for name in environment if name.endswith(suffix)}
    return {OWNER: environment["POSTGRES_USER"], **roles}


def _refused(topology: Topology, variable: str, role: str) -> StackError:
    return StackError(
        f"PostgreSQL refuses {variable} ({topology.variables.origins[variable]}): its data were made with another "
        f"password for {role}, and keep it.",
        f"Put the old value of {variable} back; or `make clean` (it deletes the data), then `make up`.",
    )
