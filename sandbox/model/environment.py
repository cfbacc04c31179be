"""Selects the variables of the caller's environment that apply to this stack, and ignores those of other programs."""

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
    """Return one line that lists the exported variables that override .env and those that are ignored; "" if there are
    none.
    """
    taken = sorted(name for name, origin in topology.variables.origins.items() if origin == ENVIRONMENT)
    ignored = sorted(name for name, value in environment.items() if _ignored(name, value, topology))
    parts = [f"took {', '.join(taken)} over .env"] if taken else []
    parts += [f"ignored {', '.join(ignored)} (what this stack should use goes into .env.local)"] if ignored else []
    return f"Your environment: {'; '.join(parts)}." if parts else ""


def profiles(topology: Topology, given: Mapping[str, str]) -> set[str]:
    """Return the profiles in COMPOSE_PROFILES that docker-compose.yml defines; others belong to another project."""
    return _words(given.get("COMPOSE_PROFILES", "")) & _known_profiles(topology)


def for_docker(topology: Topology) -> dict[str, str]:
    """Return the environment for `docker compose`: the variables as read here, and those that the client itself needs.

    Compose prefers its environment to .env, and would obey COMPOSE_* variables of another project.
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
