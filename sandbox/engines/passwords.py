"""Whether PostgreSQL still takes the passwords of the settings: it keeps those that its data were made with."""

from sandbox.model.compose import Topology
from sandbox.model.errors import StackError

__all__ = ["accepted", "owner_changed"]

SERVICE = "postgres"
OWNER = "POSTGRES_PASSWORD"
SECONDS = 2


def accepted(topology: Topology) -> bool:
    """True when each password was tried and taken, False while nobody answers; StackError names one that is refused."""
    service = topology.services.get(SERVICE)
    if service is None:
        return True
    # Loaded where it is needed: it would take a tenth of a second of each start.
    import psycopg

    for variable, role in _roles(service.environment).items():
        port = service.ports[0]
        try:
            # hostaddr and sslmode are stated against PGHOSTADDR and PGSSLMODE of the caller's environment.
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
    """Whether another place than .env sets the owner's password."""
    return not topology.variables.origins.get(OWNER, ".env line").startswith(".env line")


def _roles(environment: dict[str, str]) -> dict[str, str]:
    """The role that each password is for: postgres/initdb.d makes one for each NAME_DATABASE_PASSWORD."""
    suffix = "_DATABASE_PASSWORD"
    roles = {name: name.removesuffix(suffix).lower() for name in environment if name.endswith(suffix)}
    return {OWNER: environment["POSTGRES_USER"], **roles}


def _refused(topology: Topology, variable: str, role: str) -> StackError:
    return StackError(
        f"PostgreSQL refuses {variable} ({topology.variables.origins[variable]}): its data were made with another "
        f"password for {role}, and keep it.",
        f"Put the old value of {variable} back; or `make clean` (it deletes the data), then `make up`.",
    )
