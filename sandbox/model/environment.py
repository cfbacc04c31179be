"""What of the caller's environment counts: settings of this stack, not what was exported for another program."""

import os
import re
from collections.abc import Mapping

from sandbox.model.compose import Topology
from sandbox.model.variables import ENVIRONMENT, FOREIGN, counts

__all__ = ["for_docker", "profiles", "report"]

PROXIES = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}
# Variables that would change this stack if Compose or a container read them.
MEANT_ELSEWHERE = (*FOREIGN, "COMPOSE_", "GF_")


def report(topology: Topology, environment: Mapping[str, str]) -> str:
    """One line: which exported variables `make up` took over those of .env, and which it ignored; empty for neither."""
    taken = sorted(name for name, origin in topology.variables.origins.items() if origin == ENVIRONMENT)
    ignored = sorted(name for name, value in environment.items() if _ignored(name, value, topology))
    parts = [f"took {', '.join(taken)} over .env"] if taken else []
    parts += [f"ignored {', '.join(ignored)} (what this stack should use goes into .env.local)"] if ignored else []
    return f"Your environment: {'; '.join(parts)}." if parts else ""


def profiles(topology: Topology, given: Mapping[str, str]) -> set[str]:
    """The profiles of docker-compose.yml that COMPOSE_PROFILES names; those of another project are none of ours."""
    return _words(given.get("COMPOSE_PROFILES", "")) & _known_profiles(topology)


def for_docker(topology: Topology) -> dict[str, str]:
    """The environment of `docker compose`: the variables as they were read here, and what the client itself needs.

    Compose fills the file from its environment before it looks into .env, and obeys COMPOSE_* of another project.
    """
    handed_on = {
        name
        for service in topology.services.values()
        for name, value in (service.raw.get("environment") or {}).items()
        if value is None
    }
    client = {
        name: value
        for name, value in os.environ.items()
        if name not in handed_on and not name.startswith(("COMPOSE_", *FOREIGN))
    }
    return client | dict(topology.variables)


def _ignored(name: str, value: str, topology: Topology) -> bool:
    if name == "COMPOSE_PROFILES":
        return not _words(value) <= _known_profiles(topology)
    if name in topology.variables:
        return topology.variables[name] != value and not counts(name, value)
    return name.startswith(MEANT_ELSEWHERE) or name.upper() in PROXIES


def _known_profiles(topology: Topology) -> set[str]:
    return {profile for service in topology.services.values() for profile in service.profiles}


def _words(text: str) -> set[str]:
    return set(re.split(r"[,\s]+", text)) - {""}
